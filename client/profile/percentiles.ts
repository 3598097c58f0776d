// Percentiles by nearest rank: each is a value that was measured, and none is between two.

/** @param sorted ascending @param share from 0 to 1 @returns 0 of nothing */
export const percentileOf = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0;

export interface Distribution {
  /** How many values it is of: small ones say little. */
  count: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
  mean: number;
}

export function distributionOf(values: readonly number[]): Distribution {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    p50: percentileOf(sorted, 0.5),
    p90: percentileOf(sorted, 0.9),
    p99: percentileOf(sorted, 0.99),
    max: sorted.at(-1) ?? 0,
    mean: sorted.length === 0 ? 0 : sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
  };
}
