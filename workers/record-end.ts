// The end of a run that could not record it: Temporal terminated it, or its time was up, and no activity ran any more.
import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import type { ContentStore } from '../activities/store';
import { closeRun, recordUnrecordedEnd } from '../activities/unrecorded-end';
import { executionEnd } from '../infra/temporal/execution-end';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { withEndedRuns } from '../activities/store/run-index';

export interface EndedExecution {
  record: RunRecord;
  /** Of the record's ref, as it was read. */
  version: number;
  handle: WorkflowHandle;
  /** Not running any more. */
  description: WorkflowExecutionDescription;
}

/** Writes the end into the record, from what Temporal and the store know. One that Temporal calls completed is left as it is: its answer is not here. */
export async function recordEnd(
  store: ContentStore,
  { record, version, handle, description }: EndedExecution,
): Promise<void> {
  const end = await executionEnd(handle);
  if (!end) return;
  const firstRunId = description.raw.workflowExecutionInfo?.firstRunId || description.runId;
  const at = description.closeTime?.getTime() ?? Date.now();
  await recordUnrecordedEnd(withEndedRuns(store), { record, version }, { ...end, at, firstRunId });
  // Nobody is told: whoever looks at the run need not know another system.
  await closeRun({ store, now: Date.now }, record.id);
}
