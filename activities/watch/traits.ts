// A run as the numbers that runs are compared by, each by the name that a finding gives it.
import type { WatchedRun } from './watched-run';

/** Milliseconds in which the run's calls were under way. */
export const CALL_TIME = 'call-time';
export const TOOL_SHARE = 'tool-share:';
const TOOL_USED = 'tool-used:';
const TOOL_FAILED = 'tool-failed:';
const FAILURE = 'failure:';

/** A run stands in the table of its release, and in that of the next one. */
const KNOWN = new WeakMap<WatchedRun, ReadonlyMap<string, number>>();

export function traitsOf(run: WatchedRun): ReadonlyMap<string, number> {
  const known = KNOWN.get(run);
  if (known) return known;
  const { values, tools, failures, completed, refused } = run;
  const calls = Object.values(tools).reduce((sum, [made]) => sum + made, 0);
  const traits = new Map([
    ...Object.entries(values),
    ['completed', Number(completed)],
    ['refused', Number(refused)],
    ...Object.entries(tools).flatMap(([tool, [made, failed]]): [string, number][] => [
      [`${TOOL_USED}${tool}`, 1],
      [`${TOOL_FAILED}${tool}`, Number(failed > 0)],
      [`${TOOL_SHARE}${tool}`, made / calls],
    ]),
    ...failures.map((type): [string, number] => [`${FAILURE}${type}`, 1]),
  ]);
  KNOWN.set(run, traits);
  return traits;
}

/** A share of runs has the value 1 in those that are so; all others are numbers. */
export const isShare = (metric: string): boolean =>
  metric === 'completed' ||
  metric === 'refused' ||
  [TOOL_USED, TOOL_FAILED, FAILURE].some((kind) => metric.startsWith(kind));

/** What a run is that says nothing of it: it has not used the tool. Undefined where it is left out: what it did not use did not fail. */
export const absentValue = (metric: string): 0 | undefined =>
  [TOOL_USED, TOOL_SHARE, FAILURE].some((kind) => metric.startsWith(kind)) ? 0 : undefined;

/** What nobody need look into: an incident that is over. */
export function isGoodNews(metric: string, direction: 'up' | 'down'): boolean {
  if (metric === 'completed') return direction === 'up';
  const isOfFailure =
    metric === 'refused' ||
    /^errors(-|$)/.test(metric) ||
    [TOOL_FAILED, FAILURE].some((kind) => metric.startsWith(kind));
  return isOfFailure && (direction === 'down') !== metric.endsWith('-below-usual');
}

/** Half as long again, or as much less; and a second, below which it is the machine's. */
const CALL_TIME_TIMES = 1.5;
const CALL_TIME_LEAST_MS = 1_000;

/**
 * How fast a provider answers and what else a machine has to do comes in waves, so that runs are not in any order with equal chance: of time
 * a difference must be large, however sure it is.
 */
export function isEnough(metric: string, before: number, after: number): boolean {
  if (metric !== CALL_TIME) return true;
  const [less, more] = [Math.min(before, after), Math.max(before, after)];
  return more >= CALL_TIME_TIMES * less && more - less >= CALL_TIME_LEAST_MS;
}
