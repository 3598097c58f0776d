// How an agent has behaved, from the records of its runs and of their calls. From the store alone, and with bounded reads: the calls of the
// newest runs are looked at, and of the others their records.
import type { ContentStore } from '../../activities/store';
import { allRefs } from '../../activities/store/all-refs';
import { RUN_PREFIX } from '../../activities/store/ref-names';
import { callsOf } from '../../activities/store/run-calls';
import { indexedRuns, recordOf } from '../../activities/store/run-index';
import { addUsage } from '../../workflows/contract/cost';
import type { Usage } from '../../workflows/contract/message';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { counts, createCallFigures } from './call-figures';
import { driftOf, toolUseOf, type ToolUse } from './drift';
import { distributionOf } from './percentiles';
import type { AgentProfile } from './profile-shape';
import { RUNS_ENOUGH, suggestions } from './suggestions';

/** Records that are read at most: the newest. */
export const RUNS_MOST = 10_000;
/** Runs whose calls are read at most: the newest, side by side in time, so that what arrived in a minute is whole. */
export const READ_RUNS_MOST = 1_000;
const AT_ONCE = 50;

export interface ProfileAsked {
  agent: string;
  /** Milliseconds since 1970: only runs that began then or later. @default all */
  since?: number;
  /** Hash of a release, or the beginning of one. @default all */
  release?: string;
  /** @default all */
  fits?(record: RunRecord): boolean | Promise<boolean>;
  /** Told of what has been read, now and then. */
  onRead?(what: { records: number } | { calls: number; of: number }): void;
}

/** @throws what keeps the store from telling */
export async function profileAgent(store: ContentStore, asked: ProfileAsked): Promise<AgentProfile> {
  const records = await newestRecords(store, asked);
  const ended = records.filter((record) => record.ended);
  const read = ended.filter(({ erased }) => !erased).slice(0, READ_RUNS_MOST);
  const figures = createCallFigures();
  const tools = new Map<RunRecord, ToolUse>();
  for (let at = 0; at < read.length; at += AT_ONCE) {
    const some = read.slice(at, at + AT_ONCE);
    const calls = await Promise.all(some.map(({ ended: end }) => callsOf(store, end?.firstRunId ?? '')));
    some.forEach((record, nth) => {
      const own = calls[nth]?.calls ?? [];
      figures.take(record, own);
      tools.set(record, toolUseOf(own));
    });
    asked.onRead?.({ calls: at + some.length, of: read.length });
  }
  const { waitingMs, ...ofCalls } = figures.figures();
  const times = records.map(({ startedAt }) => startedAt);
  const about: Omit<AgentProfile, 'suggests' | 'enough'> = {
    agent: asked.agent,
    release: asked.release ?? null,
    releases: new Set(records.map(({ release }) => release)).size,
    from: times.length === 0 ? null : times.reduce((a, b) => Math.min(a, b)),
    to: times.length === 0 ? null : times.reduce((a, b) => Math.max(a, b)),
    ...{ runs: ended.length, open: records.length - ended.length, readRuns: read.length },
    erased: ended.filter(({ erased }) => erased).length,
    ...ofRecords(ended, waitingMs),
    drift: driftOf(ended, tools),
    ...ofCalls,
  };
  const enough = ended.length >= RUNS_ENOUGH;
  return { ...about, enough, suggests: enough ? suggestions(about, ended) : [] };
}

/** The newest first. */
async function newestRecords(store: ContentStore, asked: ProfileAsked): Promise<RunRecord[]> {
  const { agent, since = 0, release, fits, onRead } = asked;
  const kept: RunRecord[] = [];
  const keep = async (record: RunRecord | undefined): Promise<void> => {
    if (!record || record.agent !== agent || record.startedAt < since) return;
    if (release !== undefined && !record.release.startsWith(release)) return;
    if ((await fits?.(record)) ?? true) kept.push(record);
  };
  const runs = await indexedRuns(store);
  if (!runs) {
    // Older than the index; the next worker brings them into it.
    for (const { value } of await allRefs(store, RUN_PREFIX)) await keep(runRecordSchema.safeParse(value).data);
    return kept.sort((a, b) => b.startedAt - a.startedAt).slice(0, RUNS_MOST);
  }
  let waiting: Promise<RunRecord | undefined>[] = [];
  const take = async (): Promise<void> => {
    for (const record of await Promise.all(waiting)) await keep(record);
    waiting = [];
    onRead?.({ records: kept.length });
  };
  for await (const run of runs) {
    if (run.startedAt < since || kept.length >= RUNS_MOST) break;
    if (run.agent !== agent) continue;
    waiting.push(recordOf(store, run));
    if (waiting.length === AT_ONCE) await take();
  }
  await take();
  return kept.slice(0, RUNS_MOST);
}

const NO_USAGE: Usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };

function ofRecords(
  records: readonly RunRecord[],
  waitingMs: readonly number[],
): Pick<AgentProfile, 'outcomes' | 'failures' | 'perRun' | 'usage' | 'durations'> {
  const ends = records.flatMap(({ startedAt, ended }) => (ended ? [{ ...ended, ms: ended.at - startedAt }] : []));
  const counted = (values: readonly string[]): [string, number][] => {
    const times = new Map<string, number>();
    for (const value of values) times.set(value, (times.get(value) ?? 0) + 1);
    return counts(times);
  };
  const each = (value: (end: (typeof ends)[number]) => number) => distributionOf(ends.map(value));
  const known = ends.flatMap(({ totals: { cost } }) => (cost && cost.unknown === undefined ? [cost.nanoUsd] : []));
  return {
    outcomes: counted(ends.map(({ outcome }) => outcome)).map(([outcome, runs]) => ({ outcome, runs })),
    failures: counted(ends.flatMap(({ failure }) => failure?.type ?? [])).map(([type, runs]) => ({ type, runs })),
    perRun: {
      durationMs: each(({ ms }) => Math.max(0, ms)),
      turns: each(({ totals }) => totals.turns),
      modelCalls: each(({ totals }) => totals.modelCalls),
      toolCalls: each(({ totals }) => totals.toolCalls),
      inputTokens: each(({ totals }) => totals.usage.input),
      outputTokens: each(({ totals }) => totals.usage.output),
      nanoUsd: distributionOf(known),
      waitingMs: distributionOf(waitingMs),
    },
    usage: ends.reduce((sum, { totals }) => addUsage(sum, totals.usage), NO_USAGE),
    durations: classesOf(ends.map(({ ms }) => Math.max(1, ms))),
  };
}

/** Powers of two of a millisecond, from the shortest to the longest there is. */
function classesOf(values: readonly number[]): AgentProfile['durations'] {
  const byClass = new Map<number, number>();
  for (const value of values) {
    const power = Math.floor(Math.log2(value));
    byClass.set(power, (byClass.get(power) ?? 0) + 1);
  }
  const powers = [...byClass.keys()];
  if (powers.length === 0) return [];
  const least = Math.min(...powers);
  return Array.from({ length: Math.max(...powers) - least + 1 }, (_, nth) => ({
    ...{ fromMs: 2 ** (least + nth), toMs: 2 ** (least + nth + 1) },
    runs: byClass.get(least + nth) ?? 0,
  }));
}
