// One worker's part of one quota: it asks for leases, spends them from memory, and lets requests wait in the meantime.
//
// It fails closed: while the quota does not answer, what is held is spent, and then nothing is sent.
import {
  AHEAD_CLASS,
  type Amounts,
  type LeaseAnswer,
  type LeaseRequest,
  type QuotaLimits,
  type ToldByProvider,
  type WaitsBy,
} from '../../../workflows/contract/quota';
import { createArrivals } from './arrivals';
import { createLeasePool, type Spent } from './lease-pool';
import { createWaitingLine, type Waiter } from './waiting-line';

/** Steady, and started anywhere: no clock of the day is asked. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  /** @returns what takes it back */
  after(ms: number, work: () => void): () => void;
}

export interface LessorOptions {
  worker: string;
  limits: QuotaLimits;
  clock: Clock;
  /** Rejects when the quota does not answer: the same request is asked again. */
  ask(request: LeaseRequest): Promise<LeaseAnswer>;
  weightOf(tenant: string): number;
  /** A longer wait is not waited for here. */
  shortWaitMs: number;
  /** @param wait what is still to come, and why */
  sentAway(waiter: Waiter, wait: { ms: number; by?: WaitsBy | 'silence' }): Error;
}

/** Requests that come together are asked for together. */
const GATHER_MS = 2;
/** Between two questions of a worker that has all that it asked for. */
const ASK_AGAIN_MS = 50;
/** What was spent is told so soon, at the latest: others are given what is left. */
const TELL_MS = 1_000;
/** Between two questions of which the first was not answered. */
const SILENT_MS = 500;
/** Told to come back, where the quota cannot say when. */
const COME_BACK_MS = 5_000;

export interface Lessor {
  /** Settled by `admit` or `refuse` of the waiter: at once where enough is held. */
  wait(waiter: Waiter): void;
  leave(waiter: Waiter): void;
  /** Takes from what is held, without any wait. */
  takeNow(waiter: Pick<Waiter, 'amounts' | 'class'>): Spent | undefined;
  ended(spent: Spent, change: Amounts): void;
  told(told: ToldByProvider): void;
  /** Epoch milliseconds, by the quota's clock; undefined before it has answered. */
  quotaTime(): number | undefined;
  stop(): void;
}

