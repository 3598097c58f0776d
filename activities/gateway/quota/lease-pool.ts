// What a worker holds of a quota: leases, spent from memory, each by the worker's own steady clock from the moment it was asked for.
//
// The quota gave it later than it was asked for, so by its clock each lease ends later, and each request was sent earlier, than is said here.
import type { Amounts } from '../../../workflows/contract/quota';
import type { Answered } from './questions';
import type { Report } from './report';

/** Entries of a report are merged within as much. */
const REPORT_MS = 50;
/** Of the even distance between two requests of a lease. */
const CLOSEST = 0.7;
/** Amounts are parts of sums. */
const ALMOST = 1e-6;

interface Held {
  seq: number;
  /** Steady clock. */
  askedAt: number;
  /** The quota's clock, at or after `askedAt`. */
  at: number;
  until: number;
  /** When the moment of its first request was, or will be; and how far the others are apart. Steady clock. */
  firstAt: number;
  apartMs: number;
  requests: number;
  left: number[];
  /** Not before: what was not sent in its moment is not made up for in a burst. */
  notBefore: number;
}

/** What one request took of it, to be settled. `at` by the quota's clock. */
export interface Spent {
  at: number;
  amounts: Amounts;
}

export interface LeasePool {
  add(answered: Answered): void;
  /** @returns undefined where what is held does not cover it now */
  take(amounts: Amounts, now: number): Spent | undefined;
  /** Requests that are left, whether or not their moment has come. */
  requests(now: number): number;
  /** When the next of them may be sent; undefined where none is left. */
  nextAt(now: number): number | undefined;
  /** When the first lease ends. */
  endsAt(): number | undefined;
  closeEnded(now: number): void;
  /** Leases of which nothing can be sent any more are over before their end. */
  closeSpent(): void;
  closeAll(): void;
}

export function createLeasePool(report: Report): LeasePool {
  let held: Held[] = [];
  const close = (isOver: (one: Held) => boolean): void => {
    report.closed(held.filter(isOver).map(({ seq }) => seq));
    held = held.filter((one) => !isOver(one));
  };
  const live = (now: number): Held[] => {
    if (held.some(({ until }) => until <= now)) close(({ until }) => until <= now);
    return held;
  };
  return {
    add({ request: { seq }, askedAt, heardAt, answer: { at, lease } }) {
      if (!lease) return;
      const [requests = 0] = lease.amounts;
      const { forMs, fromMs, overMs } = lease;
      const until = askedAt + forMs;
      // Given somewhere in between; nothing but the pace depends on it.
      const firstAt = (askedAt + heardAt) / 2 + fromMs;
      const apartMs = requests > 0 ? (overMs - fromMs) / requests : 0;
      held.push({ seq, askedAt, at, until, firstAt, apartMs, requests, left: [...lease.amounts], notBefore: askedAt });
    },
    take(amounts, now) {
      const from = live(now);
      const due = from.find((one) => hasRequest(one) && dueAt(one) <= now);
      if (!due) return undefined;
      const all = [due, ...from.filter((one) => one !== due)];
      const covers = amounts.every((amount, nth) => nth === 0 || sumOf(all, nth) >= amount - ALMOST);
      if (!covers) return undefined;
      // The latest of all, so that what is settled then is found.
      let at = toldAt(due, now);
      spendFrom(all, amounts, (one, part) => {
        report.spent(one.seq, toldAt(one, now), part);
        at = Math.max(at, toldAt(one, now));
      });
      due.notBefore = momentOf(due) <= due.askedAt ? now : now + CLOSEST * due.apartMs;
      return { at, amounts };
    },
    requests: (now) => live(now).reduce((total, { left }) => total + Math.floor((left[0] ?? 0) + ALMOST), 0),
    nextAt(now) {
      const moments = live(now).filter(hasRequest).map(dueAt);
      return moments.length === 0 ? undefined : Math.min(...moments);
    },
    endsAt: () => (held.length === 0 ? undefined : Math.min(...held.map(({ until }) => until))),
    closeEnded: (now) => void live(now),
    closeSpent: () => close((one) => !hasRequest(one)),
    closeAll: () => close(() => true),
  };
}

/** The request from the first; of everything else what each has, until it is enough. */
function spendFrom(all: readonly Held[], amounts: Amounts, each: (one: Held, part: Amounts) => void): void {
  let missing = [...amounts];
  for (const one of all) {
    const part = missing.map((amount, nth) => Math.min(amount, one.left[nth] ?? 0));
    if (part.every((amount) => amount <= 0)) continue;
    one.left = one.left.map((amount, nth) => amount - (part[nth] ?? 0));
    missing = missing.map((amount, nth) => (nth === 0 ? 0 : amount - (part[nth] ?? 0)));
    each(one, part);
  }
}

/** By the quota's clock, at the latest. */
const toldAt = ({ at, askedAt }: Held, now: number): number => Math.ceil((at + now - askedAt) / REPORT_MS) * REPORT_MS;

const hasRequest = ({ left }: Held): boolean => (left[0] ?? 0) >= 1 - ALMOST;

const momentOf = ({ firstAt, apartMs, requests, left }: Held): number =>
  firstAt + apartMs * (requests - (left[0] ?? 0));

/** Of its next request. */
const dueAt = (one: Held): number => Math.max(one.notBefore, momentOf(one));

const sumOf = (held: readonly Held[], nth: number): number =>
  held.reduce((total, { left }) => total + (left[nth] ?? 0), 0);
