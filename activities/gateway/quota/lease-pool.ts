// What a worker holds of a quota: leases, spent from memory, each by the worker's own steady clock from the moment it was asked for.
//
// The quota gave it later than it was asked for, so by its clock each lease ends later, and each request was sent earlier, than is said here.
import { DIMENSIONS, type Amounts, type LeaseAnswer, type LeaseRequest } from '../../../workflows/contract/quota';

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
  overMs: number;
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
  add(seq: number, askedAt: number, answer: LeaseAnswer): void;
  /** @returns undefined where what is held does not cover it now */
  take(amounts: Amounts, now: number): Spent | undefined;
  settle(spent: Spent, change: Amounts): void;
  /** Requests that are left, whether or not their moment has come. */
  requests(now: number): number;
  /** When the next of them may be sent; undefined where none is left. */
  nextAt(now: number): number | undefined;
  /** When the first lease ends. */
  endsAt(): number | undefined;
  hasReports(now: number): boolean;
  /** All that was not reported yet, and leases that are over. */
  report(now: number): Pick<LeaseRequest, 'spent' | 'settled' | 'closed'>;
}

export function createLeasePool(): LeasePool {
  let held: Held[] = [];
  let closed: number[] = [];
  let spent = new Map<string, { lease: number; at: number; amounts: number[] }>();
  let settled = new Map<number, number[]>();

  const close = (isOver: (one: Held) => boolean): void => {
    closed.push(...held.filter(isOver).map(({ seq }) => seq));
    held = held.filter((one) => !isOver(one));
  };
  const live = (now: number): Held[] => {
    if (held.some(({ until }) => until <= now)) close(({ until }) => until <= now);
    return held;
  };
  const note = (one: Held, now: number, amounts: readonly number[]): number => {
    const at = Math.ceil((one.at + now - one.askedAt) / REPORT_MS) * REPORT_MS;
    const key = `${one.seq}/${at}`;
    const entry = spent.get(key) ?? { lease: one.seq, at, amounts: DIMENSIONS.map(() => 0) };
    entry.amounts = entry.amounts.map((amount, nth) => amount + (amounts[nth] ?? 0));
    spent.set(key, entry);
    return at;
  };

  return {
    add(seq, askedAt, { at, lease }) {
      if (!lease) return;
      const [requests = 0] = lease.amounts;
      const { forMs, overMs } = lease;
      held.push({
        seq,
        askedAt,
        at,
        until: askedAt + forMs,
        overMs,
        requests,
        left: [...lease.amounts],
        notBefore: askedAt,
      });
    },
    take(amounts, now) {
      const from = live(now);
      const due = from.find((one) => (one.left[0] ?? 0) >= 1 - ALMOST && dueAt(one) <= now);
      if (!due) return undefined;
      const others = [due, ...from.filter((one) => one !== due)];
      const covers = amounts.every((amount, nth) => nth === 0 || sumOf(others, nth) >= amount - ALMOST);
      if (!covers) return undefined;
      let missing = [...amounts];
      let at = 0;
      for (const one of others) {
        const part = missing.map((amount, nth) => Math.min(amount, one.left[nth] ?? 0));
        if (one !== due) part[0] = 0;
        if (part.every((amount) => amount <= 0)) continue;
        one.left = one.left.map((amount, nth) => amount - (part[nth] ?? 0));
        missing = missing.map((amount, nth) => (nth === 0 ? 0 : amount - (part[nth] ?? 0)));
        const noted = note(one, now, part);
        if (one !== due) continue;
        at = noted;
        one.notBefore = now + (CLOSEST * one.overMs) / one.requests;
      }
      return { at, amounts };
    },
    settle({ at }, change) {
      const known = settled.get(at) ?? DIMENSIONS.map(() => 0);
      settled.set(
        at,
        known.map((amount, nth) => amount + (change[nth] ?? 0)),
      );
    },
    requests: (now) => live(now).reduce((total, { left }) => total + Math.floor((left[0] ?? 0) + ALMOST), 0),
    nextAt(now) {
      const moments = live(now).flatMap((one) => ((one.left[0] ?? 0) >= 1 - ALMOST ? [dueAt(one)] : []));
      return moments.length === 0 ? undefined : Math.min(...moments);
    },
    endsAt: () => (held.length === 0 ? undefined : Math.min(...held.map(({ until }) => until))),
    hasReports(now) {
      live(now);
      return spent.size > 0 || settled.size > 0 || closed.length > 0;
    },
    report(now) {
      live(now);
      close(({ left }) => (left[0] ?? 0) < 1 - ALMOST);
      const made = {
        spent: [...spent.values()],
        settled: [...settled].map(([at, amounts]) => ({ at, amounts })),
        closed,
      };
      spent = new Map();
      settled = new Map();
      closed = [];
      return made;
    },
  };
}

/** Its next request, where they are spread evenly: the first at once. */
const dueAt = ({ askedAt, overMs, requests, left, notBefore }: Held): number =>
  Math.max(notBefore, askedAt + (overMs * (requests - (left[0] ?? 0))) / requests);

const sumOf = (held: readonly Held[], nth: number): number =>
  held.reduce((total, { left }) => total + (left[nth] ?? 0), 0);
