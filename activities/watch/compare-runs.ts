// Which of the numbers of an agent's newest runs are others than before.
import type { Difference } from './difference';
import { medianOf, rankTest, usualValue } from './rank-test';
import { shareTest, shareThatIs } from './share-test';
import { TOOL_SHARE, absentValue, isShare, traitsOf } from './traits';
import type { WatchedRun } from './watched-run';

export interface Change extends Omit<Difference, 'isLarge'> {
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

/** Of the window, as many as a finding names. */
const SHOWN_MOST = 10;
/** With fewer on a side nothing can be said. */
const WINDOW_LEAST = 8;
const BASELINE_LEAST = 40;

/**
 * What is different in the window. Where nothing has changed the chance that anything is told is `alpha` at the most: each test of either side
 * has an equal part of it, which holds however they depend on each other.
 */
export function changesBetween(
  window: readonly WatchedRun[],
  baseline: readonly WatchedRun[],
  alpha: number,
): Change[] {
  const tests = metricsIn([window, baseline]).flatMap((metric) => testsOf(metric, window, baseline));
  const each = alpha / (2 * tests.length);
  return tests.flatMap(({ metric, of, ours, others }) => {
    if (ours.values.length < WINDOW_LEAST || others.values.length < BASELINE_LEAST) return [];
    const found = of === 'share' ? shareTest(ours.values, others.values) : rankTest(ours.values, others.values);
    if (!found?.isLarge || found.p > each) return [];
    const { direction, p } = found;
    const levelOf = ({ values }: Column): number => (of === 'share' ? shareThatIs(values) : medianOf(values));
    return [{ metric, of, direction, p, before: levelOf(others), after: levelOf(ours), runs: shown(ours, direction) }];
  });
}

interface Column {
  runs: WatchedRun[];
  values: number[];
}

interface Test {
  metric: string;
  of: Change['of'];
  ours: Column;
  others: Column;
}

/** How many there are follows from all runs together, whichever of them are the window: so it says nothing of what has changed. */
function testsOf(metric: string, window: readonly WatchedRun[], baseline: readonly WatchedRun[]): Test[] {
  const [ours, others] = [columnOf(metric, window), columnOf(metric, baseline)];
  if (ours.values.length + others.values.length < WINDOW_LEAST + BASELINE_LEAST) return [];
  if (isShare(metric)) return [{ metric, of: 'share', ours, others }];
  const usual = usualValue([...ours.values, ...others.values]);
  if (usual === undefined) return [{ metric, of: 'number', ours, others }];
  // Of a share of tool calls which most runs have none of, the tool's own test says the same.
  if (metric.startsWith(TOOL_SHARE)) return [];
  const beside = (name: string, isSo: (value: number) => boolean): Test => ({
    ...{ metric: `${metric}-${name}`, of: 'share' },
    ours: marked(ours, isSo),
    others: marked(others, isSo),
  });
  return [beside('above-usual', (value) => value > usual), beside('below-usual', (value) => value < usual)];
}

const marked = ({ runs, values }: Column, isSo: (value: number) => boolean): Column => ({
  runs,
  values: values.map((value) => Number(isSo(value))),
});

function columnOf(metric: string, runs: readonly WatchedRun[]): Column {
  const absent = absentValue(metric);
  const column: Column = { runs: [], values: [] };
  for (const run of runs) {
    const value = traitsOf(run).get(metric) ?? absent;
    if (value === undefined) continue;
    column.runs.push(run);
    column.values.push(value);
  }
  return column;
}

function metricsIn(groups: readonly (readonly WatchedRun[])[]): string[] {
  const found = new Set<string>();
  for (const runs of groups) for (const run of runs) for (const metric of traitsOf(run).keys()) found.add(metric);
  return [...found];
}

/** Those farthest on the side to which it went; of a share those that are so, or not so any more. The newest first among equals. */
function shown({ runs, values }: Column, direction: Change['direction']): WatchedRun[] {
  const side = direction === 'up' ? 1 : -1;
  return runs
    .map((run, at) => ({ run, height: side * (values[at] ?? 0), at }))
    .sort((one, other) => other.height - one.height || other.at - one.at)
    .slice(0, SHOWN_MOST)
    .map(({ run }) => run);
}
