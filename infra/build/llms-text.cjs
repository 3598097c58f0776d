// llms.txt of the package: the sections of the README with their first sentence, so that an agent opens the one it needs. Made, never written.

/** @param {string} heading @returns {string} as GitHub makes a link of it */
const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

const SENTENCE_CHARS = 240;

/** @param {string} body @returns {string} its first sentence in plain text; empty where it begins with code or a table */
function firstSentence(body) {
  const [paragraph = ''] = body.trim().split(/\n\s*\n/, 1);
  if (/^(```|\||- |#)/.test(paragraph)) return '';
  const text = paragraph.replace(/\s+/g, ' ').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
  const sentence = /^.*?\.(?= |$)/.exec(text)?.[0] ?? text;
  return sentence.length > SENTENCE_CHARS ? '' : sentence.replace(/:$/, '.');
}

/** @param {string} readme @returns {string} */
function llmsText(readme) {
  // Only outside of code is a `#` a heading; in the blocks of this README none begins a line with it.
  const parts = readme.split(/^(?=#{1,3} )/m).map((part) => {
    const [title = '', ...body] = part.split('\n');
    const [, marks = '', heading = ''] = /^(#+) (.*)$/.exec(title) ?? [];
    return { depth: marks.length, heading, about: firstSentence(body.join('\n')) };
  });
  const [first, ...sections] = parts.filter(({ heading }) => heading !== '');
  if (!first) throw new Error('the README has no heading.');
  const line = ({ depth, heading, about }) =>
    `${'  '.repeat(depth - 2)}- [${heading}](README.md#${anchorOf(heading)})${about === '' ? '' : `: ${about}`}`;
  return [
    `# ${first.heading}`,
    '',
    `> ${first.about}`,
    '',
    'To read what runs have done, start `npx longhaul mcp`, a server of the Model Context Protocol, or add `--json` to any command.',
    '',
    '## Sections',
    '',
    ...sections.map(line),
    '',
  ].join('\n');
}

module.exports = { llmsText };