export function createLessor(options: LessorOptions): Lessor {
  const { clock, limits, worker } = options;
  const pool = createLeasePool();
  const line = createWaitingLine();
  const arrivals = createArrivals();
  let seq = 0;
  let asking: LeaseRequest | undefined;
  let askedAt = -Infinity;
  let gapMs = 0;
  let busy = 0;
  let pausedUntil = -Infinity;
  let told: ToldByProvider | undefined;
  let away: LeaseRequest['away'] = [];
  let reportSince: number | undefined;
  let offset: number | undefined;
  let isStopped = false;
  let wake: { at: number; cancel(): void } | undefined;

  /** The one timer: whatever is due next. */
  const wakeAt = (at: number): void => {
    if (isStopped || (wake && wake.at <= at)) return;
    wake?.cancel();
    const cancel = clock.after(Math.max(0, at - clock.now()), () => {
      wake = undefined;
      step();
    });
    wake = { at, cancel };
  };

  const taken = (amounts: Amounts, now: number): Spent | undefined => {
    if (now < pausedUntil) return undefined;
    const spent = pool.take(amounts, now);
    if (spent) {
      busy += 1;
      reportSince ??= now;
    }
    return spent;
  };

  const serve = (now: number): void => {
    for (;;) {
      const waiter = line.first();
      const spent = waiter && taken(waiter.amounts, now);
      if (!waiter || !spent) return;
      line.shift(waiter);
      waiter.admit(spent);
    }
  };

  const sendAway = (waiter: Waiter, wait: { ms: number; by?: WaitsBy | 'silence' }): void => {
    line.remove(waiter);
    away.push({ class: waiter.class, amounts: waiter.amounts, forMs: Math.round(wait.ms) });
    waiter.refuse(options.sentAway(waiter, wait));
  };

  const needs = (now: number): boolean => {
    if (told || line.size > pool.requests(now)) return true;
    const next = pool.nextAt(now);
    if (line.size > 0 && (next === undefined || next <= now)) return true;
    if (pool.requests(now) * 2 < arrivals.expected(now)) return true;
    return reportSince !== undefined && now >= reportSince + TELL_MS;
  };

  const step = (): void => {
    if (isStopped) return;
    const now = clock.now();
    serve(now);
    if (pool.hasReports(now)) reportSince ??= now;
    const patience = options.shortWaitMs * 2;
    for (const waiter of line.all()) {
      if (now - waiter.arrivedAt >= patience) sendAway(waiter, { ms: COME_BACK_MS, by: waiter.by ?? 'silence' });
    }
    if (!asking && needs(now)) {
      const at = askedAt + gapMs;
      if (now >= at) send(now);
      else wakeAt(at);
    }
    plan(now);
  };

  const plan = (now: number): void => {
    const [oldest] = line.all().sort((a, b) => a.arrivedAt - b.arrivedAt);
    if (oldest) {
      wakeAt(oldest.arrivedAt + options.shortWaitMs * 2);
      const next = pool.nextAt(now);
      if (next !== undefined && next > now) wakeAt(Math.max(next, pausedUntil));
      if (pausedUntil > now) wakeAt(pausedUntil);
    }
    if (asking) return;
    const ends = pool.endsAt();
    if (ends !== undefined) wakeAt(ends + TELL_MS / 2);
    if (reportSince !== undefined) wakeAt(reportSince + TELL_MS);
  };

  const send = (now: number): void => {
    const shares = line.shares(now, options.weightOf);
    const ahead = arrivals.ahead(now, pool.requests(now));
    seq += 1;
    asking = {
      ...{ worker, seq, limits },
      ...pool.report(now),
      busy,
      waiting: [...shares, ...(ahead ? [ahead] : [])],
      away,
      ...(told ? { told } : {}),
    };
    away = [];
    told = undefined;
    reportSince = undefined;
    askedAt = now;
    void ask(asking, now);
  };

  const ask = async (request: LeaseRequest, sentAt: number): Promise<void> => {
    const answer = await options.ask(request).catch(() => undefined);
    if (isStopped) return;
    if (answer) {
      asking = undefined;
      // From the first time that it was asked: the quota may have answered then.
      take(request, sentAt, answer);
    } else clock.after(SILENT_MS, () => void (isStopped || ask(request, sentAt)));
    step();
  };

  const take = (request: LeaseRequest, sentAt: number, answer: LeaseAnswer): void => {
    const now = clock.now();
    offset = answer.at - sentAt;
    pool.add(request.seq, sentAt, answer);
    pausedUntil = Math.max(pausedUntil, answer.pausedMs > 0 ? now + answer.pausedMs : -Infinity);
    const isShort = request.waiting.some(
      (share, nth) => share.class !== AHEAD_CLASS && (answer.granted[nth] ?? 0) < share.count,
    );
    gapMs = isShort ? answer.askAgainMs * (0.9 + 0.2 * fraction(request.seq)) : ASK_AGAIN_MS;
    request.waiting.forEach((share, nth) => line.grant(share, answer.granted[nth] ?? 0));
    serve(now);
    request.waiting.forEach((share, nth) => {
      const wait = answer.waits[nth];
      if (wait && share.class !== AHEAD_CLASS) judge(line.of(share), wait);
    });
  };

  const judge = (waiters: readonly Waiter[], { firstMs, lastMs, by }: LeaseAnswer['waits'][number]): void => {
    // A copy: who is sent away leaves the line.
    [...waiters].forEach((waiter, nth, { length }) => {
      const hasComeBack = waiter.since < waiter.arrivedAt;
      const ms = firstMs + ((lastMs - firstMs) * (hasComeBack ? nth : nth + 1)) / length;
      if (by) waiter.by = by;
      if (ms > (waiter.patienceMs ?? options.shortWaitMs)) sendAway(waiter, { ms, ...(by ? { by } : {}) });
    });
  };

  return {
    wait(waiter) {
      line.push(waiter);
      arrivals.note(waiter.amounts, clock.now());
      serve(clock.now());
      if (line.size > 0) wakeAt(clock.now() + GATHER_MS);
    },
    leave: (waiter) => line.remove(waiter),
    takeNow({ amounts, class: ofClass }) {
      const now = clock.now();
      const first = line.first();
      if (first && first.class <= ofClass) return undefined;
      const spent = taken(amounts, now);
      if (!spent) return undefined;
      arrivals.note(amounts, now);
      const due = needs(now) ? askedAt + gapMs : (reportSince ?? now) + TELL_MS;
      wakeAt(Math.max(due, now + GATHER_MS));
      return spent;
    },
    ended(spent, change) {
      busy -= 1;
      const now = clock.now();
      if (change.some((amount) => amount !== 0)) {
        pool.settle(spent, change);
        reportSince ??= now;
      }
      if (limits.concurrency !== undefined) {
        // Whoever waits for a place waits for nothing else.
        reportSince = now - TELL_MS + GATHER_MS;
        gapMs = Math.min(gapMs, ASK_AGAIN_MS);
      }
      if (reportSince !== undefined) wakeAt(reportSince + TELL_MS);
    },
    told(one) {
      told = { ...told, ...one, refused: (told?.refused ?? 0) + (one.refused ?? 0) };
      if (one.pauseMs !== undefined) pausedUntil = Math.max(pausedUntil, clock.now() + one.pauseMs);
      wakeAt(clock.now());
    },
    quotaTime: () => (offset === undefined ? undefined : clock.now() + offset),
    stop() {
      isStopped = true;
      wake?.cancel();
    },
  };
}

/** Workers that began together do not ask together for ever. Spread by the golden ratio. */
const fraction = (seq: number): number => (seq * 0.618_033_988_75) % 1;
