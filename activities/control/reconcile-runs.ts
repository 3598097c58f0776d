// Runs whose end nobody has heard of: what the store says, and where it says nothing, Temporal.
import type { ReconcileRunsInput, ReconcileRunsResult } from '../../workflows/contract/queue-activities';
import type { RunEnded } from '../../workflows/contract/run-ended';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { lastCheckpoint } from '../store/last-checkpoint';
import { readQueueSettings } from '../store/queue-settings';
import { runRecordName } from '../store/ref-names';
import { showRunEnd } from '../tracing/run-end';
import { closeRun, recordUnrecordedEnd } from '../unrecorded-end';
import { eachOf } from './each-of';
import { endedOf } from './ended-of';
import type { ControlDeps, ToldEnd } from './control-deps';

export async function reconcileRuns(
  deps: ControlDeps,
  { runs, queue }: ReconcileRunsInput,
): Promise<ReconcileRunsResult> {
  const [found, settings] = await Promise.all([
    eachOf(runs, (run) => endOf(deps, run)),
    readQueueSettings(deps.store, deps.taskQueue, queue.queue),
  ]);
  deps.queueSeen?.(queue);
  const ended = found.flatMap((end) => end ?? []);
  return { ended, ...(settings ? { settings } : {}) };
}

async function endOf(deps: ControlDeps, run: string): Promise<RunEnded | undefined> {
  const ref = await deps.store.readRef(runRecordName(run));
  const read = runRecordSchema.safeParse(ref?.value);
  if (read.data?.ended) return endedOf(read.data, read.data.ended);
  const told = await deps.executions.endOf(run);
  if (told === 'open') return undefined;
  const now = deps.now();
  if (!ref || !read.success) return goneWithout(run, told, now);
  const record = read.data;
  // Its record is written by its last activity: whoever is late reads it the next time.
  if (told === 'completed') return { ...(await lastOf(deps, record)), outcome: told, endedAt: now };
  const end = told === 'unknown' ? { ...DELETED, at: now } : told;
  const recorded = await recordUnrecordedEnd(deps.store, { record, version: ref.version }, end);
  // Somebody else has written it in between: it is read the next time.
  if (!recorded?.ended) return undefined;
  showRunEnd(deps, { run });
  await closeRun(deps, run);
  return endedOf(recorded, recorded.ended);
}

/** It was started, so somebody has deleted it. */
const DELETED = {
  outcome: 'cancelled',
  failure: { type: 'Run.Cancelled', message: 'it was deleted from Temporal.' },
  firstRunId: '',
} as const;

async function lastOf({ store }: ControlDeps, record: RunRecord): Promise<Omit<RunEnded, 'outcome' | 'endedAt'>> {
  return { run: record.id, ...(await lastCheckpoint(store, record)), startedAt: record.startedAt };
}

const goneWithout = (run: string, told: ToldEnd | 'unknown' | 'completed', now: number): RunEnded => {
  const { outcome, at } = typeof told === 'string' ? { outcome: 'completed' as const, at: now } : told;
  return { run, outcome, head: null, length: 0, startedAt: at, endedAt: at };
};
