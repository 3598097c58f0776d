// How long a failed attempt of a tool waits for the next one: longer each time, and not all at once.
import { createHash } from 'node:crypto';
import type { CallToolInput } from '../workflows/contract/activities';
import type { OwnToolPlan } from '../workflows/contract/run';
import { DEFAULT_TOOL_BACKOFF } from '../workflows/contract/limits';

/** Of the delay, up or down: runs that one outage has failed together come back apart. */
const JITTER = 0.25;

/**
 * In milliseconds, of the wait after attempt `attempt`, from 1. Its jitter follows from the call, so that what is tested once is tested,
 * and differs from call to call.
 */
export function retryDelayMs(
  backoff: OwnToolPlan['backoff'],
  { key }: Pick<CallToolInput, 'key'>,
  attempt: number,
): number {
  const { firstMs, factor, mostMs } = backoff ?? DEFAULT_TOOL_BACKOFF;
  const delay = Math.min(mostMs, firstMs * factor ** (attempt - 1));
  return Math.round(delay * (1 - JITTER + 2 * JITTER * shareOf(key, attempt)));
}

/** Up to a quarter longer, never shorter: for calls that are all told the same moment to come back at. */
export const spreadMs = (ms: number, { key }: Pick<CallToolInput, 'key'>, attempt: number): number =>
  Math.round(ms * (1 + JITTER * shareOf(key, attempt)));

/** From 0 to 1. */
function shareOf(key: CallToolInput['key'], attempt: number): number {
  const place = `${key.run}/${key.fork}/${key.turn}/${key.index}/${attempt}`;
  return createHash('sha256').update(place).digest().readUInt32BE(0) / 2 ** 32;
}
