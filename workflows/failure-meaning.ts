// What an error caught in a workflow means. Only Temporal's failures mean something; any other error is a bug, and undefined.
import { TimeoutType } from '@temporalio/common';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TimeoutFailure,
  isCancellation,
} from '@temporalio/workflow';
import type { SpentDetails } from './contract/cost';
import { FAILURE_CHARS } from './contract/limits';
import { ACTIVITY_NAMES } from './contract/names';
import type { Usage } from './contract/message';
import { isFailureType, type FailureType, type RunFailure } from './contract/failures';

export function meaningOf(error: unknown): RunFailure | 'cancelled' | undefined {
  if (isCancellation(error)) return 'cancelled';
  if (!(error instanceof ActivityFailure)) return undefined;
  const { cause, activityType } = error;
  if (cause instanceof TimeoutFailure) return timeoutMeaning(cause, activityType);
  if (cause instanceof ApplicationFailure && isFailureType(cause.type))
    return { type: cause.type, message: cause.message };
  return {
    type: 'Runtime.Unexpected',
    message: `${activityType}: ${cause?.message ?? error.message}`.slice(0, FAILURE_CHARS),
  };
}

/** What a stopped or failed call had taken. Absent from older workers' failures, and from calls that cost nothing. */
export function spentBy(error: unknown): SpentDetails | undefined {
  if (!(error instanceof ActivityFailure)) return undefined;
  const { cause } = error;
  if (!(cause instanceof CancelledFailure) && !(cause instanceof ApplicationFailure)) return undefined;
  const [details]: unknown[] = cause.details ?? [];
  return isSpent(details) ? details : undefined;
}

const USAGE_FIELDS = ['input', 'cachedInput', 'output', 'reasoning'] as const satisfies readonly (keyof Usage)[];

/** What another process wrote: a field that is no number would make a total none either. */
function isSpent(details: unknown): details is SpentDetails {
  if (typeof details !== 'object' || details === null || !('spent' in details)) return false;
  return isOfNumbers(details.spent, USAGE_FIELDS) && (!('cost' in details) || isOfNumbers(details.cost, ['nanoUsd']));
}

function isOfNumbers(value: unknown, fields: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const numbers = new Map<string, unknown>(Object.entries(value));
  return fields.every((name) => Number.isFinite(numbers.get(name))) && [...numbers.values()].every(Number.isFinite);
}

function timeoutMeaning(timeout: TimeoutFailure, activityType: string): RunFailure {
  if (timeout.timeoutType === TimeoutType.HEARTBEAT) {
    return { type: 'Worker.Lost', message: `the worker that ran ${activityType} stopped answering.` };
  }
  const type: FailureType = activityType === ACTIVITY_NAMES.callTool ? 'Tool.Timeout' : 'Model.Timeout';
  return { type, message: `${activityType} took longer than it may.` };
}
