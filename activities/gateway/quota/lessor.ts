// One worker's part of one quota: it asks for leases, spends them from memory, and lets requests wait in the meantime.
//
// It fails closed: while the quota does not answer, what is held is spent, and then nothing is sent.
import { NOTHING, add, minus } from '../../../workflows/contract/amounts';
import {
  AHEAD_CLASS,
  type Amounts,
  type LeaseAnswer,
  type LeaseRequest,
  type QuotaLimits,
  type ToldByProvider,
} from '../../../workflows/contract/quota';
import { createAlarm, type Alarm, type Clock } from './alarm';
import { createArrivals, type Arrivals } from './arrivals';
import type { BudgetRules } from './budget-rules';
import { createLeasePool, type LeasePool, type Spent } from './lease-pool';
import { createQuestions, type Answered, type Questions } from './questions';
import { createReport, TELL_MS, type Report } from './report';
import { createWaitingLine, type LongWait, type Waiter, type WaitingLine } from './waiting-line';

export interface LessorOptions {
  worker: string;
  limits: QuotaLimits;
  clock: Clock;
  /** Rejects when the quota does not answer: the same request is asked again. */
  ask(request: LeaseRequest): Promise<LeaseAnswer>;
  weightOf(tenant: string): number;
  /** A longer wait is not waited for here. */
  shortWaitMs: number;
  /** @returns what it is told, and whether it comes back when its time has come: then those that come now are behind it */
  sentAway(waiter: Waiter, wait: LongWait): { error: Error; comesBack: boolean };
  /** Of a tenant's budget alone. */
  budget?: BudgetRules;
}

/** Requests that come together are asked for together. */
const GATHER_MS = 2;
/** Whoever was expected first comes first; and nobody asks again more often, because there is a little room at all times. */
const AFTER_ROOM_MS = 1_000;
const AGAIN_LEAST_MS = 30_000;
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
  /** Gives back what is held, and tells what was spent: as far as that takes no longer than FINISH_MS. Nothing is let through after it. */
  finish(): Promise<void>;
  stop(): void;
}

/** Of a worker that stops: what it could not tell counts as if it had been killed. */
const FINISH_MS = 1_000;

interface Parts {
  options: LessorOptions;
  report: Report;
  pool: LeasePool;
  line: WaitingLine;
  arrivals: Arrivals;
  questions: Questions;
  alarm: Alarm;
  /** Requests under way. */
  busy: number;
  /** What is reserved for them. */
  pending: Amounts;
  tellMs: number;
  pausedUntil: number;
  /** The quota's clock, ahead of this one. */
  offset: number | undefined;
  isStopped: boolean;
}

export function createLessor(options: LessorOptions): Lessor {
  const { clock } = options;
  const parts = partsOf(options);
  const { line, arrivals, report, questions, alarm } = parts;
  return {
    wait(waiter) {
      line.push(waiter);
      arrivals.note(waiter.amounts, clock.now());
      serve(parts, clock.now());
      if (line.size > 0) alarm.at(clock.now() + GATHER_MS);
    },
    leave: (waiter) => line.remove(waiter),
    takeNow({ amounts, class: ofClass }) {
      const now = clock.now();
      const first = line.first();
      if (first && first.class <= ofClass) return undefined;
      const spent = taken(parts, amounts, now);
      if (!spent) return undefined;
      arrivals.note(amounts, now);
      const due = needs(parts, now) ? questions.nextAt() : (report.dueAt() ?? now + parts.tellMs);
      alarm.at(Math.max(due, now + GATHER_MS));
      return spent;
    },
    ended(spent, change) {
      parts.busy -= 1;
      parts.pending = minus(parts.pending, spent.amounts);
      const now = clock.now();
      if (change.some((amount) => amount !== 0)) {
        report.settled(spent.at, change);
        report.due(now);
      }
      if (options.limits.concurrency !== undefined || options.budget?.tellsSoon(change)) {
        // Whoever waits for a place waits for nothing else.
        report.due(now - parts.tellMs + GATHER_MS);
        questions.hurry();
      }
      const due = report.dueAt();
      if (due !== undefined) alarm.at(due);
    },
    told(one) {
      report.told(one);
      if (one.pauseMs !== undefined) parts.pausedUntil = Math.max(parts.pausedUntil, clock.now() + one.pauseMs);
      alarm.at(clock.now());
    },
    finish: () => finish(parts),
    quotaTime: () => (parts.offset === undefined ? undefined : clock.now() + parts.offset),
    stop() {
      parts.isStopped = true;
      questions.stop();
      alarm.stop();
    },
  };
}

