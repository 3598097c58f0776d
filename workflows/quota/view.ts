// The quota as people are shown it, at the time of whoever asks: in a query the workflow's own clock stands at the last word of a worker.
import { amountOf, HEARD_MS, PRIORITIES, type LedgerState, type QuotaLimits, type QuotaView } from '../contract/quota';
import { pendingNow } from './budget';
import { SILENT_FORGET_MS, WAITS_MS } from './ledger';
import { TOLD_MS, limitsNow, paceNow } from './limits-now';
import { busyNow } from './room';
import { countsUntil, endings, windowOf } from './windows';

/** By how much the clock of whoever asks may be ahead of the quota's own. */
const AHEAD_MS = 3_000;

/** @param asOf what has stopped counting by then, or was not heard of for so long, is not shown: milliseconds since the epoch */
export function viewOf(state: LedgerState, route: string, asOf = 0): QuotaView {
  const heardAt = Math.max(0, ...state.workers.map((one) => one.heardAt));
  const now = Math.max(heardAt, asOf);
  const limits = limitsShown(state, heardAt, now);
  const pace = paceNow(state, now);
  const { provider } = state;
  const isBudget = state.workers.some(({ pending }) => pending !== undefined);
  const pending = pendingNow(state, now);
  return {
    route,
    at: heardAt,
    limits: limits.windows.map((limit) => ({
      of: limit.of,
      perMs: limit.perMs,
      most: limit.most,
      used: endings(windowOf([...state.windows], limit)).reduce(
        (total, { at, amount }) => total + (at > asOf ? amount : 0),
        0,
      ),
      leased: state.leases
        .filter(({ until }) => countsUntil(limit.perMs, until) > now)
        .reduce((total, { left }) => total + amountOf(left, limit), 0),
      ...(isBudget ? { pending: amountOf(pending, limit) } : {}),
    })),
    ...(limits.concurrency === undefined
      ? {}
      : { concurrency: { most: limits.concurrency, busy: busyNow(state, now) } }),
    // One that was shed, or cancelled, leaves its worker with nothing to ask for.
    waiting: heardWithin(state, WAITS_MS + AHEAD_MS, now).flatMap(({ waiting }) =>
      waiting.map((share) => ({
        priority: PRIORITIES[share.class] ?? 'ahead',
        tenant: share.tenant,
        count: share.count,
      })),
    ),
    away: state.away.reduce((total, { due, amounts }) => total + (due > now ? (amounts[0] ?? 0) : 0), 0),
    workers: heardWithin(state, SILENT_FORGET_MS, now).length,
    ...(state.pausedUntil > now ? { pausedUntil: state.pausedUntil } : {}),
    ...(pace < 1 ? { slowedTo: pace } : {}),
    ...(provider && provider.at + TOLD_MS > now
      ? {
          provider: {
            ...(provider.requests === undefined ? {} : { requests: provider.requests }),
            ...(provider.tokens === undefined ? {} : { tokens: provider.tokens }),
          },
        }
      : {}),
  };
}

const heardWithin = ({ workers }: LedgerState, ms: number, now: number): LedgerState['workers'] =>
  workers.filter(({ heardAt }) => heardAt + ms > now);

/** Where nobody has asked for anything lately: of the one that did last, whose configuration is the newest that is known. */
function limitsShown(state: LedgerState, heardAt: number, now: number): QuotaLimits {
  if (heardWithin(state, HEARD_MS, now).length > 0) return limitsNow(state, now);
  return limitsNow({ ...state, workers: state.workers.filter((one) => one.heardAt === heardAt) }, heardAt);
}
