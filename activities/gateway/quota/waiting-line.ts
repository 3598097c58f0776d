// Requests that wait at this worker: by class, then those that the quota has granted something, then whoever waits longest.
import { sum } from '../../../workflows/contract/amounts';
import type { Amounts, WaitingShare, WaitsBy } from '../../../workflows/contract/quota';
import type { Spent } from './lease-pool';

export interface Waiter {
  amounts: Amounts;
  class: number;
  tenant: string;
  /** Steady clock, before this process knew of it where it has come back. */
  since: number;
  arrivedAt: number;
  /** A longer wait is not waited for here. @default the lessor's */
  patienceMs?: number;
  /** Another model is asked where this one is not waited for. */
  goesElsewhere?: true;
  /** What it waits for, as the quota has said. */
  by?: WaitsBy;
  admit(spent: Spent): void;
  refuse(error: Error): void;
}

/** What is still to come, and why. */
export interface LongWait {
  ms: number;
  /** When it is to ask again, if sooner: others who are expected before it may not come. @default ms */
  againMs?: number;
  by?: WaitsBy | 'silence';
}

interface Share {
  class: number;
  tenant: string;
  /** Oldest first. */
  waiters: Waiter[];
  /** Requests granted to it and not yet sent. */
  credit: number;
}

export interface WaitingLine {
  readonly size: number;
  push(waiter: Waiter): void;
  remove(waiter: Waiter): void;
  /** Who is sent next. */
  first(): Waiter | undefined;
  /** It is sent. */
  shift(waiter: Waiter): void;
  shares(now: number, weightOf: (tenant: string) => number): WaitingShare[];
  grant(share: WaitingShare, requests: number): void;
  /** Those of a share, in order. */
  of(share: WaitingShare): readonly Waiter[];
  all(): Waiter[];
}

export function createWaitingLine(): WaitingLine {
  const shares = new Map<string, Share>();
  let size = 0;
  const keyOf = (one: { class: number; tenant: string }): string => `${one.class}/${one.tenant}`;
  const remove = (waiter: Waiter): void => {
    const share = shares.get(keyOf(waiter));
    const at = share?.waiters.indexOf(waiter) ?? -1;
    if (!share || at < 0) return;
    share.waiters.splice(at, 1);
    size -= 1;
    if (share.waiters.length === 0) shares.delete(keyOf(waiter));
  };
  return {
    get size() {
      return size;
    },
    push(waiter) {
      const key = keyOf(waiter);
      const share = shares.get(key) ?? { class: waiter.class, tenant: waiter.tenant, waiters: [], credit: 0 };
      shares.set(key, share);
      const at = share.waiters.findLastIndex(({ since }) => since <= waiter.since);
      share.waiters.splice(at + 1, 0, waiter);
      size += 1;
    },
    remove,
    first: () => [...shares.values()].reduce<Share | undefined>(before, undefined)?.waiters[0],
    shift(waiter) {
      const share = shares.get(keyOf(waiter));
      if (share) share.credit = Math.max(0, share.credit - 1);
      remove(waiter);
    },
    shares: (now, weightOf) =>
      [...shares.values()].map(({ class: ofClass, tenant, waiters }) => ({
        class: ofClass,
        tenant,
        weight: weightOf(tenant),
        count: waiters.length,
        first: waiters[0]?.amounts ?? [],
        all: sum(waiters.map(({ amounts }) => amounts)),
        ageMs: Math.max(0, now - (waiters[0]?.since ?? now)),
      })),
    // What was granted before and has not been sent is still its own.
    grant(share, requests) {
      const known = shares.get(keyOf(share));
      if (known) known.credit = Math.min(known.waiters.length, known.credit + requests);
    },
    of: (share) => shares.get(keyOf(share))?.waiters ?? [],
    all: () => [...shares.values()].flatMap(({ waiters }) => waiters),
  };
}

function before(best: Share | undefined, one: Share): Share {
  if (!best || one.class < best.class) return one;
  if (one.class > best.class) return best;
  if (one.credit > 0 !== best.credit > 0) return one.credit > 0 ? one : best;
  return (one.waiters[0]?.since ?? 0) < (best.waiters[0]?.since ?? 0) ? one : best;
}
