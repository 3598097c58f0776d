// A request that a quota could never let through, however long it waits: refused before it is sent, and by the quota's own name.
import { ApplicationFailure } from '@temporalio/common';
import { amountOf, type Amounts, type WindowLimit } from '../../../workflows/contract/quota';
import { failure } from '../../failure';
import { describeLimit } from './describe-limit';

const MICRO = 1e6;

interface TooLarge {
  route: string;
  windows: readonly WindowLimit[];
  /** Of the request, and of one with the same answer to no conversation at all. */
  amounts: Amounts;
  least: Amounts;
}

/** Undefined where it has room in each limit that nothing else has used. */
export function neverFits({ route, windows, amounts, least }: TooLarge): ApplicationFailure | undefined {
  const over = windows.filter((limit) => amountOf(amounts, limit) > limit.most);
  const [limit] = over;
  if (!limit) return undefined;
  const needed = amountOf(amounts, limit);
  const words = limit.of === 'usd' ? `up to ${(needed / MICRO).toFixed(4)} USD` : String(needed);
  // A summary is paid for itself: what is too dear is not made cheaper by one.
  const shorterFits = over.every((one) => one.of !== 'usd' && amountOf(least, one) <= one.most);
  return failure(
    'Model.QuotaTooSmall',
    `the request needs ${words}, more than the quota of ${route} ever has: ${describeLimit(limit)}. Raise it, or ${shorterFits ? 'give the model less to read' : 'set a smaller maxOutputTokens'}.`,
    { details: [{ shorterFits }] },
  );
}

/** Whether less of a conversation might get through where this failed. */
export const mayFitShorter = (error: unknown): error is ApplicationFailure =>
  error instanceof ApplicationFailure &&
  (error.type === 'Model.ContextTooLong' || (error.type === 'Model.QuotaTooSmall' && saysShorterFits(error)));

function saysShorterFits({ details }: ApplicationFailure): boolean {
  const detail: unknown = details?.[0];
  return typeof detail === 'object' && detail !== null && 'shorterFits' in detail && detail.shorterFits === true;
}
