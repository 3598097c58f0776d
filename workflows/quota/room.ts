// How much room there is under all limits at once, and when there will be more. Taken from the ledger once for each request of a worker,
// so that what others are owed can be set aside without being given.
import type { Amounts, LedgerState, QuotaLimits, WaitsBy, WindowLimit } from '../contract/quota';
import { amountOf } from '../contract/quota';
import { paceNow } from './limits-now';
import { endings, marginMs, used, windowOf } from './windows';

/** How far ahead of the clock moments are given. Two renewals. */
export const AHEAD_MS = 1_200;
/** A silent worker's requests are over by then: its sockets are closed. */
export const SILENT_MS = 60_000;

/**
 * Of a limit that is spread. What is spent counts a little longer than its window: so much faster, and the window would stop what the pace
 * lets through, and let it go again all at once.
 */
const PACE = 0.97;

/** Amount a millisecond. Infinity where nothing is spread. */
export const rateOf = ({ burst, most, perMs }: WindowLimit, part = 1): number =>
  burst === undefined ? Infinity : (PACE * part * most) / perMs;

interface WindowRoom {
  limit: WindowLimit;
  free: number;
  /** Amount a millisecond. Infinity where nothing is spread. */
  rate: number;
  /** By how much the pace is ahead of the clock; negative after a rest. */
  leadMs: number;
}

export interface Room {
  windows: WindowRoom[];
  slots: number;
  pausedMs: number;
  leases: LedgerState['leases'];
  now: number;
  state: LedgerState;
}

export function roomIn(state: LedgerState, limits: QuotaLimits, now: number): Room {
  const pace = paceNow(state, now);
  const windows = limits.windows.map((limit): WindowRoom => {
    const window = windowOf(state.windows, limit);
    const leased = state.leases
      .filter(({ until }) => until + limit.perMs + marginMs(limit.perMs) > now)
      .reduce((total, { left }) => total + amountOf(left, limit), 0);
    const rate = rateOf(limit, pace);
    const restMs = limit.burst === undefined ? 0 : limit.burst / rate;
    return {
      limit,
      free: limit.most - used(window) - leased,
      rate,
      leadMs: rate === Infinity ? 0 : Math.max(window.paceAt - now, -restMs),
    };
  });
  return {
    windows,
    slots: limits.concurrency === undefined ? Infinity : limits.concurrency - busyNow(state, now),
    pausedMs: Math.max(0, state.pausedUntil - now),
    leases: state.leases,
    now,
    state,
  };
}

/** Under way, or given and not known to be. */
export function busyNow(state: LedgerState, now: number): number {
  const heard = state.workers.filter(({ heardAt }) => heardAt + SILENT_MS > now);
  const held = state.leases.filter(({ until }) => until + SILENT_MS > now);
  return (
    heard.reduce((total, { busy }) => total + busy, 0) + held.reduce((total, { left }) => total + (left[0] ?? 0), 0)
  );
}

export function fits(room: Room, amounts: Amounts, requests: number): boolean {
  return (
    room.pausedMs === 0 &&
    room.slots >= requests &&
    room.windows.every(({ limit, free, rate, leadMs }) => {
      const amount = amountOf(amounts, limit);
      if (amount > free) return false;
      // What is larger than the pace ever holds goes once nothing is ahead of it.
      return amount === 0 || leadMs <= 0 || leadMs + amount / rate <= AHEAD_MS;
    })
  );
}

export function take(room: Room, amounts: Amounts, requests: number): void {
  room.slots -= requests;
  for (const one of room.windows) {
    const amount = amountOf(amounts, one.limit);
    one.free -= amount;
    one.leadMs += amount / one.rate;
  }
}

/** Until all of this, one after another, has probably been let through, and what it is that it waits for. */
export function waitFor(room: Room, amounts: Amounts): { ms: number; by?: WaitsBy } {
  const waits = [
    { ms: room.pausedMs, by: 'provider' as const },
    ...room.windows.map((one) => ({
      ms: Math.max(windowWait(room, one, amounts), paceWait(one, amounts)),
      by: { of: one.limit.of, perMs: one.limit.perMs },
    })),
  ];
  const longest = waits.reduce((most, one) => (one.ms > most.ms ? one : most));
  if (longest.ms > 0) return longest;
  return room.slots < 1 ? { ms: 0, by: 'concurrency' } : { ms: 0 };
}

const paceWait = ({ limit, rate, leadMs }: WindowRoom, amounts: Amounts): number => {
  const amount = amountOf(amounts, limit);
  return amount === 0 ? 0 : Math.max(0, leadMs + amount / rate - AHEAD_MS);
};

function windowWait({ state, leases, now }: Room, { limit, free }: WindowRoom, amounts: Amounts): number {
  const wanted = amountOf(amounts, limit);
  let missing = wanted - free;
  if (missing <= 0) return 0;
  const { perMs, most } = limit;
  const rounds = Math.floor(missing / most);
  missing -= rounds * most;
  const ends = [
    ...endings(windowOf(state.windows, limit)),
    ...leases.map(({ until, left }) => ({ at: until + perMs + marginMs(perMs), amount: amountOf(left, limit) })),
  ].sort((a, b) => a.at - b.at);
  let at = now;
  for (const ending of ends) {
    if (missing <= 0) break;
    missing -= ending.amount;
    at = ending.at;
  }
  return rounds * perMs + (missing > 0 ? perMs : at - now);
}
