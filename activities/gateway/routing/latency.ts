// How long calls take, in buckets that a few numbers tell: each a fifth wider than the one before, from 10 ms on.

const FIRST_MS = 10;
/** Buckets to a doubling. */
const STEPS = 4;
/** 10 ms × 2^25, more than three days. */
const LAST = 100;

export type Buckets = readonly (readonly [bucket: number, calls: number])[];

export const bucketOf = (ms: number): number =>
  Math.min(LAST, Math.max(0, Math.ceil(Math.log2(Math.max(ms, 1) / FIRST_MS) * STEPS)));

export function mergedBuckets(all: readonly Buckets[]): [number, number][] {
  const merged = new Map<number, number>();
  for (const [bucket, calls] of all.flat()) merged.set(bucket, (merged.get(bucket) ?? 0) + calls);
  return [...merged].sort(([a], [b]) => a - b);
}

/**
 * @param share from 0 to 1
 * @returns the upper end of the bucket that holds it: at most a fifth too high. Undefined where nothing was counted
 */
export function quantileMs(buckets: Buckets, share: number): number | undefined {
  const total = buckets.reduce((sum, [, calls]) => sum + calls, 0);
  let left = Math.max(1, Math.ceil(total * share));
  for (const [bucket, calls] of mergedBuckets([buckets])) {
    left -= calls;
    if (left <= 0) return Math.round(FIRST_MS * 2 ** (bucket / STEPS));
  }
  return undefined;
}
