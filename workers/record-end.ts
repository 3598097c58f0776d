// The end of a run that could not record it: Temporal terminated it, or its time was up, and no activity ran any more.
import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { safeText } from '../activities/redact';
import { withdrawRequests } from '../activities/withdraw-requests';
import type { ContentStore } from '../activities/store';
import { openRunName, runRecordName } from '../activities/store/ref-names';
import { executionEnd } from '../infra/temporal/execution-end';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { withEndedRuns } from './ended-runs';
import { lastCheckpoint } from '../activities/store/last-checkpoint';
import { callsOf, totalsOf } from '../activities/store/run-calls';

/** Whoever terminates a run may say anything; a record stays small. */
const REASON_CHARS = 500;

export interface UnrecordedEnd {
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
  { record, version, handle, description }: UnrecordedEnd,
): Promise<void> {
  const end = await executionEnd(handle);
  if (!end) return;
  const { id } = record;
  const firstRunId = description.raw.workflowExecutionInfo?.firstRunId || description.runId;
  const { calls } = await callsOf(store, firstRunId);
  const { outcome, failure } = end;
  const ended: RunRecord['ended'] = {
    at: description.closeTime?.getTime() ?? Date.now(),
    outcome,
    failure: { ...failure, message: safeText(failure.message).slice(0, REASON_CHARS).toWellFormed() },
    ...(await lastCheckpoint(store, record)),
    firstRunId,
    totals: { ...totalsOf(calls), reusedCalls: 0 },
  };
  // Another process may do the same now.
  await withEndedRuns(store).commit({
    refs: [{ op: 'compare-and-set', name: runRecordName(id), version, value: { ...record, ended } }],
  });
  // Nobody is told: whoever looks at the run need not know another system.
  await withdrawRequests({ store, now: Date.now }, id);
  await store.deleteRef(openRunName(id));
}
