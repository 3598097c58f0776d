// A run's call by its number, or by what it is to the run's end: the last, or the one that its failure goes back to.
import type { UnansweredCall } from '../activities/rebuild/rebuild-request';
import { callsOf, type RunCall } from '../activities/store/run-calls';
import type { ContentStore } from '../activities/store';
import type { CallRecord } from '../workflows/contract/schemas/call-record';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';
import { shellWord } from './shell-word';

/** A number of its trace; `failed` is the call that the run's failure goes back to, or the newest that failed. */
export type CallWanted = number | 'last' | 'failed';

export interface FoundCall {
  call: RunCall;
  /** What is to be said of the choice, in one sentence. */
  note?: string;
}

/** @throws ClientError `invalid-input` where the run has no such call */
export function chosenCall(record: RunRecord, calls: readonly RunCall[], wanted: CallWanted): FoundCall {
  const last = calls.at(-1);
  if (!last)
    throw new ClientError(
      'invalid-input',
      `run ${record.id} has no recorded calls: "longhaul trace ${shellWord(record.id)}" says why.`,
    );
  if (wanted === 'last') return { call: last };
  if (wanted === 'failed') return guiltyCall(record, calls, last);
  const call = calls.find(({ number }) => number === wanted);
  if (call) return { call };
  throw new ClientError(
    'invalid-input',
    `run ${record.id} has calls 1 to ${calls.length}: "longhaul trace ${shellWord(record.id)}" lists them.`,
  );
}

/** @param firstRunId undefined of a run that has recorded nothing yet */
export async function findCall(
  store: ContentStore,
  record: RunRecord,
  firstRunId: string | undefined,
  wanted: CallWanted,
): Promise<FoundCall & { calls: readonly RunCall[] }> {
  const { calls } = firstRunId === undefined ? { calls: [] } : await callsOf(store, firstRunId);
  return { ...chosenCall(record, calls, wanted), calls };
}

/**
 * Where no call's failure tells which: a loop, a limit that was reached, a cancel. What was asked for last is what it came to.
 * @param type of the failure that is looked into: of a run that went on after it another than its own, or none
 */
export function guiltyCall(
  { id, ended }: RunRecord,
  calls: readonly RunCall[],
  last: RunCall,
  type: string | undefined = ended?.failure?.type,
): FoundCall {
  const newest = [...calls].reverse();
  const failed = newest.find(({ record }) => {
    const own = failureOf(record);
    return own !== undefined && (type === undefined || own === type);
  });
  if (failed) return { call: failed };
  if (type === undefined)
    throw new ClientError('invalid-input', `no call of run ${id} has failed: "--call last" is its newest.`);
  const asked = newest.find(({ record }) => record.kind === 'model') ?? last;
  if (!type.startsWith('Tool.')) return { call: asked };
  return {
    call: asked,
    note: `no call of the run is recorded as ${type}: what brought no answer has no record. This is the last model call that was answered.`,
  };
}

/**
 * Of a run that has ended at a model call without an answer: that call, which has no record and so no number.
 * @param type of the failure that is looked into, where it may be another than that of the run's end
 */
export function unansweredCall(
  { release, ended }: RunRecord,
  calls: readonly RunCall[],
  type: string | undefined = ended?.failure?.type,
): UnansweredCall | undefined {
  if (!type?.startsWith('Model.') || type !== ended?.failure?.type || ended.head === null) return undefined;
  if (calls.some(({ record }) => failureOf(record) === type)) return undefined;
  const last = calls.at(-1);
  return { release, head: ended.head, fork: last?.fork ?? 0, turn: (last?.turn ?? 0) + 1 };
}

/** The model call whose answer a tool call is part of. */
export const askedBy = (calls: readonly RunCall[], { fork, turn, record }: RunCall): RunCall | undefined =>
  record.kind === 'tool' || record.kind === 'started-tool'
    ? calls.find((call) => call.fork === fork && call.turn === turn && call.record.kind === 'model')
    : undefined;

/** What became of an answer that could not be used, or of a tool call. */
export function failureOf(record: CallRecord): string | undefined {
  if (record.kind === 'model') return record.answer.problem?.type;
  return record.kind === 'tool' ? record.result.failure : undefined;
}
