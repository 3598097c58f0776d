// What a failure of one provider means for the next of the route: the table, and nothing else.
import type { DivertedAnswer } from '../../../workflows/contract/release';

/** `larger`: only where it is known to read more. */
export type Next = 'next' | 'larger' | 'stop';

const AFTER: { readonly [type: string]: Next } = {
  'Model.RateLimited': 'next',
  'Model.Overloaded': 'next',
  'Model.Unavailable': 'next',
  'Model.Timeout': 'next',
  'Model.InvalidResponse': 'next',
  'Model.QuotaExhausted': 'next',
  // Its quota would be waited for longer than anyone has patience.
  'Model.QuotaShed': 'next',
  // The next one has a quota of its own.
  'Model.QuotaTooSmall': 'next',
  'Model.Authentication': 'next',
  'Model.NotFound': 'next',
  'Model.BadRequest': 'larger',
  'Model.ContextTooLong': 'larger',
  // These are what a model has to say: another one is not asked until it says something else, unless the route does.
  'Model.ContentFiltered': 'stop',
  'Model.Refused': 'stop',
  'Model.EmptyAnswer': 'stop',
  'Model.Truncated': 'stop',
  'Model.InvalidOutput': 'stop',
  'Model.InvalidToolCall': 'stop',
  // All of the route have a price where the release was made: a worker that knows fewer is mended, not gone around.
  'Model.PriceUnknown': 'stop',
};

export const isInTable = (type: string): boolean => Object.hasOwn(AFTER, type);

/** Of anything that is not a model's failure: a store that is away, a bug, an end of a budget. Another provider mends none of it. */
export function afterFailure(type: string, divertOn: readonly DivertedAnswer[] = []): Next {
  if (divertOn.some((declared) => declared === type)) return 'next';
  return AFTER[type] ?? 'stop';
}

/** Whether the failure says that its provider is not well; what is wrong with the request, or said by the model, does not. */
export const isOfProvider = (type: string): boolean => AFTER[type] === 'next';

const LASTING: readonly string[] = ['Model.Authentication', 'Model.NotFound', 'Model.QuotaExhausted'];

/** It stays so until somebody does something about it. */
export const isLasting = (type: string): boolean => LASTING.includes(type);
