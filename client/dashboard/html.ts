// What pages are made of. All that is put into a page is text, escaped by `html`, unless `html` itself has made it.
import { html } from 'hono/html';
import { formatAge } from '../format';

export { html };
/** What `html` makes. */
export type Html = ReturnType<typeof html>;

/** Nothing, where a part of a page is left out. */
export const NOTHING = html``;

/**
 * What is not seen where it stands, and what turns the direction of the text beside it: controls but tab and line feed, spaces of no width,
 * marks, embeddings, overrides and isolates, and the tags that spell a second text. What joins letters, or parts them, belongs to the scripts
 * and emoji that need it, as do the six tags behind a black flag.
 */
const UNSEEN =
  /([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}](?<!\u{1f3f4}[\u{e0020}-\u{e007f}]{1,6}))/u;

/** Text that others wrote, whole: what would not be seen is shown by its number, and what looks like markup is text. */
export function shownText(text: string): Html {
  const parts = text.replaceAll('\r\n', '\n').split(UNSEEN);
  if (parts.length === 1) return html`${parts[0]}`;
  return html`${parts.map((part, at) => (at % 2 === 0 ? part : html`<span class="unseen">${numberOf(part)}</span>`))}`;
}

/** The same where no markup may stand: in the title of a page. */
export const shownLine = (text: string): string =>
  text
    .split(UNSEEN)
    .map((part, at) => (at % 2 === 0 ? part : numberOf(part)))
    .join('');

/** JSON that somebody edits, with what would not be seen by its number: the same value. */
export const editedJson = (value: unknown): string =>
  JSON.stringify(value, null, 2)
    .split('\n')
    .map((line) =>
      line
        .split(UNSEEN)
        .map((part, at) => (at % 2 === 0 ? part : escaped(part)))
        .join(''),
    )
    .join('\n');

/** As JSON has it: one that needs two units has two. */
const escaped = (character: string): string =>
  [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('');

/** At the beginning of a `pre`, of which HTML drops a first line feed. */
export const preText = (text: string): Html => html`${/^\r?\n/.test(text) ? '\n' : ''}${shownText(text)}`;

const numberOf = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;

/** How long ago, with the time itself. @param ms since 1970 */
export function ageOf(ms: number, now = Date.now()): Html {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}" title="${iso}">${formatAge(Math.max(0, now - ms))}</time>`;
}

export const timeOf = (ms: number): Html => {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}">${iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')}</time>`;
};

/** A path of the dashboard: what callers have chosen is encoded. */
export const linkTo = (
  parts: readonly (string | number)[],
  query: { [name: string]: string | undefined } = {},
): string => {
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]): [string, string][] => (value ? [[name, value]] : [])),
  ).toString();
  return `/ui/${parts.map((part) => encodeURIComponent(part)).join('/')}${search === '' ? '' : `?${search}`}`;
};
