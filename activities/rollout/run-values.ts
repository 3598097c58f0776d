// What of an ended run is compared, taken from what the watch keeps of it.
import type { WatchedRun } from '../watch/watched-run';
import type { RunValues } from './strata';

export const FAILURE = 'failure:';
export const TOOL_FAILED = 'tool-failed:';
/** Of a whole run, from 0 to 1: as its range, or a yes, says. */
export const SCORE = 'score:';
export const DURATION = 'duration';
export const ANOMALIES = 'anomalies';

/** Whether the calls of a run must be read for it. */
export const needsCalls = (name: string): boolean =>
  name === 'tool-errors' || name.startsWith(FAILURE) || name.startsWith(TOOL_FAILED);

/**
 * Numbers that nobody counted are absent; a failure that did not come up, or a tool that was not called, is a 0: it might have been.
 * @param names of metrics; scores and anomalies are others' to add
 */
export function runValues(run: WatchedRun, names: readonly string[]): RunValues {
  const values: { [metric: string]: number } = {};
  for (const name of names) {
    const value = valueOf(run, name);
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function valueOf({ completed, values, failures, tools }: WatchedRun, name: string): number | undefined {
  if (name === 'success') return Number(completed);
  if (name === 'tool-errors') return Number(Object.values(tools).some(([, failed]) => failed > 0));
  if (name.startsWith(FAILURE)) return Number(failures.includes(name.slice(FAILURE.length)));
  if (name.startsWith(TOOL_FAILED)) return Number((tools[name.slice(TOOL_FAILED.length)]?.[1] ?? 0) > 0);
  return values[name];
}
