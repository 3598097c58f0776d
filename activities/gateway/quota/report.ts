// What a worker has to tell its quota with its next request, and how long it has had it.
import { NOTHING, add } from '../../../workflows/contract/amounts';
import type { Amounts, LeaseRequest, ToldByProvider } from '../../../workflows/contract/quota';

/** What was spent is told so soon, at the latest: others are given what is left. */
export const TELL_MS = 1_000;

export type Told = Pick<LeaseRequest, 'spent' | 'settled' | 'closed' | 'away' | 'told'>;

export interface Report {
  /** @param at by the quota's clock */
  spent(lease: number, at: number, amounts: Amounts): void;
  settled(at: number, change: Amounts): void;
  closed(leases: readonly number[]): void;
  /** @param until by a steady clock: what is over before it is told is not told */
  away(one: Omit<LeaseRequest['away'][number], 'forMs'> & { until: number }): void;
  told(told: ToldByProvider): void;
  /** It is told within `tellMs` of `now`, if not sooner. */
  due(now: number): void;
  /** When it is to be told: by a steady clock. Undefined where nothing is. */
  dueAt(): number | undefined;
  /** A word of the provider's own is not kept waiting. */
  isUrgent(): boolean;
  isEmpty(): boolean;
  take(now: number): Told;
}

/** @param tellMs within which it is told */
export function createReport(tellMs = TELL_MS): Report {
  let spent = new Map<string, LeaseRequest['spent'][number]>();
  let settled = new Map<number, Amounts>();
  let closed: number[] = [];
  let away: Parameters<Report['away']>[0][] = [];
  let told: ToldByProvider | undefined;
  let since: number | undefined;
  return {
    spent(lease, at, amounts) {
      const key = `${lease}/${at}`;
      spent.set(key, { lease, at, amounts: add(spent.get(key)?.amounts ?? NOTHING, amounts) });
    },
    settled: (at, change) => void settled.set(at, add(settled.get(at) ?? NOTHING, change)),
    closed: (leases) => void closed.push(...leases),
    away: (one) => void away.push(one),
    told: (one) => void (told = { ...told, ...one, refused: (told?.refused ?? 0) + (one.refused ?? 0) }),
    due: (now) => void (since = Math.min(since ?? Infinity, now)),
    dueAt: () => (since === undefined ? undefined : since + tellMs),
    isUrgent: () => told !== undefined,
    isEmpty: () => spent.size === 0 && settled.size === 0 && closed.length === 0,
    take(now) {
      const taken = {
        spent: [...spent.values()],
        settled: [...settled].map(([at, amounts]) => ({ at, amounts })),
        closed,
        away: away.flatMap(({ until, ...one }) => (until > now ? [{ ...one, forMs: Math.round(until - now) }] : [])),
        ...(told ? { told } : {}),
      };
      spent = new Map();
      settled = new Map();
      closed = [];
      away = [];
      told = undefined;
      since = undefined;
      return taken;
    },
  };
}
