// A run as the numbers that runs are compared by, each by the name that a finding gives it.
import type { WatchedRun } from './watched-run';

export const TOOL_SHARE = 'tool-share:';
const TOOL_USED = 'tool-used:';
const TOOL_FAILED = 'tool-failed:';
const FAILURE = 'failure:';

/** A run is looked at by many windows. */
const KNOWN = new WeakMap<WatchedRun, ReadonlyMap<string, number>>();

export function traitsOf(run: WatchedRun): ReadonlyMap<string, number> {
  const known = KNOWN.get(run);
  if (known) return known;
  const { values, tools, failures, completed, refused } = run;
  const calls = Object.values(tools).reduce((sum, [made]) => sum + made, 0);
  const traits = new Map<string, number>([
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
