// What a reader of a README could copy: its commands and its code, taken from the text itself.

/** Of one fenced block of code, in the order of the text. */
export function codeBlocks(readme: string, language: string): string[] {
  const fences = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm');
  return [...readme.matchAll(fences)].map(([, block = '']) => block);
}

/** From a heading to the next one. @throws when there is none of this name */
export function section(readme: string, heading: string): string {
  // Only outside of code is a `#` a heading; in the blocks of these READMEs none begins a line with it.
  const parts = readme.split(/^(?=#+ )/m);
  const found = parts.find((part) => part.split('\n', 1)[0]?.replace(/^#+ /, '') === heading);
  if (found === undefined) throw new Error(`the README has no heading "${heading}"`);
  return found;
}

/** What stands behind a `$` in its console blocks. */
export const consoleLines = (readme: string): string[] =>
  codeBlocks(readme, 'console').flatMap((block) => [...block.matchAll(/^\$ (.+)$/gm)].map(([, line = '']) => line));
