// Evidence about shares that holds at every look. See Turner, Ly, Grünwald (2021), "Generic E-variables for exact sequential k-sample tests that
// allow for optional stopping", and Turner, Grünwald (2022), "Anytime-valid confidence intervals for contingency tables and beyond".
//
// A unit is given the candidate with chance π, and is bad (1) or good (0). The null says of the chances of being bad, c with the current release
// and t with the candidate, that t - c is at most δ. Take any alternative (c', t'), and of all that the null allows the one that is nearest to it
// (by relative entropy, the arms weighted 1 - π and π): (c°, c° + δ). The likelihood of what was seen under the alternative, divided by that under
// the nearest null, is 1 at most in expectation under every null, because what the null allows of (arm, bad) is a convex set. That holds for each
// unit, given all before it: so the product over units is a supermartingale, even if the chances drift, and so is the mean of such products over
// alternatives that were chosen before. Ville's inequality: the chance that it ever reaches 1 / α is α at most. The product needs sums alone.
// A value between 0 and 1 enters as its part of a bad one: the product is convex in it, so it is less than what 0 and 1 with this mean would give.
import { LRUCache } from 'lru-cache';
import type { Compared } from './strata';

/** `above`: against harm of δ at most. `below`: against harm of δ at least. */
export type Side = 'above' | 'below';

/** Log odds of being bad with the current release, in the alternatives: how near they are to the truth matters little. */
const ODDS = Array.from({ length: 27 }, (_, at) => -6.5 + at / 2);
/** How far the candidate's log odds are beyond the null's border: to 2.2 is from 10 to 50 %, or from 50 to 90 %. */
const BEYOND: { readonly [side in Side]: readonly number[] } = {
  above: [0.3, 0.6, 1, 1.6, 2.6, 4.2],
  below: [-0.12, -0.25, -0.5, -0.8, -1.4, -2.6],
};
const LIKELY_MOST = 1 - 1e-4;

const chanceAt = (odds: number): number => 1 / (1 + Math.exp(-odds));
const oddsAt = (chance: number): number => Math.log(chance / (1 - chance));
const within = (chance: number): number => Math.min(LIKELY_MOST, Math.max(1 - LIKELY_MOST, chance));

interface Alternative {
  current: number;
  candidate: number;
}

/** They depend on δ, but on nothing that was seen. */
function alternatives(delta: number, side: Side): Alternative[] {
  return ODDS.flatMap((odds) => {
    const current = chanceAt(odds);
    return BEYOND[side].flatMap((beyond) => {
      const candidate = within(chanceAt(oddsAt(within(current + delta)) + beyond));
      const isBeyond = side === 'above' ? candidate - current > delta : candidate - current < delta;
      return isBeyond ? [{ current, candidate }] : [];
    });
  });
}

/** Of a null whose harm is `delta`: the current release's chance in the one that is nearest to the alternative. Exported for its test. */
export function nearestNull({ current, candidate }: Alternative, share: number, delta: number): number {
  if (delta === 0) return share * candidate + (1 - share) * current;
  let [low, high] = [Math.max(0, -delta), Math.min(1, 1 - delta)];
  for (let round = 0; round < 50; round += 1) {
    const at = (low + high) / 2;
    const there = at + delta;
    const slope =
      (share * (there - candidate)) / (there * (1 - there)) + ((1 - share) * (at - current)) / (at * (1 - at));
    if (slope > 0) high = at;
    else low = at;
  }
  return (low + high) / 2;
}

/** Logarithms of likelihood ratios, alternative after alternative: current bad, current good, candidate bad, candidate good. */
const tables = new LRUCache<string, Float64Array>({ max: 200 });

function tableOf(delta: number, side: Side, share: number): Float64Array {
  const key = `${side} ${delta} ${share}`;
  const known = tables.get(key);
  if (known) return known;
  const made = Float64Array.from(
    alternatives(delta, side).flatMap((alternative) => {
      const { current, candidate } = alternative;
      const nearest = nearestNull(alternative, share, delta);
      return [
        Math.log(current / nearest),
        Math.log((1 - current) / (1 - nearest)),
        Math.log(candidate / (nearest + delta)),
        Math.log((1 - candidate) / (1 - nearest - delta)),
      ];
    }),
  );
  tables.set(key, made);
  return made;
}

/**
 * The logarithm of an e-process against the null that the harm is at most (`above`) or at least (`below`) `delta`, with the same weight on each
 * alternative.
 * @param compared values from 0 to 1, more is worse
 */
export function shareEvidence(compared: readonly Compared[], delta: number, side: Side): number {
  if (side === 'above' ? delta >= 1 : delta <= -1) return 0;
  const strata = compared.map(({ share, current, candidate }) => ({
    table: tableOf(delta, side, share),
    currentBad: current.sum,
    currentGood: current.units - current.sum,
    candidateBad: candidate.sum,
    candidateGood: candidate.units - candidate.sum,
  }));
  const size = strata[0]?.table.length ?? 0;
  const logs = new Float64Array(size / 4);
  let most = -Infinity;
  for (const { table, currentBad, currentGood, candidateBad, candidateGood } of strata)
    for (let at = 0; at < size; at += 4) {
      logs[at / 4] =
        (logs[at / 4] ?? 0) +
        currentBad * (table[at] ?? 0) +
        currentGood * (table[at + 1] ?? 0) +
        candidateBad * (table[at + 2] ?? 0) +
        candidateGood * (table[at + 3] ?? 0);
    }
  for (const one of logs) most = Math.max(most, one);
  if (size === 0) return 0;
  let sum = 0;
  // What is 30 below the most adds less than a rounding error.
  for (const one of logs) if (one > most - 30) sum += Math.exp(one - most);
  return most + Math.log(sum / logs.length);
}
