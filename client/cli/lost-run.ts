// A run that was recorded, and that Temporal does not know: it was never started, because no server answered then, or its history is
// gone. Nobody will ever record its end, so whoever wants to be rid of it does.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { ContentStore } from '../../activities/store';
import { runRecordName } from '../../activities/store/ref-names';
import { callsOf } from '../../activities/store/run-calls';
import { withEndedRuns } from '../../activities/store/run-index';
import { closeRun, recordUnrecordedEnd } from '../../activities/unrecorded-end';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { firstRunIdOf } from '../first-run';
import { createWaitingRun } from '../waiting-run';
import { settledRecord } from './settled-record';

/** A run is recorded before it is started: for so long a start may still be under way, whatever its caller's clock says. */
export const START_MS = 5 * 60_000;

/**
 * As `settledRecord`; and a run that Temporal does not know is given an end of its own, by compare-and-set.
 * @param now milliseconds since the epoch
 */
export async function settledOrLost(
  store: ContentStore,
  temporal: Client,
  record: RunRecord,
  now: number,
): Promise<{ record: RunRecord; isLost: boolean }> {
  const settled = await settledRecord(store, temporal, record);
  if (
    settled.ended ||
    now - settled.startedAt < START_MS ||
    !(await isUnknown(temporal, settled.id)) ||
    // It has not begun, and nothing of it is lost.
    (await createWaitingRun({ temporal, store, id: settled.id }).place())
  )
    return { record: settled, isLost: false };
  return await recordLost(store, settled.id).then((lost) => ({ record: lost ?? settled, isLost: lost !== undefined }));
}

/** Of the namespace, so not when that is what the server does not know. */
async function isUnknown(temporal: Client, id: string): Promise<boolean> {
  try {
    await temporal.workflow.getHandle(id).describe();
    return false;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return true;
    throw error;
  }
}

/** Undefined when another process wrote the record meanwhile: then it is known after all. */
async function recordLost(store: ContentStore, id: string): Promise<RunRecord | undefined> {
  const name = runRecordName(id);
  const ref = await store.readRef(name);
  const { data } = runRecordSchema.safeParse(ref?.value);
  if (!ref || !data || data.ended) return undefined;
  const firstRunId = (await firstRunIdOf(store, data)) ?? '';
  const { calls } = await callsOf(store, firstRunId);
  const ended = await recordUnrecordedEnd(
    withEndedRuns(store),
    { record: data, version: ref.version },
    {
      // The last that is known of it: when it really ended, nobody can tell.
      at: Math.max(data.startedAt, ...calls.map(({ record }) => record.endedAt)),
      outcome: 'failed',
      failure: { type: 'Runtime.Unexpected', message: 'it was never started, or Temporal no longer knows it.' },
      firstRunId,
    },
  );
  if (ended) await closeRun({ store, now: Date.now }, id);
  return ended;
}
