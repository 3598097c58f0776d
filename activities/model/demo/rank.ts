// Which lines answer a question: BM25's idea of rare words, on lines, with what stands near, above and in the file's name counted less.
import type { KnownLine, SearchResult } from './findings';
import { likeness, stem } from './stem';
import { wordsOf, type Question, type Term } from './terms';

export interface RankedLine extends KnownLine {
  score: number;
  /** From 0 to 1: the part of the question, rare words counting more, that the line and what is near it hold. */
  coverage: number;
}

/** The known lines of one file, in order. */
export interface KnownFile {
  path: string;
  lines: Map<number, string>;
}

/** What a neighbour's word counts, by its distance in lines: about what a paragraph spans. */
const NEAR = [1, 0.45, 0.3, 0.2, 0.12];
const FROM_HEADING = 0.4;
const FROM_PATH = 0.3;
/** A synonym may be one: less than the word itself, more than a neighbour's. */
const SYNONYM = 0.55;
/** Longer lines hold more words by chance; from here on that is held against them. */
const USUAL_LINE_CHARS = 120;

export function knownFiles(lines: readonly KnownLine[]): KnownFile[] {
  const byPath = new Map<string, KnownFile>();
  for (const { path, line, text } of lines) {
    const file = byPath.get(path) ?? { path, lines: new Map<number, string>() };
    byPath.set(path, file);
    // The same line may come from a search as a trimmed neighbour and from a reading in full.
    if ((file.lines.get(line)?.length ?? -1) < text.length) file.lines.set(line, text);
  }
  return [...byPath.values()];
}

/** Weight of each term: the rarer in the folder, the more it tells. */
export function termWeights(question: Question, searches: readonly SearchResult[]): Map<Term, number> {
  const lines = Math.max(1, ...searches.map((search) => search.linesSearched));
  return new Map(
    question.terms.map((term) => {
      const own = searches.find((search) => search.query === term.search);
      // A word that is nowhere says no more about a line than one that is there once.
      const found = Math.max(1, own?.totalMatches ?? 1);
      return [term, Math.log(1 + (lines - Math.min(found, lines) + 0.5) / (found + 0.5)) + 0.2];
    }),
  );
}

export function rankLines(
  question: Question,
  files: readonly KnownFile[],
  weights: ReadonlyMap<Term, number>,
): RankedLine[] {
  return files
    .flatMap((file) => rankFile(question, file, weights))
    .sort((a, b) => b.score - a.score || (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line));
}

interface ReadLine {
  line: number;
  text: string;
  heading: boolean;
  /** What each term counts in this line itself, by the term's position. */
  own: number[];
  stems: string[];
}

function rankFile(question: Question, file: KnownFile, weights: ReadonlyMap<Term, number>): RankedLine[] {
  const { terms } = question;
  const lines = readLines(question, file);
  const byLine = new Map(lines.map((line) => [line.line, line]));
  const inPath = terms.map((term) => presence(term, wordsOf(file.path).map(stem)) * FROM_PATH);
  const total = terms.reduce((sum, term) => sum + (weights.get(term) ?? 0), 0) || 1;
  let headings: number[] | undefined;
  return lines.map((line) => {
    if (line.heading) headings = line.own;
    const held = terms.map((_, at) =>
      Math.max(nearby(line, byLine, at), (headings?.[at] ?? 0) * FROM_HEADING, inPath[at] ?? 0),
    );
    const mass = terms.reduce((sum, term, at) => sum + (weights.get(term) ?? 0) * (held[at] ?? 0), 0);
    const coverage = mass / total;
    const itself = line.own.some((value) => value > 0) || holdsPhrase(question, line.text);
    const score = itself
      ? (mass + pairs(question, line, weights) + phraseBonus(question, line.text, total)) *
        (0.5 + 0.5 * coverage) *
        kindFactor(question, line, file.path)
      : 0;
    return { path: file.path, line: line.line, text: line.text, score, coverage };
  });
}

function readLines(question: Question, file: KnownFile): ReadLine[] {
  return [...file.lines]
    .sort(([a], [b]) => a - b)
    .map(([line, text]) => {
      const stems = wordsOf(text).map(stem);
      return {
        line,
        text,
        heading: !isCode(file.path) && isHeading(text),
        stems,
        own: question.terms.map((term) => presence(term, stems)),
      };
    });
}

