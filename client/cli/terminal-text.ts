// Text that others wrote, made safe for a terminal and measured for one.

/** Escape sequences whole, so that their visible remains ("[31m") do not stay behind: CSI, then strings such as titles and links, then the short ones. */
const SEQUENCES =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c\n]{0,4096}(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-~]/g;
/** Everything that moves a cursor, rings, or turns the direction of what stands beside it. Line feeds and tabs stay. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** @returns the text with its line breaks, and nothing in it that could drive a terminal */
export const safeForTerminal = (text: string): string =>
  text.replace(/\r\n?/g, '\n').replace(SEQUENCES, '').replace(CONTROLS, '').toWellFormed();

/** As {@link safeForTerminal}, on one line. */
export const safeLine = (text: string): string => safeForTerminal(text).replace(/\s+/g, ' ').trim();

const COLOR = /\u001b\[[\d;]*m/g;

/** Colours may pass, for they are ours; anything else may not. The last gate: callers have made content safe already. */
export function onlyColors(text: string): string {
  const colors = text.match(COLOR) ?? [];
  return text
    .split(COLOR)
    .map((part, at) => safeForTerminal(part) + (colors[at] ?? ''))
    .join('');
}

const ZERO_WIDTH = /^[\p{M}\u200d\ufe0f]$/u;
const DOUBLE_WIDTH =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}\p{Emoji_Presentation}]$/u;

const charWidth = (char: string): number => (ZERO_WIDTH.test(char) ? 0 : DOUBLE_WIDTH.test(char) ? 2 : 1);

/** Columns that a text takes, colours not counted. */
export const displayWidth = (text: string): number =>
  [...text.replace(COLOR, '')].reduce((sum, char) => sum + charWidth(char), 0);

/** Cuts a text without colours to a number of columns. */
export function clipped(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let used = 0;
  let cut = '';
  for (const char of text) {
    used += charWidth(char);
    if (used > columns - 1) break;
    cut += char;
  }
  return `${cut.trimEnd()}…`;
}

export const padded = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - displayWidth(text)));
