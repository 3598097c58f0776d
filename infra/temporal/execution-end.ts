// How an execution ended, as Temporal tells it: for runs that could not record their own end, because they were terminated or timed out.
import { WorkflowFailedError, WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { isBudgetFailure, isFailureType, type RunFailure } from '../../workflows/contract/failures';

export interface ExecutionEnd {
  outcome: 'failed' | 'cancelled' | 'budget-exhausted';
  failure: RunFailure;
}

/**
 * Waits for the end. Undefined when it completed, or when Temporal no longer knows it.
 * @throws whatever keeps Temporal from telling
 */
export async function executionEnd(handle: WorkflowHandle): Promise<ExecutionEnd | undefined> {
  try {
    await handle.result();
    return undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    if (!(error instanceof WorkflowFailedError)) throw error;
    return endOf(failureOf(error));
  }
}

function failureOf({ cause, message }: WorkflowFailedError): RunFailure {
  if (cause instanceof TerminatedFailure) return { type: 'Run.Cancelled', message: `terminated: ${cause.message}` };
  if (cause instanceof CancelledFailure) return { type: 'Run.Cancelled', message: cause.message };
  if (cause instanceof TimeoutFailure) return { type: 'Budget.WallTimeExhausted', message: 'the execution timed out.' };
  if (!(cause instanceof ApplicationFailure)) return { type: 'Runtime.Unexpected', message };
  return { type: isFailureType(cause.type) ? cause.type : 'Runtime.Unexpected', message: cause.message };
}

function endOf(failure: RunFailure): ExecutionEnd {
  if (failure.type === 'Run.Cancelled') return { outcome: 'cancelled', failure };
  return { outcome: isBudgetFailure(failure.type) ? 'budget-exhausted' : 'failed', failure };
}
