// The quota as people are shown it. A query must not move the quota's own clock: limits, and what goes on, are as of the last word of a worker.
import { PRIORITIES, type LedgerState, type QuotaView } from '../contract/quota';
import { pendingNow } from './budget';
import { limitsNow, paceNow } from './limits-now';
import { busyNow } from './room';
import { amountOf, countsUntil, endings, windowOf } from './windows';

/** @param asOf what had stopped counting by then is not shown as used: milliseconds since the epoch */
export function viewOf(state: LedgerState, route: string, asOf = 0): QuotaView {
  const now = Math.max(0, ...state.workers.map(({ heardAt }) => heardAt));
  const limits = limitsNow(state, now);
  const pace = paceNow(state, now);
  const { provider } = state;
  const isBudget = state.workers.some(({ pending }) => pending !== undefined);
  const pending = pendingNow(state, now);
  return {
    route,
    at: now,
    limits: limits.windows.map((limit) => ({
      of: limit.of,
      perMs: limit.perMs,
      most: limit.most,
      used: endings(windowOf([...state.windows], limit)).reduce(
        (total, { at, amount }) => total + (at > asOf ? amount : 0),
        0,
      ),
      leased: state.leases
        .filter(({ until }) => countsUntil(limit.perMs, until) > Math.max(now, asOf))
        .reduce((total, { left }) => total + amountOf(left, limit), 0),
      ...(isBudget ? { pending: amountOf(pending, limit) } : {}),
    })),
    ...(limits.concurrency === undefined
      ? {}
      : { concurrency: { most: limits.concurrency, busy: busyNow(state, now) } }),
    waiting: state.workers.flatMap(({ waiting }) =>
      waiting.map((share) => ({
        priority: PRIORITIES[share.class] ?? 'ahead',
        tenant: share.tenant,
        count: share.count,
      })),
    ),
    away: state.away.reduce((total, { due, amounts }) => total + (due > now ? (amounts[0] ?? 0) : 0), 0),
    workers: state.workers.length,
    ...(state.pausedUntil > now ? { pausedUntil: state.pausedUntil } : {}),
    ...(pace < 1 ? { slowedTo: pace } : {}),
    ...(provider
      ? {
          provider: {
            ...(provider.requests === undefined ? {} : { requests: provider.requests }),
            ...(provider.tokens === undefined ? {} : { tokens: provider.tokens }),
          },
        }
      : {}),
  };
}
