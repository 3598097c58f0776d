// Which of the numbers of an agent's newest runs are others than before.
import type { Difference } from './difference';
import { medianOf, rankTest, usualPlace } from './rank-test';
import { someIn, tallyIn, thereIn, valuesIn, type Column, type RunTable } from './run-table';
import { shareTest, valueOf, type Share } from './share-test';
import { CALL_TIME, TOOL_SHARE, isEnough, isGoodNews, isShare } from './traits';
import type { WatchedRun } from './watched-run';

export interface Change extends Difference {
  /** As a finding names it: `tokens`, `completed`, `tool-failed:refund`. */
  metric: string;
  /** A number of each run, or a share of runs. */
  of: 'number' | 'share';
  /** Of the baseline and the window: the median, or the share of runs. */
  before: number;
  after: number;
  /** Of the window: those that show it most. */
  runs: readonly WatchedRun[];
}

/** Rows of a table: the baseline is those from `from`, the window those from `split` up to `to`. */
export interface Sides {
  from: number;
  split: number;
  to: number;
}

/** Of the window, as many as a finding names. */
const SHOWN_MOST = 10;
/** With fewer on a side nothing can be said. */
const WINDOW_LEAST = 8;
const BASELINE_LEAST = 40;
/** There are few of them, and dozens of others: of each tool and each type of failure there are several. */
const FIRST: ReadonlySet<string> = new Set(['completed', 'refused', 'tokens', 'cost', 'errors']);

/**
 * What is different in the window. Where nothing has changed the chance that anything is told is `alpha` at the most: half of it is for what
 * an agent is watched for first, half for all the rest, and each test of either side has an equal part of its half. That holds however they
 * depend on each other.
 */
export function changesBetween(table: RunTable, sides: Sides, alpha: number): Change[] {
  const tests = [...table.columns()].flatMap(([metric, column]) => testsOf(metric, column, sides));
  const first = tests.filter(({ isFirst }) => isFirst).length;
  const partOf = (isFirst: boolean): number => alpha / 2 / (2 * (isFirst ? first : tests.length - first));
  return tests.flatMap((test) => {
    const { metric, ours, others, tallies, isSo, isFirst } = test;
    if (ours.of < WINDOW_LEAST || others.of < BASELINE_LEAST) return [];
    const found = tallies ? rankTest(...tallies) : shareTest(ours, others);
    if (!found || found.p > partOf(isFirst)) return [];
    const { direction, p } = found;
    if (isGoodNews(metric, direction)) return [];
    const { before, after } = levels(test, sides);
    if (!isEnough(metric, before, after)) return [];
    const runs = shown(table, sides, test, direction);
    return [{ metric, of: isSo ? 'share' : 'number', direction, p, before, after, runs }];
  });
}

interface Test {
  metric: string;
  column: Column;
  isFirst: boolean;
  /** Of either side. Of a number what counts is how many runs there are. */
  ours: Share;
  others: Share;
  /** Of a number: of the window and the baseline. */
  tallies?: readonly [Uint32Array, Uint32Array];
  /** Of a share: whether a run is one of those counted. */
  isSo?: (value: number) => boolean;
}

/**
 * How many there are follows from all runs together, whichever of them are the window: so it says nothing of what has changed. Where all
 * are the same nothing can be found, and nothing is asked.
 */
function testsOf(metric: string, column: Column, { from, split, to }: Sides): Test[] {
  const countIn = (start: number, end: number): Share => ({
    some: someIn(column, start, end),
    of: thereIn(column, start, end),
  });
  const [ours, others] = [countIn(split, to), countIn(from, split)];
  const [some, of] = [ours.some + others.some, ours.of + others.of];
  const test = { metric, column, isFirst: FIRST.has(metric), ours, others };
  if (of < WINDOW_LEAST + BASELINE_LEAST || some === 0) return [];
  if (isShare(metric)) return some === of ? [] : [{ ...test, isSo: (value) => value !== 0 }];
  // Of a share of tool calls which most runs have none of, the tool's own test says the same.
  if (metric.startsWith(TOOL_SHARE) && some * 2 < of) return [];
  const tallies = [tallyIn(column, split, to), tallyIn(column, from, split)] as const;
  const place = usualPlace(...tallies);
  if (place === undefined) return [{ ...test, tallies }];
  if (metric.startsWith(TOOL_SHARE) || metric === CALL_TIME) return [];
  const usual = column.valueOf[column.order[place] ?? 0] ?? NaN;
  const beside = (name: string, [start, end]: [number, number?], isSo: (value: number) => boolean): Test[] => {
    const [inWindow, inBaseline] = tallies.map((tally) => sumOf(tally.subarray(start, end)));
    const shares = { ours: { some: inWindow ?? 0, of: ours.of }, others: { some: inBaseline ?? 0, of: others.of } };
    return inWindow === 0 && inBaseline === 0 ? [] : [{ ...test, ...shares, metric: `${metric}-${name}`, isSo }];
  };
  return [
    ...beside('above-usual', [place + 1], (value) => value > usual),
    ...beside('below-usual', [0, place], (value) => value < usual),
  ];
}

function sumOf(tally: Uint32Array): number {
  let sum = 0;
  for (let at = 0; at < tally.length; at += 1) sum += tally[at] ?? 0;
  return sum;
}

function levels({ column, ours, others, isSo }: Test, { from, split, to }: Sides): { before: number; after: number } {
  if (isSo) return { before: valueOf(others), after: valueOf(ours) };
  return { before: medianOf(valuesIn(column, from, split)), after: medianOf(valuesIn(column, split, to)) };
}

/** Those farthest on the side to which it went; of a share those that are so, or not so any more. The newest first among equals. */
function shown(
  { runs }: RunTable,
  { split, to }: Sides,
  { column, isSo }: Test,
  direction: Change['direction'],
): WatchedRun[] {
  const side = direction === 'up' ? 1 : -1;
  return runs
    .slice(split, to)
    .map((run, at) => ({ run, value: column.values[split + at] ?? NaN, at }))
    .filter(({ value }) => !Number.isNaN(value))
    .map(({ run, value, at }) => ({ run, at, height: side * (isSo ? Number(isSo(value)) : value) }))
    .sort((one, other) => other.height - one.height || other.at - one.at)
    .slice(0, SHOWN_MOST)
    .map(({ run }) => run);
}
