// What is left of a tenant's budget once everything under way has ended: nobody is refused for what may still be given back.
import { sum } from '../contract/amounts';
import type { Amounts, BudgetLeft, LedgerState, QuotaLimits } from '../contract/quota';
import { amountOf } from '../contract/quota';
import { SILENT_MS } from './room';
import { used, windowOf } from './windows';

export const leftOf = (state: LedgerState, limits: QuotaLimits, now: number): BudgetLeft[] => {
  const pending = pendingNow(state, now);
  // What a worker that is gone held is not given back any more.
  const lost = sum(state.leases.filter(({ until }) => until + SILENT_MS <= now).map(({ left }) => left));
  return limits.windows.map(({ of, perMs, most }) => {
    const spent = used(windowOf(state.windows, { of, perMs })) + amountOf(lost, { of }) - amountOf(pending, { of });
    return { of, perMs, most, left: Math.max(0, Math.min(most, most - spent)) };
  });
};

/** Reserved by workers that are heard, for requests that go on. */
export const pendingNow = ({ workers }: LedgerState, now: number): Amounts =>
  sum(workers.flatMap(({ pending, heardAt }) => (pending && heardAt + SILENT_MS > now ? [pending] : [])));
