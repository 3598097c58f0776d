// A limit in words.
import { MICRO_USD } from '../../../workflows/contract/cost';
import { DAY_MS, MINUTE_MS, type QuotaLimits, type WaitsBy, type WindowLimit } from '../../../workflows/contract/quota';

const WORDS = {
  requests: 'requests',
  tokens: 'tokens',
  input: 'input tokens',
  output: 'output tokens',
  usd: 'USD',
} as const;

export const describePeriod = (perMs: number): string =>
  perMs === MINUTE_MS ? 'a minute' : perMs === DAY_MS ? 'a day' : `in ${perMs} ms`;

/** Dollars to the cent; where that would not say all of them, as many figures as it takes. @param micro millionths */
export const dollarsText = (micro: number): string => (micro / MICRO_USD).toFixed(6).replace(/(\.\d\d\d*?)0+$/, '$1');

export const describeLimit = ({ of, perMs, most }: WindowLimit): string =>
  `${of === 'usd' ? dollarsText(most) : most} ${WORDS[of]} ${describePeriod(perMs)}`;

/** All that is limited, as it was configured. */
export const describeLimits = ({ windows, concurrency }: QuotaLimits): string =>
  [...windows.map(describeLimit), ...(concurrency === undefined ? [] : [`${concurrency} at once`])].join(', ');

export function describeWait(route: string, limits: QuotaLimits, by: WaitsBy | 'silence' | undefined): string {
  if (by === 'silence') return `the quota of ${route} does not answer`;
  if (by === 'provider') return `the provider of ${route} asked for a pause`;
  if (by === 'concurrency')
    return `all ${limits.concurrency ?? 0} requests at once that ${route} may have are under way`;
  const limit = limits.windows.find(({ of, perMs }) => of === by?.of && perMs === by.perMs);
  return `the quota of ${route} is used up${limit ? `: ${describeLimit(limit)}` : ''}`;
}

/** The time of day, which stays true however late it is read. @param now milliseconds since the epoch */
export function describeUntil(now: number, { ms, againMs }: { ms: number; againMs: number }): string {
  const until = secondOf(now + ms, now);
  return againMs < ms
    ? `it asks again at ${secondOf(now + againMs, now)}, and waits until some ${until}`
    : `it waits until ${until}`;
}

/** Rounded up. */
function secondOf(ms: number, now: number): string {
  const iso = new Date(Math.ceil(ms / 1_000) * 1_000).toISOString();
  const day = iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10) ? '' : `${iso.slice(0, 10)} `;
  return `${day}${iso.slice(11, 19)} UTC`;
}
