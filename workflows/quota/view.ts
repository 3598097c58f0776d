// The quota as people are shown it. By the quota's own clock, which a query must not move: as of the last word of a worker.
import { PRIORITIES, type LedgerState, type QuotaView } from '../contract/quota';
import { limitsNow, paceNow } from './limits-now';
import { busyNow } from './room';
import { amountOf, countsUntil, used, windowOf } from './windows';

export function viewOf(state: LedgerState, route: string): QuotaView {
  const now = Math.max(0, ...state.workers.map(({ heardAt }) => heardAt));
  const limits = limitsNow(state, now);
  const pace = paceNow(state, now);
  const { provider } = state;
  return {
    route,
    at: now,
    limits: limits.windows.map((limit) => ({
      of: limit.of,
      perMs: limit.perMs,
      most: limit.most,
      used: used(windowOf([...state.windows], limit)),
      leased: state.leases
        .filter(({ until }) => countsUntil(limit.perMs, until) > now)
        .reduce((total, { left }) => total + amountOf(left, limit), 0),
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
