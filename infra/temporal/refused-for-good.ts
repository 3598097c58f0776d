// Which answers of Temporal's server say that it takes a request at no time: an id that is too long, an argument that is too large.
import { hasCode, isObject, messageOf } from './error-reason';

/** Of gRPC. */
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;
/** A search attribute that the namespace does not have is not the request's: whoever registers it mends that. */
const OF_THE_NAMESPACE = /search attribute(?!.*exceeds)/i;
/** What is over the limit of a message; of rates the code says the same, and that passes. */
const TOO_LARGE = /larger than max/i;

/** @returns why, on one line; undefined where it may be taken when asked again */
export function refusedForGood(error: unknown): string | undefined {
  // Temporal's client wraps what the server says.
  for (let one: unknown = error; isObject(one); one = 'cause' in one ? one.cause : undefined) {
    const [why = ''] = saidBy(one).split('\n');
    if (hasCode(one, INVALID_ARGUMENT)) return OF_THE_NAMESPACE.test(why) ? undefined : why;
    if (hasCode(one, RESOURCE_EXHAUSTED)) return TOO_LARGE.test(why) ? why : undefined;
  }
  return undefined;
}

/** A connection of the worker's fills the one, one of JavaScript's the other too. */
const saidBy = (error: object): string =>
  'details' in error && typeof error.details === 'string' && error.details !== '' ? error.details : messageOf(error);
