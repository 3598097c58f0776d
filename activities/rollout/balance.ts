// Whether the arms have the units that their share should have given them. If not, runs of one arm are lost, late or not counted, and no other
// figure of the rollout can be trusted (Fabijan et al. 2019, "Diagnosing sample ratio mismatch in online controlled experiments").
import jStat from 'jstat';
import type { Stratum } from './strata';

/** The chance that arms which were given their units fairly are ever called unbalanced. */
export const BALANCE_ALPHA = 0.001;
/** As if so many units had been seen before, at the right share: a small mismatch shows late, a large one after some tens of units. */
const PRIOR_UNITS = 40;

export interface Balance {
  isOff: boolean;
  /** The logarithm of what speaks against the shares; 0 says nothing. */
  evidence: number;
  /** Units of the candidate: those there are, and those that were to be expected. */
  candidate: number;
  expected: number;
  units: number;
}

/** A likelihood ratio with a mixture of other shares, Beta around the right one: it holds at every look. */
export function balanceOf(strata: readonly Stratum[]): Balance {
  let [log, candidate, expected, units] = [0, 0, 0, 0];
  for (const { share, ...arms } of strata) {
    if (share <= 0 || share >= 1) continue;
    const [ours, others] = [arms.candidate.units, arms.current.units];
    const [a, b] = [PRIOR_UNITS * share, PRIOR_UNITS * (1 - share)];
    log += jStat.betaln(ours + a, others + b) - jStat.betaln(a, b);
    log -= ours * Math.log(share) + others * Math.log(1 - share);
    candidate += ours;
    expected += share * (ours + others);
    units += ours + others;
  }
  return { isOff: log >= -Math.log(BALANCE_ALPHA), evidence: log, candidate, expected, units };
}
