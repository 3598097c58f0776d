// Tool results as the demo model reads them. They come from tools of any version, so what does not look as expected is passed over.
import { isObject, type DoneCall, type JsonObject } from './conversation';
import type { JsonValue } from '../../../workflows/contract/message';

export interface KnownLine {
  path: string;
  line: number;
  text: string;
}

export interface SearchResult {
  query: string;
  lines: KnownLine[];
  totalMatches: number;
  filesSearched: number;
  linesSearched: number;
}

export interface ListedFile {
  path: string;
  bytes: number;
}

const numberOr = (value: JsonValue | undefined, otherwise: number): number =>
  typeof value === 'number' ? value : otherwise;
const objectsIn = (value: JsonValue | undefined): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

export function searchResult(call: DoneCall): SearchResult | undefined {
  if (!call.ok || !isObject(call.output)) return undefined;
  const { output } = call;
  const { query } = call.arguments;
  const lines: KnownLine[] = [];
  for (const match of objectsIn(output['matches'])) {
    const { path, line, text, before, after } = match;
    if (typeof path !== 'string' || typeof line !== 'number' || typeof text !== 'string') continue;
    if (typeof before === 'string') lines.push({ path, line: line - 1, text: uncut(before) });
    lines.push({ path, line, text: uncut(text) });
    if (typeof after === 'string') lines.push({ path, line: line + 1, text: uncut(after) });
  }
  return {
    query: typeof query === 'string' ? query : '',
    lines,
    totalMatches: numberOr(output['totalMatches'], lines.length),
    filesSearched: numberOr(output['filesSearched'], 0),
    linesSearched: numberOr(output['linesSearched'], 0),
  };
}

/** Lines of a `read_file` answer, each as its number, a tab, and its text. */
export function linesRead(call: DoneCall): KnownLine[] {
  if (!call.ok || !isObject(call.output)) return [];
  const { path, text } = call.output;
  if (typeof path !== 'string' || typeof text !== 'string') return [];
  return text.split('\n').flatMap((numbered) => {
    const [, line, content = ''] = /^(\d+)\t(.*)$/s.exec(numbered) ?? [];
    return line === undefined ? [] : [{ path, line: Number(line), text: uncut(content) }];
  });
}

export function filesListed(call: DoneCall): ListedFile[] {
  if (!call.ok || !isObject(call.output)) return [];
  return objectsIn(call.output['files']).flatMap(({ path, bytes, kind }) =>
    typeof path === 'string' && kind !== 'binary' ? [{ path, bytes: numberOr(bytes, 0) }] : [],
  );
}

/** Without the mark that says how much of a long line was left out: a quotation holds only what the file holds. */
const uncut = (line: string): string => line.replace(/ … \[\d+ more characters\]$/, '');