function presence(term: Term, stems: readonly string[]): number {
  let best = 0;
  for (const candidate of stems) {
    best = Math.max(best, likeness(term.stem, candidate), term.similar.includes(candidate) ? SYNONYM : 0);
  }
  return best;
}

function nearby(line: ReadLine, byLine: ReadonlyMap<number, ReadLine>, term: number): number {
  let best = line.own[term] ?? 0;
  for (const step of [-1, 1]) {
    let gap = 1;
    for (let distance = 1; distance < NEAR.length; distance += 1) {
      const other = byLine.get(line.line + step * distance);
      if (other === undefined) break;
      // A blank line ends a paragraph: what follows is about something else, or about the same more loosely.
      if (other.stems.length === 0) gap *= 0.4;
      best = Math.max(best, (other.own[term] ?? 0) * (NEAR[distance] ?? 0) * gap);
    }
  }
  return best;
}

/** Two words of the question that stand side by side there and here: "inner basin" is not an inner wall beside a basin. */
function pairs(question: Question, line: ReadLine, weights: ReadonlyMap<Term, number>): number {
  let bonus = 0;
  question.terms.slice(1).forEach((term, at) => {
    const first = question.terms[at];
    if (!first) return;
    const together = line.stems.some(
      (candidate, index) => candidate === first.stem && line.stems.slice(index + 1, index + 3).includes(term.stem),
    );
    if (together) bonus += 0.3 * Math.min(weights.get(first) ?? 0, weights.get(term) ?? 0);
  });
  return bonus;
}

const holdsPhrase = (question: Question, text: string): boolean =>
  question.phrases.some((phrase) => text.toLowerCase().includes(phrase.toLowerCase()));

const phraseBonus = (question: Question, text: string, total: number): number =>
  holdsPhrase(question, text) ? 0.5 * total : 0;

const TEST_PATH = /(^|\/)(tests?|__tests__|spec|fixtures|kit)\/|[._-](test|spec)\.\w+$|(^|\/)test_[^/]*$/i;
/** Says nothing by itself. */
const IMPORT =
  /^\s*(import\b.*from\b|import\s+[\w.]+;?$|from\s+\S+\s+import\b|#include\b|using\s+[\w.]+;|require\(|export\s.*\bfrom\b)/;
const DEFINITION =
  /^(\s*(export\s+|public\s+|pub\s+|async\s+|abstract\s+|default\s+)*(function|class|interface|type|def|fn|func|struct|trait|module|enum)|(export\s+)?const)\s+[\p{L}_$]/u;
const COMMENT = /^\s*(\/\/|\/\*|\*|#\s|--\s|"""|;;)/;
const CODE_FILE = /\.(c|cc|cpp|cs|go|h|hpp|java|js|cjs|mjs|jsx|kt|php|py|rb|rs|scala|sh|sql|swift|ts|tsx)$/i;

export const isCode = (path: string): boolean => CODE_FILE.test(path);
export const isImport = (text: string): boolean => IMPORT.test(text);
export const isComment = (text: string): boolean => COMMENT.test(text);
export const isHeading = (text: string): boolean => /^(#{1,6}\s+\S|={1,5}\s+\S)/.test(text);

/** The part of a line that is neither letter, digit nor blank: a pattern or a row of data says little to a reader. */
const symbolsIn = (text: string): number => (text.match(/[^\p{L}\p{N}\s]/gu)?.length ?? 0) / (text.length || 1);

/** What kind of line it is: one that could stand as an answer, or one that only mentions the words. */
function kindFactor(question: Question, line: ReadLine, path: string): number {
  const { text } = line;
  const bare = text.trim();
  let factor = question.cue?.test(bare) ? 1.3 : 1;
  if (line.heading) factor *= 0.6;
  if (bare.includes('?') && /\?\W*$/.test(bare)) factor *= 0.5;
  if (isImport(text)) factor *= 0.3;
  if (TEST_PATH.test(path) && !question.terms.some((term) => /^(test|spec)$/.test(term.stem))) factor *= 0.6;
  if (isCode(path) && !isComment(text)) factor *= DEFINITION.test(text) ? 1.15 : 0.75;
  if (line.stems.length < 3) factor *= 0.6;
  if (symbolsIn(bare) > 0.25) factor *= 0.7;
  if (bare.length > USUAL_LINE_CHARS) factor *= 1 / (0.75 + (0.25 * bare.length) / USUAL_LINE_CHARS);
  return factor;
}
