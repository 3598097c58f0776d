// An agent's runs, oldest first, as columns of numbers: many windows are looked at, and each run is taken apart once.
import { absentValue, traitsOf } from './traits';
import type { WatchedRun } from './watched-run';

export interface RunTable {
  readonly runs: readonly WatchedRun[];
  /** It is the newest. */
  add(run: WatchedRun): void;
  /** One of each metric that any run has. */
  columns(): Iterable<readonly [metric: string, column: Column]>;
}

export interface Column {
  /** Of each run; NaN of one that is left out. */
  values: Float64Array;
  /** How many of the runs up to each row are not left out, and of those how many are not 0. In the first place none. */
  there: Uint32Array;
  some: Uint32Array;
  /** Which of the values that ever came each run has, from 1 on; 0 of one that is left out. */
  codes: Uint32Array;
  known: Map<number, number>;
  /** Those values' codes, the smallest value first; and the values by their codes. */
  order: number[];
  valueOf: number[];
}

const FIRST_ROWS = 64;

export function createRunTable(known: readonly WatchedRun[] = []): RunTable {
  const runs: WatchedRun[] = [];
  const columns = new Map<string, Column>();
  let rows = Math.max(FIRST_ROWS, known.length);
  const longer = (metric: string): Column => {
    const before = columns.get(metric);
    const made: Column = {
      ...{ values: new Float64Array(rows), there: new Uint32Array(rows + 1), some: new Uint32Array(rows + 1) },
      ...{ codes: new Uint32Array(rows), known: before?.known ?? new Map<number, number>() },
      ...{ order: before?.order ?? [], valueOf: before?.valueOf ?? [] },
    };
    columns.set(metric, made);
    if (before) for (const part of ['values', 'there', 'some', 'codes'] as const) made[part].set(before[part]);
    else for (let row = 0; row < runs.length; row += 1) put(made, row, absentValue(metric) ?? NaN);
    return made;
  };
  const add = (run: WatchedRun): void => {
    const traits = traitsOf(run);
    if (runs.length === rows) {
      rows *= 2;
      for (const metric of columns.keys()) longer(metric);
    }
    for (const metric of traits.keys()) if (!columns.has(metric)) longer(metric);
    for (const [metric, column] of columns) put(column, runs.length, traits.get(metric) ?? absentValue(metric) ?? NaN);
    runs.push(run);
  };
  for (const run of known) add(run);
  return { runs, add, columns: () => columns };
}

function put(column: Column, row: number, value: number): void {
  const { values, there, some, codes } = column;
  values[row] = value;
  const isThere = !Number.isNaN(value);
  there[row + 1] = (there[row] ?? 0) + Number(isThere);
  some[row + 1] = (some[row] ?? 0) + Number(isThere && value !== 0);
  codes[row] = isThere ? codeOf(column, value) : 0;
}

function codeOf({ known, order, valueOf }: Column, value: number): number {
  const before = known.get(value);
  if (before !== undefined) return before;
  const code = known.size + 1;
  known.set(value, code);
  valueOf[code] = value;
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((valueOf[order[middle] ?? 0] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  order.splice(low, 0, code);
  return code;
}

const between = (counts: Uint32Array, from: number, to: number): number => (counts[to] ?? 0) - (counts[from] ?? 0);

/** Of the rows from `from` up to `to`. */
export const thereIn = ({ there }: Column, from: number, to: number): number => between(there, from, to);
export const someIn = ({ some }: Column, from: number, to: number): number => between(some, from, to);
export function valuesIn(column: Column, from: number, to: number): Float64Array {
  const values = column.values.subarray(from, to);
  return thereIn(column, from, to) === values.length ? values : values.filter((value) => !Number.isNaN(value));
}

/** How many of the rows from `from` up to `to` have each of the values that ever came, the smallest first. Nothing is sorted for it. */
export function tallyIn({ codes, order }: Column, from: number, to: number): Uint32Array {
  const byCode = new Uint32Array(order.length + 1);
  for (let row = from; row < to; row += 1) {
    const code = codes[row] ?? 0;
    byCode[code] = (byCode[code] ?? 0) + 1;
  }
  const tally = new Uint32Array(order.length);
  for (let at = 0; at < tally.length; at += 1) tally[at] = byCode[order[at] ?? 0] ?? 0;
  return tally;
}
