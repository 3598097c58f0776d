// A limit in words.
import type { QuotaLimits, WaitsBy, WindowLimit } from '../../../workflows/contract/quota';

const WORDS = {
  requests: 'requests',
  tokens: 'tokens',
  input: 'input tokens',
  output: 'output tokens',
  usd: 'USD',
} as const;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export const describePeriod = (perMs: number): string =>
  perMs === MINUTE_MS ? 'a minute' : perMs === DAY_MS ? 'a day' : `in ${perMs} ms`;

export const describeLimit = ({ of, perMs, most }: WindowLimit): string =>
  `${of === 'usd' ? (most / 1e6).toFixed(2) : most} ${WORDS[of]} ${describePeriod(perMs)}`;

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
