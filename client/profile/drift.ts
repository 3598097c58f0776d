// How runs of an agent have changed: by the time at which they began and by release, in so many steps that a picture of them can be read.
import type { RunCall } from '../../activities/store/run-calls';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { percentileOf } from './percentiles';
import type { AgentProfile } from './profile-shape';

type Drift = AgentProfile['drift'];
type Spread = Drift['points'][number]['tokens'];

const HOUR_MS = 3_600_000;
const STEPS_MS = [HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS, 7 * 24 * HOUR_MS, 28 * 24 * HOUR_MS] as const;
/** More of them, side by side, are a smear. */
const STEPS_MOST = 45;

/** Calls of tools, and those of them that failed. */
export interface ToolUse {
  calls: number;
  failed: number;
}

export function toolUseOf(calls: readonly RunCall[]): ToolUse {
  const made = calls.flatMap(({ record }) => (record.kind === 'tool' ? [record] : []));
  return { calls: made.length, failed: made.filter(({ result }) => result.failure !== undefined).length };
}

/** @param tools of those runs whose calls were read */
export function driftOf(ended: readonly RunRecord[], tools: ReadonlyMap<RunRecord, ToolUse>): Drift {
  const stepMs = stepOf(ended.map(({ startedAt }) => startedAt));
  const groups = new Map<string, RunRecord[]>();
  for (const record of ended) {
    const key = `${Math.floor(record.startedAt / stepMs)} ${record.release}`;
    const group = groups.get(key);
    if (group) group.push(record);
    else groups.set(key, [record]);
  }
  const points = [...groups.values()].map((runs) => pointOf(runs, stepMs, tools));
  return { stepMs, points: points.sort((a, b) => a.from - b.from || (a.release < b.release ? -1 : 1)) };
}

function stepOf(times: readonly number[]): number {
  const [first, last] = [times.reduce((a, b) => Math.min(a, b), Infinity), times.reduce((a, b) => Math.max(a, b), 0)];
  return STEPS_MS.find((ms) => last - first <= ms * STEPS_MOST) ?? 364 * 24 * HOUR_MS;
}

function pointOf(
  runs: readonly RunRecord[],
  stepMs: number,
  tools: ReadonlyMap<RunRecord, ToolUse>,
): Drift['points'][number] {
  const [{ release = '', startedAt = 0 } = {}] = runs;
  const totals = runs.flatMap(({ ended }) => (ended ? [ended.totals] : []));
  const used = runs.flatMap((run) => tools.get(run) ?? []);
  return {
    from: Math.floor(startedAt / stepMs) * stepMs,
    release,
    runs: runs.length,
    completed: runs.filter(({ ended }) => ended?.outcome === 'completed').length,
    tokens: spreadOf(totals.map(({ usage }) => usage.input + usage.output)),
    turns: spreadOf(totals.map(({ turns }) => turns)),
    toolCalls: used.reduce((sum, { calls }) => sum + calls, 0),
    toolFailures: used.reduce((sum, { failed }) => sum + failed, 0),
  };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { p10: percentileOf(sorted, 0.1), p50: percentileOf(sorted, 0.5), p90: percentileOf(sorted, 0.9) };
}
