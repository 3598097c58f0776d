// When a model's provider is left alone, for how long, and when it is taken back. Pure: what is stored, and what was seen of a call.
import type { RouteHealth } from '../../../workflows/contract/schemas/route-health';
import { isLasting } from './failover';

export interface HealthRules {
  /** Calls in a row, of all workers, that failed or were slow. */
  badInRow: number;
  /** Of the calls that one worker has made lately, where there are at least so many. */
  badShare: { of: number; least: number; withinMs: number };
  /** The first cooldown; each further one is twice as long, up to `coolMostMs`. */
  coolMs: number;
  coolMostMs: number;
  /** Of what does not pass by itself: a key that is refused, an empty account. */
  coolLastingMs: number;
  /** Longer than that no provider is left alone because it asked for it. */
  coolAskedMostMs: number;
  /** Whoever tries, and has not said what came of it by then, is taken for dead. */
  probeMs: number;
  /** What happens so long after it was well again is a new trouble: its cooldown begins short. */
  forgetMs: number;
  /** A call is slow that takes so many times as long as usual, and longer by so much. */
  slow: { factor: number; leastMs: number };
  /** How old what a worker knows from others may be. */
  readEveryMs: number;
  /** How often it tells others what it has measured. */
  tellEveryMs: number;
}

export const HEALTH_RULES: HealthRules = {
  badInRow: 3,
  badShare: { of: 0.5, least: 8, withinMs: 30_000 },
  // Short at first: most troubles are over in seconds, and a probe costs one call at most.
  coolMs: 2_000,
  coolMostMs: 15_000,
  coolLastingMs: 60_000,
  coolAskedMostMs: 300_000,
  probeMs: 60_000,
  forgetMs: 60_000,
  // First tokens of one model vary by two or three; half as much again below that is an evening's load, not an outage.
  slow: { factor: 5, leastMs: 2_000 },
  readEveryMs: 500,
  tellEveryMs: 5_000,
};

export interface BadCall {
  /** The failure's type, or `slow`. */
  why: string;
  /** Where the provider itself named a time, in milliseconds since the epoch. */
  until?: number;
  /** Calls like it that are told together. */
  calls: number;
  /** Whether this worker alone has seen enough. */
  isEnough: boolean;
  /** It was the one that tried whether the provider is well again. */
  isProbe: boolean;
}

export interface GoodCall {
  isProbe: boolean;
  /** Of one that was answered: when it was sent, in milliseconds since the epoch. */
  begunAt?: number;
}

export const healthyAt = (route: string, now: number): RouteHealth => ({
  schemaVersion: 1,
  route,
  state: 'healthy',
  bad: 0,
  trips: 0,
  since: now,
});

/** @returns the same record where nothing is to be written */
export function afterBad(known: RouteHealth, call: BadCall, now: number, rules: HealthRules): RouteHealth {
  // Late news of a trouble that is known.
  if (known.state !== 'healthy' && !call.isProbe) return known;
  const bad = known.bad + call.calls;
  const isLong = call.until !== undefined || isLasting(call.why);
  if (!call.isProbe && bad < rules.badInRow && !call.isEnough && !isLong) return { ...known, bad };
  const isNew = known.state === 'healthy' && now - known.since > rules.forgetMs;
  const trips = isNew ? 1 : known.trips + 1;
  return {
    schemaVersion: 1,
    route: known.route,
    state: 'cooling',
    bad,
    trips,
    since: now,
    until: now + coolMs(call, trips, now, rules),
    why: call.why,
  };
}

function coolMs({ why, until }: BadCall, trips: number, now: number, rules: HealthRules): number {
  if (until !== undefined) return Math.min(Math.max(until - now, rules.coolMs), rules.coolAskedMostMs);
  if (isLasting(why)) return rules.coolLastingMs;
  return Math.min(rules.coolMostMs, rules.coolMs * 2 ** (trips - 1));
}

/** @returns the same record where nothing is to be written */
export function afterGood(known: RouteHealth, { isProbe, begunAt }: GoodCall, now: number): RouteHealth {
  // A call that was on its way when the trouble began, and came through, is no proof that it is over.
  const isProof = isProbe || (begunAt !== undefined && begunAt >= known.since);
  if (known.state !== 'healthy') return isProof ? { ...healthyAt(known.route, now), trips: known.trips } : known;
  return known.bad === 0 ? known : { ...known, bad: 0 };
}

/** The probe ended without a word on the provider: the next call may try. */
export const afterUnknown = (known: RouteHealth, now: number): RouteHealth =>
  known.state === 'probing' ? { ...withoutProbe(known), state: 'cooling', until: now } : known;

const withoutProbe = ({ by: _by, ...rest }: RouteHealth): RouteHealth => rest;

/** Whether somebody may try now. */
export const isDue = ({ state, until }: RouteHealth, now: number): boolean =>
  state !== 'healthy' && (until === undefined || until <= now);

export const probedBy = (known: RouteHealth, by: string, now: number, rules: HealthRules): RouteHealth => ({
  ...known,
  state: 'probing',
  until: now + rules.probeMs,
  by,
});
