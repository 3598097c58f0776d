// What of a simulated quota arrived at the provider, as that counts it.
import { DIMENSIONS, type WindowLimit } from '../../workflows/contract/quota';
import type { Arrival } from './quota-world';

/** How many a provider refuses that holds a bucket of `most`, refilled within `perMs`. */
export function refusedBy(arrivals: readonly Arrival[], { most, perMs }: { most: number; perMs: number }): number {
  let level = most;
  let last = 0;
  let refused = 0;
  for (const { at } of [...arrivals].sort((a, b) => a.at - b.at)) {
    level = Math.min(most, level + ((at - last) * most) / perMs);
    last = at;
    if (level >= 1) level -= 1;
    else refused += 1;
  }
  return refused;
}

/** The most that arrived within any window of that length, and the least, from and to. */
export function windowsOf(
  arrivals: readonly Arrival[],
  { of, perMs }: WindowLimit,
  from: number,
  to: number,
): { most: number; least: number } {
  const nth = DIMENSIONS.indexOf(of);
  let most = 0;
  let least = Infinity;
  let sum = 0;
  let first = 0;
  const sorted = [...arrivals].sort((a, b) => a.at - b.at);
  for (const { at, amounts } of sorted) {
    for (let old = sorted[first]; old && old.at <= at - perMs; old = sorted[first]) {
      sum -= old.amounts[nth] ?? 0;
      first += 1;
    }
    // Just before this one the window is at its emptiest.
    if (at >= from + perMs && at <= to) least = Math.min(least, sum);
    sum += amounts[nth] ?? 0;
    most = Math.max(most, sum);
  }
  return { most, least };
}
