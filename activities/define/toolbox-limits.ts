// How much of its toolbox's outside agents may use, and when it is left alone: of a toolbox, because what is behind it is one thing.
import { objectWith, whole } from './checked-parts';
import { durationMs, type Duration } from './duration';

export interface ToolboxOptions {
  /**
   * After so many failures in a row (`Tool.Failed`, `Tool.Timeout`), whichever runs they are of, no tool of the toolbox is called for a
   * while; then one call tries. Of each process that serves the toolbox. `false` for none. @default { failures: 5, openFor: '30s' }
   */
  breaker?: { failures?: number; openFor?: Duration } | false;
  /** Calls at once, in each process that serves the toolbox; others wait in Temporal. @default 100 */
  atOnce?: number;
  /** Calls that are begun, evenly spread, over all processes: Temporal's server keeps to it. Attempts count. @default no limit */
  rate?: CallRate;
}

/** Over all processes: so many calls in that time, evenly spread. An hour between two at most. */
export interface CallRate {
  calls: number;
  per: Duration;
}

/** As a queue is asked for calls. */
export interface QueueRate {
  calls: number;
  perMs: number;
}

/** As its process and its worker take them. */
export interface ToolboxLimits {
  breaker?: { failures: number; openForMs: number };
  atOnce?: number;
  rate?: QueueRate;
}

export const TOOLBOX_OPTIONS = ['breaker', 'atOnce', 'rate'] as const satisfies readonly (keyof ToolboxOptions)[];

const DEFAULT_BREAKER = { failures: 5, openFor: '30s' } as const;
/** A run waits for it inside a call, which its wall time does not end. */
const MOST_OPEN_MS = 600_000;
/** Of one call: what is asked for more seldom would wait longer than anyone expects of a call. */
const MOST_BETWEEN_MS = 3_600_000;

/** @throws Error in one line that names the toolbox and the place */
export function toolboxLimits(
  { breaker = DEFAULT_BREAKER, atOnce, rate }: ToolboxOptions,
  what: string,
): ToolboxLimits {
  if (atOnce !== undefined) whole(atOnce, `${what}: atOnce`);
  return {
    ...(breaker === false ? {} : { breaker: breakerOf(breaker, `${what}: breaker`) }),
    ...(atOnce === undefined ? {} : { atOnce }),
    ...(rate === undefined ? {} : { rate: rateOf(rate, `${what}: rate`) }),
  };
}

function breakerOf(
  given: Exclude<ToolboxOptions['breaker'], false | undefined>,
  what: string,
): ToolboxLimits['breaker'] & object {
  objectWith(given, what, ['failures', 'openFor'], 'false');
  const { failures = DEFAULT_BREAKER.failures, openFor = DEFAULT_BREAKER.openFor } = given;
  whole(failures, `${what}.failures`);
  const openForMs = durationMs(openFor, `${what}.openFor`);
  if (openForMs > MOST_OPEN_MS) throw new Error(`${what}.openFor must be 10 minutes at most.`);
  return { failures, openForMs };
}

/** @throws Error in one line */
export function rateOf(given: CallRate, what: string): QueueRate {
  objectWith(given, what, ['calls', 'per']);
  whole(given.calls, `${what}.calls`);
  if (given.per === undefined)
    throw new Error(`${what}.per is missing: the time in which so many calls are begun, such as "1m".`);
  const perMs = durationMs(given.per, `${what}.per`);
  if (perMs / given.calls > MOST_BETWEEN_MS) throw new Error(`${what} must allow a call an hour at least.`);
  return { calls: given.calls, perMs };
}
