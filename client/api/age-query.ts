// How long ago, in a query.
import { z } from 'zod';

const AGE_MS = { h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

export const ageQuery = z.string().regex(/^\d{1,5}[hdw]$/, 'a number with h, d or w, such as 7d');

/** @param text as `ageQuery` takes it */
export function ageMs(text: string): number {
  const unit = text.at(-1);
  return Number(text.slice(0, -1)) * (unit === 'h' || unit === 'd' || unit === 'w' ? AGE_MS[unit] : 0);
}
