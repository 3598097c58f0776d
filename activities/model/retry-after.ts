// When a provider wants to be asked again.

/** @returns milliseconds from now, or undefined where the headers say nothing usable */
export function retryAfterMs(headers: Headers | undefined, now: number): number | undefined {
  const milliseconds = amount(headers?.get('retry-after-ms'));
  if (milliseconds !== undefined) return Math.ceil(milliseconds);
  const value = headers?.get('retry-after');
  const seconds = amount(value);
  if (seconds !== undefined) return Math.ceil(seconds * 1000);
  // Only with a month's name: Date.parse takes "-3" for a date, too.
  const date = value && /[a-z]{3}/i.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function amount(value: string | null | undefined): number | undefined {
  return value && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : undefined;
}
