// Whether numbers of two groups differ in where they lie: the test of Mann and Whitney, which knows no outliers and asks for no shape.
import jStat from 'jstat';
import type { Difference } from './difference';

/** Differences that lie below this are too small to act on, however sure they are: 0.1 is 60 of 100 pairs one way, and 40 the other. */
const RANK_EFFECT_LEAST = 0.1;

/**
 * By the normal law, with ties taken into account and half a rank kept back. Far out that law gives more than the exact one does, so it
 * errs towards silence; test/unit/watch-tests.test.ts compares them.
 * @param window how many of its runs have each value, the smallest first
 * @param baseline the same of its runs, of the same values
 * @returns undefined where the difference is too small to act on
 */
export function rankTest(window: Uint32Array, baseline: Uint32Array): Difference | undefined {
  // Of all pairs of one of the window and one of the baseline, in how many the window's is the larger; equal ones are half a pair.
  let [above, inWindow, inBaseline, ties] = [0, 0, 0, 0];
  for (let at = 0; at < window.length; at += 1) {
    const ours = window[at] ?? 0;
    const others = baseline[at] ?? 0;
    above += ours * (inBaseline + others / 2);
    inWindow += ours;
    inBaseline += others;
    ties += (ours + others) ** 3 - (ours + others);
  }
  const [pairs, both] = [inWindow * inBaseline, inWindow + inBaseline];
  const off = above - pairs / 2;
  if (Math.abs(off) < RANK_EFFECT_LEAST * pairs) return undefined;
  const variance = (pairs / 12) * (both + 1 - ties / (both * (both - 1)));
  const z = Math.max(0, Math.abs(off) - 0.5) / Math.sqrt(variance);
  return { direction: off > 0 ? 'up' : 'down', p: jStat.normal.cdf(-z, 0, 1) };
}

export function medianOf(values: Iterable<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length / 2;
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** Place of the value that more than half of all have, if there is one: then ranks say little, and what differs from it says more. */
export function usualPlace(window: Uint32Array, baseline: Uint32Array): number | undefined {
  let [all, most, place] = [0, 0, 0];
  for (let at = 0; at < window.length; at += 1) {
    const times = (window[at] ?? 0) + (baseline[at] ?? 0);
    all += times;
    if (times > most) [most, place] = [times, at];
  }
  return most * 2 > all ? place : undefined;
}
