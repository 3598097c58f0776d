// A run is asked to end: with a reason, where a worker is there to keep it.
import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import { UPDATE_NAMES } from '../workflows/contract/names';
import { ClientError } from './errors';
import { isUnanswered } from './unanswered';

/** How long a reason may wait for a worker: whoever cancels should not wait for longer than it takes to be sure. */
const REASON_TIMEOUT_MS = 8_000;

/** @throws ClientError `refused` where it is being cancelled already */
export async function cancelRun(
  temporal: Client,
  handle: WorkflowHandle,
  reason: string | undefined,
): Promise<{ reasonKept: boolean }> {
  const reasonKept = reason !== undefined && (await tellReason(temporal, handle, reason));
  // The reason is an update; Temporal's own cancel makes the execution end as Cancelled. It may have ended in between.
  await handle.cancel().catch((error: unknown) => {
    if (!reasonKept || !(error instanceof WorkflowNotFoundError)) throw error;
  });
  return { reasonKept };
}

/** False when nobody answered. The server may still hand it to a worker that comes soon. */
async function tellReason(temporal: Client, handle: WorkflowHandle, reason: string): Promise<boolean> {
  try {
    await temporal.connection.withDeadline(Date.now() + REASON_TIMEOUT_MS, () =>
      handle.executeUpdate<void, [{ reason: string }]>(UPDATE_NAMES.cancel, { args: [{ reason }] }),
    );
    return true;
  } catch (error) {
    if (isUnanswered(error)) return false;
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    throw new ClientError('refused', error.cause?.message ?? error.message, { cause: error });
  }
}
