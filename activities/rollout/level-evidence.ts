// Evidence about means that holds at every look, for values without bounds: logarithms of tokens, costs and times. It is the t test with a mixture
// over effects, as in Lindon, Ham, Tingley, Bojinov (2022), "Anytime-valid linear models", and Wang, Ramdas (2023), "Anytime-valid t-tests and
// confidence sequences for Gaussian means with unknown variance": of normal values with one variance an exact e-process, of others one for many
// units (Waudby-Smith et al. 2021, "Time-uniform central limit theory"). Each arm has its own variance here, as in Welch's test, so that a candidate
// which is only less steady is not taken for a worse one at a small share. test/benchmarks/rollouts.ts shows how often it is wrong.
import jStat from 'jstat';
import { harmIn, weightOf, type Compared, type MetricSums } from './strata';
import type { Side } from './share-evidence';

/** With fewer units of an arm its variance is a guess, and no law of large numbers helps. */
export const LEAST_UNITS = 20;
/**
 * Effects are thought of as normal around the null, with so many standard deviations of a unit's value. It decides at which size of an effect
 * the test is quickest, not whether it is right.
 */
const EFFECT_DEVIATION = 0.35;

export interface Welch {
  /** The candidate's mean less the current one's. */
  difference: number;
  /** Of the difference: a standard error. */
  error: number;
  /** Degrees of freedom, by Welch and Satterthwaite. */
  freedom: number;
  /** Units of variance 1 that would tell as much. */
  size: number;
}

/** @returns undefined while there are too few units, or all values are the same */
export function welchOf(compared: readonly Compared[]): Welch | undefined {
  const difference = harmIn(compared);
  const [current, candidate] = [armOf(compared, 'current'), armOf(compared, 'candidate')];
  if (difference === undefined || Math.min(current.units, candidate.units) < LEAST_UNITS) return undefined;
  const [ofCurrent, ofCandidate] = [current.share * current.variance, candidate.share * candidate.variance];
  const square = ofCurrent + ofCandidate;
  if (!(square > 0)) return undefined;
  const freedom = square ** 2 / (ofCurrent ** 2 / current.freedom + ofCandidate ** 2 / candidate.freedom);
  const pooled =
    (current.variance * current.freedom + candidate.variance * candidate.freedom) /
    (current.freedom + candidate.freedom);
  return { difference, error: Math.sqrt(square), freedom, size: pooled / square };
}

interface ArmSpread {
  units: number;
  /** Within strata: what differs between steps is no spread. */
  variance: number;
  freedom: number;
  /** Of its variance, in that of the difference. */
  share: number;
}

function armOf(compared: readonly Compared[], arm: 'current' | 'candidate'): ArmSpread {
  let [units, squares, freedom, parts, weights] = [0, 0, 0, 0, 0];
  for (const { current, candidate, [arm]: own } of compared) {
    const weight = weightOf(current.units, candidate.units);
    if (weight === 0) continue;
    units += own.units;
    squares += squaresAbout(own);
    freedom += own.units - 1;
    parts += weight ** 2 / own.units;
    weights += weight;
  }
  return { units, variance: squares / freedom, freedom, share: parts / weights ** 2 };
}

const squaresAbout = ({ units, sum, squares }: MetricSums): number => Math.max(0, squares - (sum * sum) / units);

/**
 * The logarithm of the evidence against the null that the harm is at most (`above`) or at least (`below`) `delta`. The mixture has the half of the
 * effects that lie beyond the null: twice the two-sided one, times the chance after all this that the effect is on that side.
 */
export function levelEvidence(welch: Welch, delta: number, side: Side): number {
  const { difference, error, freedom, size } = welch;
  const t = ((difference - delta) / error) * (side === 'above' ? 1 : -1);
  const kept = 1 / (1 + EFFECT_DEVIATION ** 2 * size);
  const twoSided =
    Math.log(kept) / 2 + ((freedom + 1) / 2) * (Math.log1p(t ** 2 / freedom) - Math.log1p((kept * t ** 2) / freedom));
  const place = t * Math.sqrt(((1 - kept) * (freedom + 1)) / (freedom + kept * t ** 2));
  return twoSided + Math.log(2 * Math.max(jStat.studentt.cdf(place, freedom + 1), Number.MIN_VALUE));
}
