// The one place where activities make failures: whether Temporal retries follows from the type, never from the place that throws.
import { ApplicationFailure } from '@temporalio/common';
import { isRetryable, type FailureType } from '../workflows/contract/failures';

export interface FailureOptions {
  /** Replaces the retry policy's own delay, in milliseconds: what a provider asked for. Of none, 0, the policy's own stays. */
  retryAfterMs?: number;
  /** Another attempt could not end otherwise, although its type allows one. */
  final?: boolean;
  cause?: Error;
  /** For code of this process that decides what follows. */
  details?: unknown[];
}

/** @param message one line, safe for people and models: no secrets, no stack. */
export function failure(type: FailureType, message: string, options: FailureOptions = {}): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: options.final === true || !isRetryable(type),
    // Temporal takes a delay of zero for no further attempt.
    ...(options.retryAfterMs ? { nextRetryDelay: options.retryAfterMs } : {}),
    ...(options.details === undefined ? {} : { details: options.details }),
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  });
}
