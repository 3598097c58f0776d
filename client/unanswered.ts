// Nobody answered for a workflow: Temporal was reached, and no worker was.
import { WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { hasCode } from '../infra/temporal/error-reason';

/** gRPC's CANCELLED (how the server says that the caller's time is up), DEADLINE_EXCEEDED and FAILED_PRECONDITION. */
const UNANSWERED_CODES = [1, 4, 9];
export const isUnanswered = (error: unknown): boolean =>
  error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
  [error, error instanceof Error ? error.cause : undefined].some((one) =>
    UNANSWERED_CODES.some((code) => hasCode(one, code)),
  );
