// A text as one word of a shell. An id may hold anything, and a command that is shown is pasted by whoever is in a hurry.

/** What no shell acts on, at the beginning of a word either. */
const PLAIN = /^[\w.:/@-]+$/;
/** What is not shown, and would be missing from what is pasted: controls, and what turns the direction of a text. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
/** What a line that is shown would not keep: other spaces, and several in a row or at an end. */
const SPACES = /[^\S ]|\s\s|^\s|\s$/;

/** For bash, zsh, and whoever knows `$'...'`: nothing in it is expanded. */
export function shellWord(text: string): string {
  if (PLAIN.test(text)) return text;
  if (!HIDDEN.test(text) && !SPACES.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  return shellBytes(text, (char) => HIDDEN.test(char) || /\s/.test(char));
}

/** With some characters by their bytes, which are the same in any locale. */
export const shellBytes = (text: string, isHidden: (char: string) => boolean): string =>
  `$'${[...text].map((char) => escaped(char, isHidden)).join('')}'`;

function escaped(char: string, isHidden: (char: string) => boolean): string {
  if (char === '\\') return '\\\\';
  const isPlain = char !== "'" && char !== '!' && !isHidden(char);
  return isPlain ? char : Array.from(Buffer.from(char), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
