// A quota as it is shown: what is configured here, with what its workflow says of it.
import { MICRO_USD } from '../workflows/contract/cost';
import { HEARD_MS, type QuotaLimits, type QuotaView } from '../workflows/contract/quota';

/** Of those who wait. */
const SHARES_SHOWN = 8;

/**
 * Limits are those of the configuration: one that was taken out of it is shown only while a worker that still has it is heard.
 * @param now milliseconds since the epoch
 */
export function shownView({ windows, concurrency }: QuotaLimits, view: QuotaView, now: number): QuotaView {
  const isNamed = view.at + HEARD_MS > now;
  const { concurrency: told, limits, ...rest } = view;
  const configured = windows.map(({ of, perMs, most }) => {
    const known = limits.find((one) => one.of === of && one.perMs === perMs);
    return { ...(known ?? { of, perMs, used: 0, leased: 0 }), most: known && isNamed ? known.most : most };
  });
  const others = limits.filter((one) => !windows.some(({ of, perMs }) => one.of === of && one.perMs === perMs));
  const most = isNamed ? (told?.most ?? concurrency) : concurrency;
  return {
    ...rest,
    limits: [...configured, ...(isNamed ? others : [])],
    ...(most === undefined ? {} : { concurrency: { most, busy: told?.busy ?? 0 } }),
  };
}

/** For programs: the ledger counts money in millionths. */
export const inDollars = (view: QuotaView): QuotaView => ({
  ...view,
  limits: view.limits.map((limit) => {
    if (limit.of !== 'usd') return limit;
    const { most, used, leased, pending } = limit;
    return {
      ...{ ...limit, most: most / MICRO_USD, used: used / MICRO_USD, leased: leased / MICRO_USD },
      ...(pending === undefined ? {} : { pending: pending / MICRO_USD }),
    };
  }),
});

/** What is no number of a limit: who waits, and what the provider has said. */
export function quotaLines(
  route: string,
  { waiting, away, pausedUntil, slowedTo, provider }: QuotaView,
  now: number,
): string[] {
  const count = waiting.reduce((total, share) => total + share.count, 0);
  const told = [
    ...(provider?.requests === undefined ? [] : [`${provider.requests} requests a minute`]),
    ...(provider?.tokens === undefined ? [] : [`${provider.tokens} tokens a minute`]),
  ];
  return [
    ...(count + away === 0
      ? []
      : [`${route}: ${count} wait${sharesText(waiting)}, ${Math.round(away)} told to come back`]),
    ...(pausedUntil === undefined
      ? []
      : [`${route}: the provider asked for ${Math.max(0, Math.ceil((pausedUntil - now) / 1_000))} s of pause`]),
    ...(slowedTo === undefined
      ? []
      : [`${route}: the provider refused more, so ${Math.round(slowedTo * 100)} % of the pace is used`]),
    ...(told.length === 0 ? [] : [`${route}: the provider itself says ${told.join(', ')}`]),
  ];
}

/** The same share may wait at several workers. */
function sharesText(waiting: QuotaView['waiting']): string {
  if (waiting.length === 0) return '';
  const counts = new Map<string, number>();
  for (const { priority, tenant, count } of waiting) {
    const share = `${priority} of ${tenant}`;
    counts.set(share, (counts.get(share) ?? 0) + count);
  }
  const shares = [...counts].map(([share, count]) => `${count} ${share}`);
  const more = shares.length > SHARES_SHOWN ? [`and ${shares.length - SHARES_SHOWN} more`] : [];
  return ` (${[...shares.slice(0, SHARES_SHOWN), ...more].join(', ')})`;
}
