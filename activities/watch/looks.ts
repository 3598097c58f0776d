// When an agent's newest runs are compared with those before them, and how sure a comparison must be, so that all of them together are wrong
// as seldom as was said.
import { changesBetween, type Change } from './compare-runs';
import type { RunTable } from './run-table';
import type { WatchedRun } from './watched-run';

/** So many of the newest runs: a large change shows in few, a small one in many. */
const WINDOWS = [10, 20, 40, 80, 160, 320] as const;
/** Before the window, at the most: what was a year ago is not what the agent is. */
const BASELINE_MOST = 1_000;
export const BASELINE_LEAST = 50;
/** The rate of false alarms is told for so many runs. */
export const RATE_RUNS = 100;
/** As many runs as a look ever reads, and those that come until the next one. */
export const KEPT_RUNS = BASELINE_MOST + 2 * Math.max(...WINDOWS);

export interface Look {
  window: readonly WatchedRun[];
  baseline: readonly WatchedRun[];
  changes: Change[];
}

/**
 * What the newest run of a release shows. Called once for each run, in the order in which they ended.
 *
 * A window of n runs is looked at after every n / 2 runs, by their number and not by the clock: so how many looks there are does not depend
 * on how often somebody comes. An agent that stays as it is has its runs in any order with equal chance. Then each test is wrong with
 * the chance that it was given, and the sum over all tests, windows and looks in RATE_RUNS runs is `falseAlarms`.
 * @param table runs of the release that this one took over from, oldest first, none of the first; then those of the release, the newest last
 * @param ofRelease how many of the table's are of the release
 * @param number of the newest, from 1, among all runs of the release
 * @param falseAlarms the chance that RATE_RUNS runs of an agent that stays as it is have any finding
 */
export function lookAt(
  { table, ofRelease, number }: { table: RunTable; ofRelease: number; number: number },
  falseAlarms: number,
): Look[] {
  const to = table.runs.length;
  return WINDOWS.flatMap((size) => {
    const [every, split] = [size / 2, to - size];
    const from = Math.max(0, split - BASELINE_MOST);
    if (number % every !== 0 || ofRelease < size || split - from < Math.max(size, BASELINE_LEAST)) return [];
    const alpha = (falseAlarms / WINDOWS.length) * (every / RATE_RUNS);
    const changes = changesBetween(table, { from, split, to }, alpha);
    return [{ window: table.runs.slice(split), baseline: table.runs.slice(from, split), changes }];
  });
}
