// A run's record as it should be: one that was ended from outside, by Temporal's own terminate, could not record that itself.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { ContentStore } from '../../activities/store';
import { runRecordName } from '../../activities/store/ref-names';
import { recordEnd } from '../../workers/record-end';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';

/** The record, with the end that Temporal knows of written into it where it has none. */
export async function settledRecord(store: ContentStore, temporal: Client, record: RunRecord): Promise<RunRecord> {
  if (record.ended) return record;
  const handle = temporal.workflow.getHandle(record.id);
  const description = await handle.describe().catch((error: unknown) => {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  });
  if (!description || description.status.name === 'RUNNING') return record;
  // Read again: it may have recorded its end in between.
  const read = async () => {
    const ref = await store.readRef(runRecordName(record.id));
    const parsed = runRecordSchema.safeParse(ref?.value);
    return ref && parsed.success ? { record: parsed.data, version: ref.version } : undefined;
  };
  const found = await read();
  if (!found || found.record.ended) return found?.record ?? record;
  await recordEnd(store, { ...found, handle, description });
  return (await read())?.record ?? record;
}