async function finish(parts: Parts): Promise<void> {
  const { options, report, pool, questions, alarm } = parts;
  parts.isStopped = true;
  alarm.stop();
  pool.closeAll();
  if (report.isEmpty()) return questions.stop();
  const told = questions.last(() => ({
    ...report.take(options.clock.now()),
    busy: 0,
    waiting: [],
    ...(options.budget ? { pending: [] } : {}),
  }));
  let late: (() => void) | undefined;
  await Promise.race([told, new Promise<void>((resolve) => (late = options.clock.after(FINISH_MS, resolve)))]);
  late?.();
  questions.stop();
}

function partsOf(options: LessorOptions): Parts {
  const { worker, limits, clock, ask } = options;
  const { tellMs = TELL_MS } = options.budget ?? {};
  const report = createReport(tellMs);
  const parts: Parts = {
    ...{ options, report, pool: createLeasePool(report), line: createWaitingLine(), arrivals: createArrivals() },
    questions: createQuestions({
      ...{ worker, limits, clock, ask },
      answered: (one) => take(parts, one),
      tried: () => step(parts),
    }),
    alarm: createAlarm(clock, () => step(parts)),
    ...{ busy: 0, pending: NOTHING, tellMs },
    ...{ pausedUntil: -Infinity, offset: undefined, isStopped: false },
  };
  return parts;
}

function taken(parts: Parts, amounts: Amounts, now: number): Spent | undefined {
  if (now < parts.pausedUntil || parts.options.budget?.covers(amounts) === false) return undefined;
  const spent = parts.pool.take(amounts, now);
  if (!spent) return undefined;
  parts.busy += 1;
  parts.pending = add(parts.pending, spent.amounts);
  parts.report.due(now);
  return spent;
}

function serve(parts: Parts, now: number): void {
  for (;;) {
    const waiter = parts.line.first();
    const spent = waiter && taken(parts, waiter.amounts, now);
    if (!waiter || !spent) return;
    parts.line.shift(waiter);
    waiter.admit(spent);
  }
}

function sendAway({ line, report, options }: Parts, waiter: Waiter, wait: LongWait): void {
  line.remove(waiter);
  const { error, comesBack } = options.sentAway(waiter, wait);
  waiter.refuse(error);
  if (!comesBack) return;
  const now = options.clock.now();
  report.away({ class: waiter.class, amounts: waiter.amounts, until: now + (wait.againMs ?? wait.ms) });
  report.due(now);
}

/** Whether something is to be asked for, or told. */
function needs(parts: Parts, now: number): boolean {
  const { report, line, pool, arrivals } = parts;
  if (report.isUrgent() || line.size > pool.requests(now)) return true;
  const next = pool.nextAt(now);
  if (line.size > 0 && (next === undefined || next <= now)) return true;
  if (pool.requests(now) * 2 < arrivals.expected(now)) return true;
  return [report.dueAt(), aliveAt(parts)].some((due) => due !== undefined && now >= due);
}

/** Whatever is due now; and the alarm for what is due next. */
function step(parts: Parts): void {
  if (parts.isStopped) return;
  const { options, report, pool, line, questions, alarm } = parts;
  const now = options.clock.now();
  serve(parts, now);
  pool.closeEnded(now);
  if (!report.isEmpty()) report.due(now);
  for (const waiter of line.all())
    if (now - waiter.arrivedAt >= options.shortWaitMs * 2)
      sendAway(parts, waiter, { ms: COME_BACK_MS, by: waiter.by ?? 'silence' });
  if (!questions.isOpen() && needs(parts, now)) {
    if (now >= questions.nextAt()) ask(parts, now);
    else alarm.at(questions.nextAt());
  }
  setAlarm(parts, now);
}

