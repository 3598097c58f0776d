// Whether numbers of two groups differ in where they lie: the test of Mann and Whitney, which knows no outliers and asks for no shape.
import { jStat } from 'jstat';
import type { Difference } from './difference';

/** Differences that lie below this are too small to act on, however sure they are: 0.1 is 60 of 100 pairs one way, and 40 the other. */
const RANK_EFFECT_LEAST = 0.1;

/**
 * By the normal law, with ties taken into account and half a rank kept back. Far out that law gives more than the exact one does, so it
 * errs towards silence; test/unit/watch-tests.test.ts compares them.
 * @returns undefined where all values are the same
 */
export function rankTest(window: readonly number[], baseline: readonly number[]): Difference | undefined {
  const [inWindow, inBaseline] = [window.length, baseline.length];
  const both = inWindow + inBaseline;
  const { rankSum, ties } = ranksOf(window, baseline);
  const variance = ((inWindow * inBaseline) / 12) * (both + 1 - ties / (both * (both - 1)));
  if (!(variance > 0)) return undefined;
  const above = rankSum - (inWindow * (inWindow + 1)) / 2;
  const off = above - (inWindow * inBaseline) / 2;
  const z = Math.max(0, Math.abs(off) - 0.5) / Math.sqrt(variance);
  return {
    direction: off > 0 ? 'up' : 'down',
    p: jStat.normal.cdf(-z, 0, 1),
    isLarge: Math.abs(off) / (inWindow * inBaseline) >= RANK_EFFECT_LEAST,
  };
}

/** The sum of the window's ranks among all, equal values sharing theirs; and the sum of t³ - t over those that are equal. */
function ranksOf(window: readonly number[], baseline: readonly number[]): { rankSum: number; ties: number } {
  const all = Float64Array.from([...window, ...baseline]).sort();
  const ours = Float64Array.from(window).sort();
  let [rankSum, ties, seen] = [0, 0, 0];
  for (let from = 0; from < all.length;) {
    const value = all[from];
    let to = from;
    while (to < all.length && all[to] === value) to += 1;
    const before = seen;
    while (seen < ours.length && ours[seen] === value) seen += 1;
    const equal = to - from;
    rankSum += ((seen - before) * (from + 1 + to)) / 2;
    ties += equal ** 3 - equal;
    from = to;
  }
  return { rankSum, ties };
}

export function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length / 2;
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** The value that more than half of all have, if there is one: then ranks say little, and what differs from it says more. */
export function usualValue(values: readonly number[]): number | undefined {
  // Each other value takes one away from the one that leads: what more than half have is left over (Boyer and Moore).
  let [leads, by] = [NaN, 0];
  for (const value of values) {
    if (by === 0) leads = value;
    by += value === leads ? 1 : -1;
  }
  return values.filter((value) => value === leads).length * 2 > values.length ? leads : undefined;
}
