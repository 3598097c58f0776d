// Which limits count at this moment: the smaller ones where workers differ, and the provider's own where it says them.
import { HEARD_MS, MINUTE_MS } from '../contract/quota';
import type { LedgerState, QuotaLimits, ToldByProvider, WindowLimit } from '../contract/quota';

/** What a provider says of itself holds so long, and so does what it refused. */
export const TOLD_MS = 600_000;
/** No answer may stop everything for longer: who says so is not within our control. */
const PAUSE_MOST_MS = 600_000;
/** Of the pace, after refusals within what was thought to be the limit; and how long it takes to come back. */
const SLOWER = 0.8;
const SLOWEST = 0.1;
const RECOVERY_MS = 60_000;

export function limitsNow(state: LedgerState, now: number): QuotaLimits {
  const all = state.workers.filter(({ heardAt }) => heardAt + HEARD_MS > now).map(({ limits }) => limits);
  const windows = new Map<string, WindowLimit>();
  for (const limit of all.flatMap((one) => one.windows)) {
    const key = `${limit.of}/${limit.perMs}`;
    const most = Math.min(limit.most, providerMost(state, limit, now));
    const known = windows.get(key);
    if (!known || most < known.most) windows.set(key, { ...limit, most });
  }
  const atOnce = all.flatMap(({ concurrency }) => (concurrency === undefined ? [] : [concurrency]));
  return { windows: [...windows.values()], ...(atOnce.length > 0 ? { concurrency: Math.min(...atOnce) } : {}) };
}

function providerMost({ provider }: LedgerState, { of, perMs }: WindowLimit, now: number): number {
  if (!provider || perMs !== MINUTE_MS || provider.at + TOLD_MS < now) return Infinity;
  return (of === 'requests' ? provider.requests : of === 'tokens' ? provider.tokens : undefined) ?? Infinity;
}

export function takeTold(state: LedgerState, told: ToldByProvider, now: number): void {
  const { pauseMs = 0, refused = 0, requestsPerMinute, tokensPerMinute } = told;
  state.pausedUntil = Math.max(state.pausedUntil, now + Math.min(PAUSE_MOST_MS, pauseMs));
  if (refused > 0) state.slowed = { to: Math.max(SLOWEST, paceNow(state, now) * SLOWER), at: now };
  if (requestsPerMinute !== undefined || tokensPerMinute !== undefined)
    state.provider = {
      ...(requestsPerMinute === undefined ? {} : { requests: requestsPerMinute }),
      ...(tokensPerMinute === undefined ? {} : { tokens: tokensPerMinute }),
      at: now,
    };
}

/** Part of the pace: 1 unless the provider refused requests lately. */
export function paceNow({ slowed }: LedgerState, now: number): number {
  if (!slowed) return 1;
  return Math.min(1, slowed.to + ((1 - slowed.to) * (now - slowed.at)) / RECOVERY_MS);
}
