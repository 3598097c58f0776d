// What the demo model does next: search, read the best places, keep a report, answer. All of it follows from the conversation alone.
import type { JsonValue } from '../../../workflows/contract/message';
import type { ToolSpec } from '../provider';
import type { Conversation, DoneCall, JsonObject } from './conversation';
import { filesListed, linesRead, searchResult, type KnownLine, type ListedFile, type SearchResult } from './findings';
import { knownFiles, rankLines, termWeights, type RankedLine } from './rank';
import { searchForms, stem } from './stem';
import { joined, SCRIPT_WITHOUT_SPACES, wordsOf, type Question, type Term } from './terms';

export interface PlannedCall {
  name: string;
  arguments: JsonObject;
}

/** Everything the conversation has shown so far. */
export interface Evidence {
  files: ListedFile[];
  searches: SearchResult[];
  read: KnownLine[];
  /** What the tools said instead of a result, in their own words. */
  refusals: string[];
  /** Best first; lines that hold nothing of the question are left out. */
  ranked: RankedLine[];
}

const FILES_TO_READ = 5;
const PHRASES_TO_SEARCH = 3;
/** Lines around a hit: a function or a section. */
const WINDOW = 14;
/** A file up to this size is read whole: its beginning often says what the rest means. */
const SMALL_FILE_BYTES = 6_000;

/** The tools that the analyst brings: any other agent's are used by name and shape, not by plan. */
export const canAnalyse = (tools: readonly ToolSpec[]): boolean =>
  takes(tools, 'search_text', 'query') && takes(tools, 'read_file', 'path');

export const takes = (tools: readonly ToolSpec[], name: string, argument: string): boolean =>
  tools.some((tool) => {
    const properties: JsonValue | undefined = tool.name === name ? tool.input['properties'] : undefined;
    return typeof properties === 'object' && properties !== null && argument in properties;
  });

export function gatherEvidence(question: Question, { turns }: Conversation): Evidence {
  const calls = turns.flat();
  const named = (name: string): DoneCall[] => calls.filter((call) => call.name === name);
  const searches = named('search_text').flatMap((call) => searchResult(call) ?? []);
  const read = named('read_file').flatMap(linesRead);
  const lines = [...searches.flatMap((search) => search.lines), ...read];
  const ranked = rankLines(question, knownFiles(lines), termWeights(question, searches));
  return {
    files: named('list_files').flatMap(filesListed),
    searches,
    read,
    refusals: [...new Set(calls.flatMap((call) => (call.ok ? [] : [asText(call.output)])))],
    ranked: ranked.filter((line) => line.score > 0),
  };
}

export const asText = (value: JsonValue): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The next calls, or none when it is time to answer. */
export function planCalls(
  question: Question,
  { turns }: Conversation,
  evidence: Evidence,
  tools: readonly ToolSpec[],
): PlannedCall[] {
  const calls = turns.flat();
  const asked = (name: string): boolean => calls.some((call) => call.name === name);
  if (!asked('search_text') && !asked('list_files')) return firstLook(question, tools);
  if (evidence.searches.length === 0 && evidence.files.length === 0) return [];
  if (asked('read_file')) return [];
  const places = placesToRead(question, evidence);
  if (places.length > 0) return places;
  const searchedTwice = turns.filter((turn) => turn.some((call) => call.name === 'search_text')).length > 1;
  const wider = searchedTwice ? [] : widerSearch(question);
  return wider.length > 0 ? wider : openingLines(evidence);
}

const searchFor = (query: string, match: 'words' | 'phrase', limit: number): PlannedCall => ({
  name: 'search_text',
  arguments: { query, match, limit },
});

function firstLook(question: Question, tools: readonly ToolSpec[]): PlannedCall[] {
  const words = question.terms.flatMap((term) => searchForms(term.word));
  const spaced = question.terms.filter((term) => !SCRIPT_WITHOUT_SPACES.test(term.word));
  return [
    ...(tools.some((tool) => tool.name === 'list_files') ? [{ name: 'list_files', arguments: {} }] : []),
    ...(spaced.length > 1 ? [searchFor(joined(words), 'words', 60)] : []),
    ...question.terms.map((term) => searchFor(term.search, spaced.includes(term) ? 'words' : 'phrase', 30)),
    ...question.phrases.slice(0, PHRASES_TO_SEARCH).map((phrase) => searchFor(phrase.slice(0, 200), 'phrase', 20)),
  ];
}

/** Nothing was found: the beginnings of the words, wherever they stand. */
function widerSearch({ terms }: Question): PlannedCall[] {
  const beginning = ({ word }: Term): string => word.slice(0, Math.max(4, Math.ceil(word.length * 0.6)));
  const long = terms.filter((term) => term.word.length > 4);
  return long.map((term) => searchFor(beginning(term), 'phrase', 20));
}

/** The best few files, around what was found in them. */
function placesToRead(question: Question, { ranked, files }: Evidence): PlannedCall[] {
  const sizes = new Map(files.map((file) => [file.path, file.bytes]));
  const byFile = new Map<string, RankedLine[]>();
  for (const line of ranked) byFile.set(line.path, [...(byFile.get(line.path) ?? []), line]);
  const found = [...byFile].map(([path, lines]) => ({ path, lines, score: fileScore(lines) }));
  const best = (found.sort((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1))[0]?.score ?? 0) || 1;
  const named = files
    .map(({ path }) => ({ path, lines: [], score: nameScore(question, path) * best }))
    .filter(({ path, score }) => score >= best * 0.5 && !byFile.has(path));
  return [...found, ...named]
    .sort((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1))
    .slice(0, FILES_TO_READ)
    .map(({ path, lines }) => readCall(path, lines, (sizes.get(path) ?? Infinity) <= SMALL_FILE_BYTES));
}

/** The best line counts; more good lines in the same file say that it is about the matter. */
const fileScore = (lines: readonly RankedLine[]): number =>
  lines.slice(0, 4).reduce((sum, line, at) => sum + line.score / (at === 0 ? 1 : 5 * at), 0);

/** The part of the question's words that the file's own name holds. */
function nameScore({ terms }: Question, path: string): number {
  const name = wordsOf(path.slice(path.lastIndexOf('/') + 1)).map(stem);
  return terms.filter((term) => name.includes(term.stem)).length / (terms.length || 1);
}

function readCall(path: string, lines: readonly RankedLine[], whole: boolean): PlannedCall {
  if (whole) return { name: 'read_file', arguments: { path } };
  const top = lines[0]?.line ?? 1;
  // Good lines close to the best one come into the same reading.
  const near = lines.slice(0, 5).filter((line) => Math.abs(line.line - top) <= 3 * WINDOW);
  const from = Math.max(1, Math.min(top, ...near.map((line) => line.line)) - WINDOW);
  const to = Math.max(top, ...near.map((line) => line.line)) + WINDOW;
  return { name: 'read_file', arguments: { path, from, to } };
}

const OVERVIEW = /^(readme|index|about|overview|introduction)\b/i;
const PROSE = /\.(md|markdown|txt|rst|adoc|org)$/i;

/** Nothing to search for, or nothing found: what the folder says about itself. */
function openingLines({ files }: Evidence): PlannedCall[] {
  const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
  const first = files.find(({ path }) => OVERVIEW.test(nameOf(path))) ?? files.find(({ path }) => PROSE.test(path));
  return first ? [{ name: 'read_file', arguments: { path: first.path, from: 1, to: 40 } }] : [];
}
