// Binds an activity to Temporal's context: heartbeats, cancellation, and the last word on error types.
import { ApplicationFailure, CancelledFailure, Context, activityInfo } from '@temporalio/activity';
import type { SpentDetails } from '../workflows/contract/cost';
import type { Attempt } from './deps';
import { failure } from './failure';
import { spentBy } from './gateway/money/spending';
import { safeText } from './redact';

/** Each beat is a database write. The workflow's heartbeat timeout leaves room for one to be lost. */
const HEARTBEAT_INTERVAL_MS = 5_000;

const typeOf = (error: unknown): string =>
  error instanceof ApplicationFailure ? (error.type ?? 'Runtime.Unexpected') : 'Runtime.Unexpected';

function withDetails(error: ApplicationFailure, spent: SpentDetails): ApplicationFailure {
  const { message, type, nonRetryable, nextRetryDelay, cause } = error;
  return ApplicationFailure.create({
    message,
    details: [spent],
    ...(type ? { type } : {}),
    ...(nonRetryable ? { nonRetryable } : {}),
    ...(nextRetryDelay ? { nextRetryDelay } : {}),
    ...(cause ? { cause } : {}),
  });
}

/**
 * Every activity goes through here, so none forgets to beat, and none lets an untyped error out.
 * @param onFailure is told the type of what an attempt failed with, and of which workflow; not of one that was cancelled
 */
export async function attended<T>(
  work: (attempt: Attempt) => Promise<T>,
  onFailure: (type: string, workflowId: string) => void = () => undefined,
): Promise<T> {
  const context = Context.current();
  const info = activityInfo();
  const workflowId = info.workflowExecution?.workflowId ?? info.activityId;
  // Each beat takes the place of the one before: what an earlier attempt has told is told on.
  let told: unknown = info.heartbeatDetails;
  const beat = info.heartbeatTimeoutMs ? setInterval(() => context.heartbeat(told), HEARTBEAT_INTERVAL_MS) : undefined;
  try {
    return await work({
      number: info.attempt,
      workflowId,
      runId: info.workflowExecution?.runId ?? '',
      activityId: info.activityId,
      scheduledAt: info.currentAttemptScheduledTimestampMs,
      timeoutMs: info.startToCloseTimeoutMs,
      signal: context.cancellationSignal,
      told,
      tell: (details) => {
        told = details;
        context.heartbeat(details);
      },
    });
  } catch (error) {
    // Without a cause: what a stopped call throws is of no use to anyone, and nobody has looked through it for secrets.
    // Numbers only, for the run's totals.
    const spent = spentBy(error);
    if (context.cancellationSignal.aborted) throw new CancelledFailure('cancelled', spent ? [spent] : []);
    if (!(error instanceof CancelledFailure)) onFailure(typeOf(error), workflowId);
    if (error instanceof ApplicationFailure) throw spent ? withDetails(error, spent) : error;
    if (error instanceof CancelledFailure) throw error;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw failure(
      'Runtime.Unexpected',
      safeText(text),
      error instanceof Error ? { cause: new Error(safeText(text)) } : {},
    );
  } finally {
    clearInterval(beat);
  }
}
