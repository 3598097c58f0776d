// Which errors say that a run cannot be started by anybody: all others are of the moment, and the whole activity is tried again.
import { ApplicationFailure } from '@temporalio/common';
import { consequenceOf, isFailureType, type RunFailure } from '../../workflows/contract/failures';
import { safeText } from '../redact';

/** Of content that is gone or damaged nothing is mended by waiting; a key may come with the next worker. */
const FOR_GOOD: readonly string[] = ['Store.ObjectMissing', 'Store.ObjectCorrupt'];

export function cannotBeStarted(error: unknown): RunFailure | undefined {
  if (!(error instanceof ApplicationFailure) || !isFailureType(error.type)) return undefined;
  const { type, message } = error;
  if (!FOR_GOOD.includes(type) && consequenceOf(type) !== 'fail') return undefined;
  return { type, message: safeText(message) };
}
