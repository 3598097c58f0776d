// The ledger of one quota: what was spent, what is leased, who waits. It never gives more than fits under all limits at once.
//
// A lease counts in full until its end and the whole window have passed, unless its worker says when it was spent; what it says counts from
// then. So a worker that is gone cannot have spent what another is given.
import { add, atLeastNothing, minus, sum } from '../contract/amounts';
import type { Amounts, LeaseAnswer, LeaseRequest, LedgerState, QuotaLimits, WorkerState } from '../contract/quota';
import { amountOf, AHEAD_CLASS } from '../contract/quota';
import { leftOf } from './budget';
import { limitsNow, takeTold } from './limits-now';
import { rateOf, roomIn, type Room } from './room';
import { claimsOf, deal, type Claim } from './share';
import { waitsOf } from './wait-times';
import { marginMs, slide, spend, windowOf } from './windows';

/** At most two seconds of spend: what a worker that is killed takes with it. */
export const LEASE_MS = 2_000;
/** Workers ask again so often while something waits; the more there are, the less often, so that they stay few at a time. */
const ASK_MS = 600;
const ASK_MS_A_WORKER = 25;
/** What a worker that has not asked for so long was waiting for is not set aside any more. */
export const WAITS_MS = 2_000;
/** Those who are told to come back are remembered by the second, and until then: who has come back waits like any other, and is not two. */
const AWAY_MS = 1_000;
/** Of callers: numbers of requests and answers of those that were heard last. */
const WORKERS_KEPT = 500;

/** @param isHeir there was a quota before it, of which nothing is known */
export const newLedger = (isHeir = false): LedgerState => ({
  ...(isHeir ? { isHeir } : {}),
  windows: [],
  leases: [],
  workers: [],
  shares: [],
  away: [],
  pausedUntil: 0,
});

/** @param now by the quota's own clock, the only one that counts */
export function lease(state: LedgerState, request: LeaseRequest, now: number): LeaseAnswer {
  const worker = state.workers.find(({ id }) => id === request.worker);
  if (worker && request.seq <= worker.seq) return worker.answer;
  begin(state, request, worker === undefined, now);
  takeReports(state, request, now);
  const heard = hear(state, request, now);
  const limits = limitsNow(state, now);
  tidy(state, now);
  const room = roomIn(state, limits, now);
  const mine = claimsOf(request.worker, request.waiting);
  const claims = [...mine, ...othersOf(state, request.worker, now)];
  deal(state, { room, claims, limits, caller: request.worker, now });
  const answer = answerOf(state, { request, mine, room, limits, now, claims });
  heard.waiting = mine.flatMap(({ share, left, leftAmounts }) =>
    left > 0 && share.class !== AHEAD_CLASS
      ? [{ ...share, count: left, all: leftAmounts, ageMs: (share.ageMs * left) / share.count }]
      : [],
  );
  heard.answer = answer;
  return answer;
}

/** Longer windows than this are not waited for: a day's work would stand still. */
const WAITED_FOR_MS = 60_000;

/**
 * A worker that has asked before and is not known, though nobody can have been forgotten yet: there was a quota before this one, and what
 * it knew is lost. It counts as a full window, with what is still leased of it. So it does where whoever began this one knew of it.
 */
function begin(state: LedgerState, { seq, limits }: LeaseRequest, isUnknown: boolean, now: number): void {
  // Also so that its first reports count.
  for (const limit of limits.windows) windowOf(state.windows, limit);
  const isFirst = state.begunAt === undefined && state.workers.length === 0;
  if (isFirst) state.begunAt = now;
  const { begunAt = -Infinity } = state;
  const until = begunAt + LEASE_MS;
  const isFound = isUnknown && seq > 1 && !state.isHeir && now <= until + WAITED_FOR_MS;
  if (!isFound && !(isFirst && state.isHeir)) return;
  state.isHeir = true;
  for (const limit of limits.windows) {
    const window = windowOf(state.windows, limit);
    if (limit.perMs <= WAITED_FOR_MS) spend(window, until, limit.most);
  }
}

function takeReports(
  state: LedgerState,
  { worker, spent, settled, closed, away, told }: LeaseRequest,
  now: number,
): void {
  for (const { lease: seq, at, amounts } of spent) {
    const held = state.leases.find((one) => one.worker === worker && one.seq === seq);
    for (const window of state.windows) spend(window, Math.min(at, now), amountOf(amounts, window));
    if (held) held.left = atLeastNothing(minus(held.left, amounts));
  }
  for (const { at, amounts } of settled) {
    for (const window of state.windows) {
      const amount = amountOf(amounts, window);
      spend(window, Math.min(at, now), amount);
      repace(state, window, amount);
    }
  }
  for (const seq of closed) {
    const held = state.leases.find((one) => one.worker === worker && one.seq === seq);
    if (held) for (const window of state.windows) repace(state, window, -amountOf(held.left, window));
  }
  state.leases = state.leases.filter((one) => one.worker !== worker || !closed.includes(one.seq));
  for (const { class: ofClass, amounts, forMs } of away) {
    const due = Math.floor((now + forMs) / AWAY_MS) * AWAY_MS;
    const known = state.away.find((one) => one.class === ofClass && one.due === due);
    if (known) known.amounts = add(known.amounts, amounts);
    else state.away.push({ class: ofClass, due, amounts });
  }
  if (told) takeTold(state, told, now);
}

