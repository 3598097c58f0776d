// Search without regular expressions from the model, so that no search can hang.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { Root } from './folder';
import { cappedLine, readTextFile } from './text-file';
import { walk, type LeftOut } from './walk';

/** Of one file: what a person wrote about anything is in its first megabyte. */
const MAX_SEARCHED_BYTES_PER_FILE = 1024 * 1024;
/** Of one search: some two seconds of reading. */
const MAX_SEARCHED_BYTES = 128 * 1024 * 1024;
/** Of one file among the matches, so that one long file does not push out all others. */
const MAX_MATCHES_PER_FILE = 8;
/** Files read at the same time: more than the four threads that read them gains nothing. */
const PARALLEL_READS = 8;

export type SearchMatch = 'words' | 'phrase';

export interface FoundLine {
  path: string;
  line: number;
  text: string;
  before?: string;
  after?: string;
}

export interface Found {
  matches: FoundLine[];
  /** Lines that match, shown or not. */
  totalMatches: number;
  filesWithMatches: number;
  filesSearched: number;
  linesSearched: number;
  leftOut: LeftOut & { binaryFiles: number; filesCut: number; filesBeyondLimit: number };
}

interface Candidate extends FoundLine {
  score: number;
  order: number;
}

/** Best lines first: those that hold more of the words, and whole words before parts of words. */
export async function search(
  root: Root,
  wanted: { query: string; match: SearchMatch; under: string; limit: number },
  signal: AbortSignal,
): Promise<Found> {
  const { files, leftOut } = await walk(root, wanted.under, signal);
  const needles = wanted.match === 'phrase' ? [wanted.query.trim()] : wanted.query.trim().split(/\s+/);
  const scoreOf = lineScorer([...new Set(needles.map(fold))], wanted.match);
  const candidates: Candidate[] = [];
  const found: Found = {
    matches: [],
    totalMatches: 0,
    filesWithMatches: 0,
    filesSearched: 0,
    linesSearched: 0,
    leftOut: { ...leftOut, binaryFiles: 0, filesCut: 0, filesBeyondLimit: 0 },
  };
  let bytes = 0;
  for (let at = 0; at < files.length; at += PARALLEL_READS) {
    signal.throwIfAborted();
    if (bytes > MAX_SEARCHED_BYTES) {
      found.leftOut.filesBeyondLimit = files.length - at;
      break;
    }
    const batch = files.slice(at, at + PARALLEL_READS);
    const texts = await Promise.all(batch.map((file) => readQuietly(root, file)));
    texts.forEach((text, index) => {
      if (text === 'unreadable') found.leftOut.unreadable += 1;
      else if (text.kind === 'binary') found.leftOut.binaryFiles += 1;
      else {
        bytes += text.bytes;
        if (text.cut) found.leftOut.filesCut += 1;
        found.filesSearched += 1;
        found.linesSearched += text.lines.length;
        const own = matchingLines(batch[index] ?? '', text.lines, scoreOf, candidates.length);
        found.totalMatches += own.total;
        if (own.total > 0) found.filesWithMatches += 1;
        candidates.push(...own.best);
      }
    });
  }
  found.matches = candidates.sort(byScore).slice(0, wanted.limit).map(shown);
  return found;
}

const byScore = (a: Candidate, b: Candidate): number => b.score - a.score || a.order - b.order;

const shown = ({ path: file, line, text, before, after }: Candidate): FoundLine => ({
  path: file,
  line,
  text: cappedLine(text),
  ...(before ? { before: cappedLine(before) } : {}),
  ...(after ? { after: cappedLine(after) } : {}),
});

function matchingLines(
  file: string,
  lines: string[],
  scoreOf: (line: string) => number,
  orderFrom: number,
): { total: number; best: Candidate[] } {
  const own: Candidate[] = [];
  lines.forEach((text, index) => {
    const score = scoreOf(text);
    if (score === 0) return;
    const before = lines[index - 1]?.trim();
    const after = lines[index + 1]?.trim();
    own.push({
      path: file,
      line: index + 1,
      text,
      ...(before ? { before } : {}),
      ...(after ? { after } : {}),
      score,
      order: orderFrom + index,
    });
  });
  return { total: own.length, best: own.sort(byScore).slice(0, MAX_MATCHES_PER_FILE) };
}

/** Upper and lower case are one, and so are letters with and without accents. */
export function fold(text: string): string {
  // Most lines are plain ASCII, for which the slow half changes nothing.
  if (/^[\x00-\x7f]*$/.test(text)) return text.toLowerCase();
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
}

const isLetter = (char: string | undefined): boolean => char !== undefined && /[\p{L}\p{N}]/u.test(char);

function lineScorer(needles: string[], match: SearchMatch): (line: string) => number {
  return (line) => {
    const folded = fold(line);
    let score = 0;
    for (const needle of needles) {
      if (needle !== '') score += match === 'phrase' ? phraseScore(folded, needle) : wordScore(line, folded, needle);
    }
    return score;
  };
}

const phraseScore = (folded: string, needle: string): number => {
  const at = folded.indexOf(needle);
  if (at === -1) return 0;
  return isLetter(folded[at - 1]) || isLetter(folded[at + needle.length]) ? 1 : 2;
};

/** 2 for a whole word, 1 for the beginning of one; a capital within an identifier begins a word too. */
function wordScore(line: string, folded: string, needle: string): number {
  // Folding can change the length of a line; then a capital is looked for in vain and only word beginnings count.
  const original = line.length === folded.length ? line : folded;
  let best = 0;
  for (let at = folded.indexOf(needle); at !== -1 && best < 2; at = folded.indexOf(needle, at + 1)) {
    const begins = !isLetter(folded[at - 1]) || isHump(original, at);
    const after = at + needle.length;
    if (begins) best = !isLetter(folded[after]) || isHump(original, after) ? 2 : Math.max(best, 1);
  }
  return best;
}

const isHump = (line: string, at: number): boolean =>
  /\p{Lu}/u.test(line[at] ?? '') && !/\p{Lu}/u.test(line[at - 1] ?? '');

/** Of files that the walk has just named: a link that took a file's place since is refused by O_NOFOLLOW. */
async function readQuietly(root: Root, file: string): Promise<Awaited<ReturnType<typeof readTextFile>> | 'unreadable'> {
  try {
    const handle = await open(path.join(root, file), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      return await readTextFile(handle, MAX_SEARCHED_BYTES_PER_FILE);
    } finally {
      await handle.close();
    }
  } catch {
    return 'unreadable';
  }
}
