// What the head of a provider's answer says of its limits, in OpenAI's words and Anthropic's.
import type { ToldByProvider } from '../../workflows/contract/quota';
import { retryAfterMs } from './retry-after';

const TOO_MANY = 429;
/** Without a word about when, after a refusal. */
const DEFAULT_PAUSE_MS = 1_000;
/** What it says of a limit of hours is for its own error to say: that pause would hold up everything else of the key. */
const PAUSE_MOST_MS = 60_000;
const KINDS = ['requests', 'tokens'] as const;

/** @returns undefined where it says nothing that changes anything */
export function toldLimits(status: number, headers: Headers, now = Date.now()): ToldByProvider | undefined {
  const of = (what: 'limit' | 'remaining' | 'reset', kind: (typeof KINDS)[number]): string | null =>
    headers.get(`x-ratelimit-${what}-${kind}`) ?? headers.get(`anthropic-ratelimit-${kind}-${what}`);
  const [requestsPerMinute, tokensPerMinute] = KINDS.map((kind) => whole(of('limit', kind)));
  const emptied = KINDS.filter((kind) => whole(of('remaining', kind)) === 0);
  const resets = emptied.flatMap((kind) => durationOf(of('reset', kind), now) ?? []);
  const isRefused = status === TOO_MANY;
  const asked = isRefused ? (retryAfterMs(headers, now) ?? DEFAULT_PAUSE_MS) : undefined;
  const pauseMs = asked ?? (isRefused || resets.length === 0 ? undefined : Math.min(...resets));
  const isShort = pauseMs !== undefined && pauseMs > 0 && pauseMs <= PAUSE_MOST_MS;
  const told: ToldByProvider = {
    ...(isShort ? { pauseMs } : {}),
    ...(isRefused ? { refused: 1 } : {}),
    ...(requestsPerMinute ? { requestsPerMinute } : {}),
    ...(tokensPerMinute ? { tokensPerMinute } : {}),
  };
  return isShort || isRefused || requestsPerMinute || tokensPerMinute ? told : undefined;
}

const whole = (text: string | null): number | undefined =>
  text !== null && /^\d{1,12}$/.test(text) ? Number(text) : undefined;

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** `120ms`, `2.5s`, `6m0s`; or a date. */
function durationOf(text: string | null, now: number): number | undefined {
  if (text === null || text === '') return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length > 0)
    return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (isUnit(unit) ? UNITS[unit] : 0), 0);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
const isUnit = (unit: string | undefined): unit is keyof typeof UNITS =>
  unit !== undefined && Object.hasOwn(UNITS, unit);
