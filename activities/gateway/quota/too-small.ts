// A request that a quota could never let through, however long it waits: refused before it is sent, and by the quota's own name.
import { ApplicationFailure } from '@temporalio/common';
import { minus } from '../../../workflows/contract/amounts';
import { amountOf, type Amounts, type WindowLimit } from '../../../workflows/contract/quota';
import { failure } from '../../failure';
import { describeLimit, dollarsText } from './describe-limit';

interface TooLarge {
  route: string;
  windows: readonly WindowLimit[];
  amounts: Amounts;
  /** Of one with the same answer to no conversation at all. */
  unread(): Amounts;
}

/** Undefined where it has room in each limit that nothing else has used. */
export function neverFits({ route, windows, amounts, unread }: TooLarge): ApplicationFailure | undefined {
  const over = windows.filter((limit) => amountOf(amounts, limit) > limit.most);
  const [limit] = over;
  if (!limit) return undefined;
  const needed = amountOf(amounts, limit);
  const words = limit.of === 'usd' ? `up to ${dollarsText(Math.ceil(needed))} USD` : String(needed);
  const ofAnswer = unread();
  const fitsIn = (part: Amounts): boolean => over.every((one) => amountOf(part, one) <= one.most);
  const [readsLess, writesLess] = [fitsIn(ofAnswer), fitsIn(minus(amounts, ofAnswer))];
  // A summary is paid for itself: what is too dear is not made cheaper by one.
  const shorterFits = readsLess && over.every(({ of }) => of !== 'usd');
  return failure(
    'Model.QuotaTooSmall',
    `the request needs ${words}, more than the quota of ${route} ever has: ${describeLimit(limit)}. Raise it, or ${adviceOf(readsLess, writesLess)}.`,
    { details: [{ shorterFits }] },
  );
}

/** Which of the two alone would do. */
function adviceOf(readsLess: boolean, writesLess: boolean): string {
  const [less, shorter] = ['give the model less to read', 'set a smaller maxOutputTokens'];
  if (readsLess === writesLess) return `${less}${readsLess ? ', or' : ' and'} ${shorter}`;
  return readsLess ? less : shorter;
}

/** Whether less of a conversation might get through where this failed. */
export const mayFitShorter = (error: unknown): error is ApplicationFailure =>
  error instanceof ApplicationFailure &&
  (error.type === 'Model.ContextTooLong' || (error.type === 'Model.QuotaTooSmall' && saysShorterFits(error)));

function saysShorterFits({ details }: ApplicationFailure): boolean {
  const detail: unknown = details?.[0];
  return typeof detail === 'object' && detail !== null && 'shorterFits' in detail && detail.shorterFits === true;
}
