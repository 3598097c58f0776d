// The frame of every page: where one may go, and what came of what was just done. Nothing in it is from elsewhere, and no script stands in it.
import type { Caller } from '../api/caller';
import { html, NOTHING, shownLine, type Html } from './html';

export interface Page {
  title: string;
  body: Html;
  /** @default 200 */
  status?: number;
  /** By which an open page says what it has. @default it is made anew each time */
  version?: string;
}

/** Of whom pages are: of a page without it nobody is signed in. */
export interface Reader {
  caller: Caller;
  token: string;
}

/** What may be loaded: what this server has. Forms go to this server; no page of another site may frame these. */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export const PAGE_HEADERS = {
  'content-security-policy': POLICY,
  'cache-control': 'no-store',
  // Not `no-referrer`: a form would then not say where it comes from.
  'referrer-policy': 'same-origin',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
} as const;

/** With the key that goes there, behind `g`. */
const PLACES = [
  { path: 'runs', name: 'Runs', key: 'r', scopes: ['read'] },
  { path: 'inbox', name: 'Inbox', key: 'i', scopes: ['read', 'approve'] },
  { path: 'queues', name: 'Queues', key: 'q', scopes: ['read'] },
  { path: 'cost', name: 'Cost', key: 'c', scopes: ['read'] },
  { path: 'agents', name: 'Agents', key: 'a', scopes: ['read', 'start'] },
  { path: 'releases', name: 'Releases', key: 'e', scopes: ['read'] },
] as const;

const placesOf = ({ may }: Pick<Caller, 'may'>): (typeof PLACES)[number][] =>
  PLACES.filter(({ scopes }) => scopes.some((scope) => may(scope)));

/** Where a reader begins who has not said where to go. */
export const firstPlace = (caller: Pick<Caller, 'may'>): string => `/ui/${(placesOf(caller)[0] ?? PLACES[0]).path}`;

const DONE: ReadonlyMap<string, string> = new Map(
  Object.entries({
    cancel: 'The run is asked to end.',
    pause: 'The run is asked to pause.',
    resume: 'The run goes on.',
    steer: 'The run has taken what you said.',
    extend: 'The run has more from now on.',
    approve: 'Approved. Whoever makes the call checks it; where it does not count, the run asks again.',
    deny: 'Denied: the model is told.',
    replace: 'The run has taken the result.',
    score: 'Your score is kept.',
    'rollout-pause': 'The rollout is asked to pause.',
    'rollout-resume': 'The rollout is asked to go on.',
    'rollout-promote': 'The rollout is asked to promote its candidate.',
    'rollout-abort': 'The rollout is asked to take its candidate back.',
  }),
);

/** @param path of the page, by which it is known where one is; @param done what was just done, by its name */
export function pageHtml(
  { title, body, version = '' }: Page,
  path: string,
  reader?: Reader,
  done?: string | null,
): Html {
  const told = done ? DONE.get(done) : undefined;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${shownLine(title)} · Longhaul</title>
        <link rel="icon" href="/ui/assets/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/ui/assets/dashboard.css" />
        <script src="/ui/assets/dashboard.js" defer></script>
      </head>
      <body>
        <a class="skip" href="#main">To the content</a>
        ${reader ? headerHtml(reader, path) : NOTHING}
        ${reader ? html`<p id="stale" class="stale" role="status" hidden></p>` : NOTHING}
        <main id="main" tabindex="-1" data-seen="${version}">
          ${told === undefined ? NOTHING : html`<p class="told" role="status">${told}</p>`} ${body}
        </main>
        ${reader ? HELP : NOTHING}
      </body>
    </html>`;
}

function headerHtml({ caller, token }: Reader, path: string): Html {
  return html`<header>
    <a class="brand" href="/ui">Longhaul</a>
    <nav aria-label="Pages">
      ${placesOf(caller).map(
        (place) =>
          html`<a
            href="/ui/${place.path}"
            data-go="${place.key}"
            ${path.startsWith(`/ui/${place.path}`) ? html`aria-current="page"` : NOTHING}
            >${place.name}</a
          >`,
      )}
    </nav>
    ${
      caller.name === undefined
        ? NOTHING
        : html`<form method="post" action="/ui/sign-out" class="who">
            <span>key <b>${caller.name}</b></span>
            <input type="hidden" name="token" value="${token}" />
            <button>Sign out</button>
          </form>`
    }
  </header>`;
}

const HELP = html`<dialog id="help" aria-labelledby="help-title">
  <h2 id="help-title">Keys</h2>
  <dl>
    <dt><kbd>j</kbd> <kbd>k</kbd></dt>
    <dd>next and previous row</dd>
    <dt><kbd>Enter</kbd></dt>
    <dd>open the row</dd>
    <dt><kbd>/</kbd></dt>
    <dd>search</dd>
    <dt><kbd>g</kbd> then <kbd>r</kbd> <kbd>i</kbd> <kbd>q</kbd> <kbd>c</kbd> <kbd>a</kbd> <kbd>e</kbd></dt>
    <dd>runs, inbox, queues, cost, agents, releases</dd>
    <dt><kbd>?</kbd></dt>
    <dd>this list</dd>
  </dl>
  <form method="dialog"><button>Close</button></form>
</dialog>`;

/** What cannot be shown, and why. */
export const problemPage = ({ status, title, message }: { status: number; title: string; message: string }): Page => ({
  title,
  status,
  body: html`<h1>${title}</h1>
    <p>${message}</p>
    <p><a href="/ui">To the runs</a></p>`,
});
