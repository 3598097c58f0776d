// The records of the runs that `longhaul list` is asked for: by the index of runs, newest first, as far as it must be read.
import { allRefs, type ContentStore } from '../../activities/store';
import { OPEN_PREFIX, RUN_PREFIX, runRecordName, SHADOW_RUNS } from '../../activities/store/ref-names';
import { callsOf, type RunCall } from '../../activities/store/run-calls';
import { indexedRuns, runEntryName } from '../../activities/store/run-index';
import type { Outcome } from '../../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { askedBy, failureOf, guiltyCall, unansweredCall } from '../find-call';
import { firstRunIdOf } from '../first-run';
import { findRun } from './find-run';

export interface WantedRuns {
  agent?: string;
  outcome?: Outcome;
  /** A failure's type: of the run, or of one of its calls. */
  failure?: string;
  /** The beginning of its hash. */
  release?: string;
  /** Milliseconds: begun so long ago at most. */
  since?: number;
  open?: boolean;
  subAgents?: boolean;
  /** Shadows, and no other runs. */
  shadows?: boolean;
  tenant?: string;
  /** Only those that began before this run. */
  before?: string;
  limit: number;
}

/** In no order; at least the newest that fit, and one more than may be shown. */
export async function wantedRuns(store: ContentStore, options: WantedRuns): Promise<RunRecord[]> {
  const behind = options.before === undefined ? undefined : await findRun(store, options.before);
  const from = options.since === undefined ? undefined : Date.now() - options.since;
  const fits = async (record: RunRecord): Promise<boolean> =>
    (options.agent === undefined || record.agent === options.agent) &&
    (options.outcome === undefined || record.ended?.outcome === options.outcome) &&
    (!options.open || !record.ended) &&
    (options.subAgents === true || !record.parent) &&
    (options.tenant === undefined || record.tenant === options.tenant) &&
    (!behind || isBehind(record, behind)) &&
    (options.release === undefined || record.release.startsWith(options.release)) &&
    (from === undefined || record.startedAt >= from) &&
    (options.failure === undefined || (await hasFailed(store, record, options.failure)));
  const fitting = async (refs: readonly ({ value: unknown } | undefined)[]): Promise<RunRecord[]> => {
    const records = parsed(refs);
    const kept = await Promise.all(records.map(fits));
    return records.filter((_, at) => kept[at]);
  };
  if (options.shadows) return await fitting(await allRefs(store, SHADOW_RUNS));
  if (options.open) {
    const ids = await openIds(store);
    return await fitting(await Promise.all(ids.map((id) => store.readRef(runRecordName(id)))));
  }
  const runs = await indexedRuns(store, behind);
  // Older than the index; the next worker brings them into it.
  if (!runs) return await fitting(await allRefs(store, RUN_PREFIX));
  const found = new Map<string, RunRecord>();
  for await (const run of runs) {
    if (from !== undefined && run.startedAt < from) break;
    if ((options.agent ?? run.agent) !== run.agent || (options.outcome ?? run.outcome) !== run.outcome) continue;
    if ((run.isSubRun && !options.subAgents) || found.has(run.id)) continue;
    for (const record of await fitting([await store.readRef(runRecordName(run.id))])) found.set(run.id, record);
    if (found.size > options.limit) break;
  }
  return [...found.values()];
}

/** A run may have gone on after a call of it failed: who is told of failing tools looks for those, too. */
const hasFailed = async (store: ContentStore, record: RunRecord, type: string): Promise<boolean> =>
  record.ended?.failure?.type === type ||
  (await recordedCalls(store, record)).some((call) => failureOf(call.record) === type);

async function recordedCalls(store: ContentStore, record: RunRecord): Promise<RunCall[]> {
  const first = await firstRunIdOf(store, record);
  return first === undefined ? [] : (await callsOf(store, first)).calls;
}

/** Of a run: the call that a failure of that type goes back to, as `show --call` takes it. */
export interface GuiltyCall {
  /** Null where it was not answered, and so has no number: `failed` names it. */
  call: number | null;
  /** The model or the tool. */
  name: string;
  /** Of a tool call: the model call that asked for it. */
  askedBy: number | null;
  /** Where that call itself has not failed so: why it stands here. */
  note: string | null;
}

/** @returns null of a run that has recorded no call, and has not ended at one either */
export async function guiltyCallOf(store: ContentStore, record: RunRecord, type: string): Promise<GuiltyCall | null> {
  const calls = record.erased ? [] : await recordedCalls(store, record);
  const last = calls.at(-1);
  if (!record.erased && unansweredCall(record, calls, type))
    return { call: null, name: 'the model', askedBy: null, note: 'it was not answered' };
  if (!last) return null;
  const { call, note = null } = guiltyCall(record, calls, last, type);
  const { record: made } = call;
  const name = made.kind === 'model' ? made.answer.model : made.kind === 'compaction' ? made.result.model : made.name;
  return { call: call.number, name, askedBy: askedBy(calls, call)?.number ?? null, note };
}

const openIds = async (store: ContentStore): Promise<string[]> =>
  (await allRefs(store, OPEN_PREFIX)).map(({ name }) => decodeURIComponent(name.slice(OPEN_PREFIX.length)));

const isBehind = ({ id, startedAt }: RunRecord, other: RunRecord): boolean =>
  startedAt < other.startedAt ||
  (startedAt === other.startedAt && runEntryName({ id, startedAt }) > runEntryName(other));

const parsed = (refs: readonly ({ value: unknown } | undefined)[]): RunRecord[] =>
  refs.flatMap((ref) => {
    const record = runRecordSchema.safeParse(ref?.value);
    return record.success ? [record.data] : [];
  });