function setAlarm(parts: Parts, now: number): void {
  const { options, report, pool, line, questions, alarm, pausedUntil } = parts;
  const [oldest] = line.all().sort((a, b) => a.arrivedAt - b.arrivedAt);
  if (oldest) {
    alarm.at(oldest.arrivedAt + options.shortWaitMs * 2);
    const next = pool.nextAt(now);
    if (next !== undefined && next > now) alarm.at(Math.max(next, pausedUntil));
    if (pausedUntil > now) alarm.at(pausedUntil);
  }
  if (questions.isOpen()) return;
  const ends = pool.endsAt();
  const dues = [ends === undefined ? undefined : ends + parts.tellMs / 2, report.dueAt(), aliveAt(parts)];
  // Nothing is told before it may be asked again.
  for (const due of dues) if (due !== undefined) alarm.at(Math.max(due, questions.nextAt()));
}

/** A worker that is not heard for a minute is taken to have nothing under way. */
const ALIVE_MS = 20_000;

/** Where it counts what is under way: when the quota is to hear that requests still go on. */
const aliveAt = ({ options, questions, busy }: Parts): number | undefined =>
  (options.limits.concurrency !== undefined || options.budget) && busy > 0 ? questions.askedAt() + ALIVE_MS : undefined;

function ask({ options, report, pool, line, arrivals, questions, busy, pending }: Parts, now: number): void {
  const shares = line.shares(now, options.weightOf);
  const ahead = arrivals.ahead(now, pool.requests(now));
  pool.closeSpent();
  questions.ask({
    ...{ ...report.take(now), busy, waiting: [...shares, ...(ahead ? [ahead] : [])] },
    ...(options.budget ? { pending } : {}),
  });
}

function take(parts: Parts, answered: Answered): boolean {
  const { request, askedAt, heardAt: now, answer } = answered;
  const { pool, line } = parts;
  parts.offset = answer.at - askedAt;
  pool.add(answered);
  if (answer.left) parts.options.budget?.heard(answer.left);
  if (answer.pausedMs > 0) parts.pausedUntil = Math.max(parts.pausedUntil, now + answer.pausedMs);
  request.waiting.forEach((share, nth) => line.grant(share, answer.granted[nth] ?? 0));
  serve(parts, now);
  request.waiting.forEach((share, nth) => {
    const wait = answer.waits[nth];
    if (wait && share.class !== AHEAD_CLASS) judge(parts, line.of(share), wait);
  });
  // Of a budget, all that had no room have been refused: nobody need wait to ask for less.
  if (parts.options.budget && line.size === 0) return false;
  return request.waiting.some((share, nth) => share.class !== AHEAD_CLASS && (answer.granted[nth] ?? 0) < share.count);
}

function judge(parts: Parts, waiters: readonly Waiter[], wait: LeaseAnswer['waits'][number]): void {
  const { firstMs, lastMs, roomMs = Infinity, by } = wait;
  const soonMs = Math.max(AGAIN_LEAST_MS, roomMs + AFTER_ROOM_MS);
  // A copy: who is sent away leaves the line.
  [...waiters].forEach((waiter, nth, { length }) => {
    const hasComeBack = waiter.since < waiter.arrivedAt;
    const ms = firstMs + ((lastMs - firstMs) * (hasComeBack ? nth : nth + 1)) / length;
    if (by) waiter.by = by;
    const { budget } = parts.options;
    if (budget) {
      const error = budget.hopeless(waiter, { ms: firstMs, ...(by ? { by } : {}) });
      if (!error) return;
      parts.line.remove(waiter);
      waiter.refuse(error);
    } else if (ms > (waiter.patienceMs ?? parts.options.shortWaitMs))
      sendAway(parts, waiter, { ms, againMs: Math.min(ms, soonMs), ...(by ? { by } : {}) });
  });
}