/** What was not needed after all does not hold up what follows. */
function repace(state: LedgerState, window: LedgerState['windows'][number], amount: number): void {
  const limit = state.workers
    .flatMap(({ limits }) => limits.windows)
    .find(({ of, perMs, burst }) => of === window.of && perMs === window.perMs && burst !== undefined);
  if (limit) window.paceAt += amount / rateOf(limit);
}

function hear(
  state: LedgerState,
  { worker: id, seq, limits, busy, waiting, pending }: LeaseRequest,
  now: number,
): WorkerState {
  const answer: LeaseAnswer = { at: now, granted: [], waits: [], pausedMs: 0, askAgainMs: ASK_MS };
  const told = pending ? { pending } : {};
  const heard: WorkerState = { id, seq, heardAt: now, limits, busy, waiting, answer, ...told };
  state.workers = [...state.workers.filter((one) => one.id !== id), heard].slice(-WORKERS_KEPT);
  return heard;
}

/** A worker is remembered as long as anything of it counts. */
export const SILENT_FORGET_MS = 120_000;

function tidy(state: LedgerState, now: number): void {
  const longest = Math.max(0, ...state.windows.map(({ perMs }) => perMs + marginMs(perMs)));
  // Of leases of gone workers the day's limit would keep thousands: they are spent, as far as it is concerned.
  for (const old of state.leases.filter(({ until }) => until + SILENT_FORGET_MS < now)) {
    for (const window of state.windows) spend(window, old.until, amountOf(old.left, window));
    old.left = [];
  }
  state.leases = state.leases.filter(({ until, left }) => left.some((amount) => amount > 0) && until + longest > now);
  for (const window of state.windows) slide(window, now);
  state.workers = state.workers.filter(({ heardAt }) => heardAt + SILENT_FORGET_MS > now);
  state.away = state.away.filter(({ due }) => due > now);
}

const othersOf = (state: LedgerState, caller: string, now: number): Claim[] =>
  state.workers
    .filter(({ id, heardAt }) => id !== caller && heardAt + WAITS_MS > now)
    .flatMap(({ id, waiting, heardAt }) =>
      claimsOf(
        id,
        waiting.map((share) => ({ ...share, ageMs: share.ageMs + now - heardAt })),
      ),
    );

function answerOf(
  state: LedgerState,
  {
    request,
    mine,
    room,
    limits,
    now,
    claims,
  }: { request: LeaseRequest; mine: Claim[]; room: Room; limits: QuotaLimits; now: number; claims: Claim[] },
): LeaseAnswer {
  const amounts = sum(mine.map(({ givenAmounts }) => givenAmounts));
  const isGiven = mine.some(({ given }) => given > 0);
  if (isGiven)
    state.leases.push({ worker: request.worker, seq: request.seq, at: now, until: now + LEASE_MS, left: amounts });
  const live = state.workers.filter(({ heardAt }) => heardAt + WAITS_MS > now).length;
  return {
    at: now,
    ...(isGiven ? { lease: { amounts, forMs: LEASE_MS, ...momentsOf(state, room, amounts, now) } } : {}),
    granted: mine.map(({ given }) => given),
    waits: waitsOf(state, { room, mine, claims, limits }),
    pausedMs: room.pausedMs,
    askAgainMs: Math.min(LEASE_MS - ASK_MS, Math.max(ASK_MS, live * ASK_MS_A_WORKER)),
    ...(request.pending ? { left: leftOf(state, limits, now) } : {}),
  };
}

/** Moments of their own, one behind the other over all workers: so no second has more than its part, whoever it is given to. */
function momentsOf(
  state: LedgerState,
  room: Room,
  amounts: Amounts,
  now: number,
): Pick<NonNullable<LeaseAnswer['lease']>, 'fromMs' | 'overMs'> {
  const over = { fromMs: -Infinity, overMs: -Infinity };
  for (const { limit, rate } of room.windows) {
    if (limit.burst === undefined) continue;
    const window = windowOf(state.windows, limit);
    const from = Math.max(window.paceAt, now - limit.burst / rate);
    window.paceAt = from + amountOf(amounts, limit) / rate;
    over.fromMs = Math.max(over.fromMs, from - now);
    over.overMs = Math.max(over.overMs, window.paceAt - now);
  }
  const overMs = Math.max(0, over.overMs);
  return { fromMs: Math.min(overMs, Math.max(-LEASE_MS, over.fromMs)), overMs };
}
