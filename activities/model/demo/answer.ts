// The answer: quotations with their places, best first, and an honest word about how close they are.
import { knownFiles, isCode, isComment, isHeading, isImport, type KnownFile, type RankedLine } from './rank';
import type { Evidence } from './plan';
import type { Question } from './terms';

interface Passage {
  path: string;
  from: number;
  lines: string[];
}

export interface Finding {
  /** The final answer. */
  text: string;
  /** The same for a report, with more of what stands around. */
  report: string;
}

const PASSAGES = 4;
/** One file that goes on about the matter leaves room for the others. */
const PASSAGES_OF_A_FILE = 2;
const REPORT_PASSAGES = 8;
/** A passage worth less than this part of the best one is noise beside it. */
const WORTH = 0.6;
/** Below this part of the question's weight a line only shares a word with it. */
const CLOSE = 0.45;
const QUOTED_CHARS = 300;
const LINES_OF_A_SENTENCE = 4;

export function composeAnswer(question: Question, evidence: Evidence): Finding {
  const known = knownFiles([...evidence.searches.flatMap((search) => search.lines), ...evidence.read]);
  const best = evidence.ranked[0];
  if (!best) return plain(nothingFound(question, evidence));
  const files = new Map(known.map((file) => [file.path, file]));
  const passages = pick(evidence.ranked, files, PASSAGES);
  const [first, ...others] = passages.map(quoted);
  const close = best.coverage >= CLOSE;
  const heading = close ? '' : 'No line answers this as it is asked. The closest:\n\n';
  const more = others.length > 0 ? `\n\nAlso:\n\n${others.join('\n\n')}` : '';
  const wide = pick(evidence.ranked, files, REPORT_PASSAGES, 2);
  return {
    text: `${heading}${first ?? ''}${more}`,
    report: [
      `Question: ${question.text}`,
      `${close ? 'Found' : 'No line answers this as it is asked; the closest are'}:`,
      ...wide.map((passage) => fenced(quoted(passage))),
      `${looked(question, evidence)} Quoted by the demo model, which searches and does not reason.`,
    ].join('\n\n'),
  };
}

const plain = (text: string): Finding => ({ text, report: text });

/** Passages that do not overlap, in order of their best lines. */
function pick(ranked: readonly RankedLine[], files: Map<string, KnownFile>, count: number, around = 0): Passage[] {
  const picked: Passage[] = [];
  const least = (ranked[0]?.score ?? 0) * WORTH;
  const said = new Set<string>();
  for (const line of ranked) {
    if (picked.length === count || line.score < least) break;
    const file = files.get(line.path);
    const taken = picked.some(
      ({ path, from, lines }) => path === line.path && line.line >= from - 1 && line.line <= from + lines.length,
    );
    const words = line.text.trim().toLowerCase();
    const enough = picked.filter(({ path }) => path === line.path).length >= PASSAGES_OF_A_FILE;
    if (!file || taken || enough || said.has(words)) continue;
    said.add(words);
    picked.push(passageAt(file, line.line, around));
  }
  return picked;
}

/** The line with the rest of its sentence; a comment with the code that it is about. */
function passageAt(file: KnownFile, line: number, around: number): Passage {
  let from = line;
  let to = line;
  const text = (at: number): string => file.lines.get(at) ?? '';
  const code = isCode(file.path);
  const joins = (upper: string, lower: string): boolean =>
    upper.trim() !== '' &&
    lower.trim() !== '' &&
    (code ? isComment(upper) && isComment(lower) && !SENTENCE_END.test(upper) : continues(upper, lower));
  while (to - from + 1 < LINES_OF_A_SENTENCE && joins(text(from - 1), text(from))) from -= 1;
  while (to - from + 1 < LINES_OF_A_SENTENCE && joins(text(to), text(to + 1))) to += 1;
  if (code && isComment(text(to)) && /[\p{L}\p{N}]/u.test(text(to + 1)) && !isImport(text(to + 1))) to += 1;
  from = Math.max(firstKnown(file, from), from - around);
  to = Math.min(lastKnown(file, to), to + around);
  const lines: string[] = [];
  for (let at = from; at <= to; at += 1) lines.push(text(at));
  return { path: file.path, from, lines };
}

const SENTENCE_END = /[.!?:;]["')\]]*\s*(\*\/)?\s*$|\*\/\s*$|^\W*$/;

/** Whether a sentence of prose goes on from one line to the next: list items, rows and headings stand alone. */
const continues = (upper: string, lower: string): boolean =>
  !isHeading(upper) &&
  !isHeading(lower) &&
  !/^\s*([-*+|>]|\d+[.)]|```|[=-]{3,})/.test(lower) &&
  !/^\s*(\||```|[=-]{3,})/.test(upper) &&
  upper.length > 40 &&
  !SENTENCE_END.test(upper);

function firstKnown({ lines }: KnownFile, from: number): number {
  let first = from;
  while (lines.has(first - 1)) first -= 1;
  return first;
}

function lastKnown({ lines }: KnownFile, to: number): number {
  let last = to;
  while (lines.has(last + 1)) last += 1;
  return last;
}

/** `path:line: text`, as grep writes it, so that editors and terminals make links of it. */
const quoted = ({ path, from, lines }: Passage): string =>
  lines
    .map((text, at) => ({ line: from + at, text: quotable(text) }))
    .filter(({ text }) => /[\p{L}\p{N}]/u.test(text))
    .map(({ line, text }) => `${path}:${line}: ${text}`)
    .join('\n');

/** Up to the first control character: an escape sequence in a file must not reach a terminal. */
const quotable = (text: string): string =>
  (/^[^\p{Cc}]*/u.exec(text.trim().replace(/^\p{Cc}+/u, ''))?.[0] ?? '').slice(0, QUOTED_CHARS).trim();

const fenced = (text: string): string => {
  const fence = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return `${fence}\n${text}\n${fence}`;
};

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

function looked({ terms, phrases }: Question, { searches, files }: Evidence): string {
  const searched = Math.max(files.length, ...searches.map((search) => search.filesSearched));
  const words = [...new Set([...terms.map((term) => term.word), ...phrases.map((phrase) => `"${phrase}"`)])];
  return words.length === 0 ? '' : `Searched ${count(searched, 'file')} for ${words.join(', ')}.`;
}

function nothingFound(question: Question, evidence: Evidence): string {
  const { files, searches, refusals } = evidence;
  if (files.length === 0 && searches.every((search) => search.filesSearched === 0)) {
    return refusals.length > 0
      ? `The folder could not be searched: ${refusals.join(' ')}`
      : 'The folder holds no text files, so there is nothing to quote.';
  }
  const opening = knownFiles(evidence.read)[0];
  const words = [looked(question, evidence)];
  if (words[0]) words.push('Nothing was found.');
  if (opening) {
    const lines = [...opening.lines].sort(([a], [b]) => a - b).filter(([, text]) => /[\p{L}\p{N}]/u.test(text));
    const passages = lines.slice(0, 5).map(([from, text]) => quoted({ path: opening.path, from, lines: [text] }));
    return [`${words.join(' ')} What the folder says about itself:`.trim(), ...passages].join('\n');
  }
  const names = files.slice(0, 10).map((file) => file.path);
  return names.length > 0
    ? `${words.join(' ')} The files are: ${names.join(', ')}${files.length > 10 ? ', …' : '.'}`.trim()
    : words.join(' ').trim();
}
