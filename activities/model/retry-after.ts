// When a provider wants to be asked again.

/** Nobody means a longer one; a number with three hundred digits would be for ever. */
const MAX_MS = 24 * 60 * 60 * 1_000;

/** @returns milliseconds from now, at most a day, or undefined where the headers say nothing usable */
export function retryAfterMs(headers: Headers | undefined, now: number): number | undefined {
  const milliseconds = amount(headers?.get('retry-after-ms'));
  if (milliseconds !== undefined) return atMostADay(milliseconds);
  const value = headers?.get('retry-after');
  const seconds = amount(value);
  if (seconds !== undefined) return atMostADay(seconds * 1000);
  // Only with a month's name: Date.parse takes "-3" for a date, too.
  const date = value && /[a-z]{3}/i.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : atMostADay(Math.max(0, date - now));
}

const atMostADay = (ms: number): number => Math.min(MAX_MS, Math.ceil(ms));

function amount(value: string | null | undefined): number | undefined {
  return value && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : undefined;
}
