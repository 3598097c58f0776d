// What a look at a rollout comes to. Pure, and from sums alone: who looks twice at the same sums hears the same twice.
import type { RolloutDecision } from '../../workflows/contract/rollout';
import { balanceOf, type Balance } from './balance';
import { boundsOf, evidenceIn, type Bounds } from './evidence';
import { alphaOf, marginOf, type MetricPolicy, type RolloutPolicy } from './policy';
import { comparedIn, harmIn, type Stratum } from './strata';

export interface RolloutLook {
  policy: RolloutPolicy;
  /** Of all steps so far. */
  strata: readonly Stratum[];
  /** The step that is under way, from 0. */
  step: number;
  /** `windowDays` have passed. */
  isOver: boolean;
}

/**
 * `worse`: any harm at all is proven, and the estimate is beyond the margin; so neither chance nor a proven trifle withdraws a release.
 * `fine`: harm as large as the margin is refuted.
 */
export type Verdict = 'worse' | 'fine' | 'open';

export type Decision = RolloutDecision;

/**
 * The decision alone, in microseconds: who looks after every run asks here. The order matters: what is worse is withdrawn even if it is over, and
 * nothing takes over while the arms are unbalanced.
 */
export function decide({ policy, strata, step, isOver }: RolloutLook): Decision {
  if (policy.metrics.some((metric) => isWorse(strata, metric, policy))) return 'withdraw';
  if (balanceOf(strata).isOff) return 'pause';
  const isExposed = exposureIn(strata, step) >= (policy.steps[step]?.units ?? 0);
  if (isExposed && !isLastComparison(policy, step)) return isOver ? 'inconclusive' : 'advance';
  const areFine = (): boolean =>
    policy.metrics.every((metric) => !metric.mustBeFine || isFine(strata, metric, policy.falseFines));
  if (isExposed && areFine()) return 'promote';
  return isOver ? 'inconclusive' : 'wait';
}

/** Units that the candidate has had in a step. */
export const exposureIn = (strata: readonly Stratum[], step: number): number =>
  strata.reduce((sum, one) => (one.step === step ? sum + one.candidate.units : sum), 0);

/** After it all units have the candidate, and there is nothing to compare it with. */
export function isLastComparison({ steps }: RolloutPolicy, step: number): boolean {
  const next = steps[step + 1];
  return next === undefined || next.share >= 1;
}

function isWorse(strata: readonly Stratum[], metric: MetricPolicy, policy: RolloutPolicy): boolean {
  const compared = comparedIn(strata, metric);
  const harm = harmIn(compared);
  if (harm === undefined || harm < marginOf(metric)) return false;
  return evidenceIn(compared, metric)(0, 'above') >= -Math.log(alphaOf(metric, policy));
}

function isFine(strata: readonly Stratum[], metric: MetricPolicy, falseFines: number): boolean {
  const compared = comparedIn(strata, metric);
  const harm = harmIn(compared);
  if (harm === undefined || harm >= marginOf(metric)) return false;
  return evidenceIn(compared, metric)(marginOf(metric), 'below') >= -Math.log(falseFines);
}

export interface ArmFigures {
  units: number;
  /** The mean of its units, as it was measured; of a ratio the geometric one. Undefined without units. */
  mean: number | undefined;
}

export interface MetricVerdict {
  metric: string;
  verdict: Verdict;
  current: ArmFigures;
  candidate: ArmFigures;
  /** By which the candidate is worse, on the scale of comparison; undefined while no stratum has units of both. */
  harm: number | undefined;
  /** Of the harm, at every look. `atLeast` is wrong with a chance of `alpha`, `atMost` with one of the policy's `falseFines`. */
  bounds: Bounds;
  alpha: number;
}

/** All that a decision stands on: what is kept of a look, shown, and told. */
export interface Judgement {
  decision: Decision;
  step: number;
  /** Units of the candidate in this step, and those that it is to have. */
  exposure: number;
  exposureNeeded: number;
  balance: Balance;
  verdicts: MetricVerdict[];
}

/** The decision with what it stands on, but its metrics. */
export function decisionOf(look: RolloutLook): Omit<Judgement, 'verdicts'> {
  const { policy, strata, step } = look;
  return {
    decision: decide(look),
    step,
    exposure: exposureIn(strata, step),
    exposureNeeded: policy.steps[step]?.units ?? 0,
    balance: balanceOf(strata),
  };
}

/** Takes some tens of milliseconds. */
export function verdictOf(strata: readonly Stratum[], metric: MetricPolicy, policy: RolloutPolicy): MetricVerdict {
  const compared = comparedIn(strata, metric);
  const harm = harmIn(compared);
  const alpha = alphaOf(metric, policy);
  const verdict = isWorse(strata, metric, policy)
    ? 'worse'
    : isFine(strata, metric, policy.falseFines)
      ? 'fine'
      : 'open';
  const alphas = { alphaLow: alpha, alphaHigh: policy.falseFines };
  const nothing: Bounds = { atLeast: undefined, atMost: undefined };
  return {
    ...{ metric: metric.name, verdict, harm, alpha },
    current: figuresOf(strata, metric, 'current'),
    candidate: figuresOf(strata, metric, 'candidate'),
    bounds:
      harm === undefined ? nothing : boundsOf(evidenceIn(compared, metric), metric, { estimate: harm, ...alphas }),
  };
}

function figuresOf(strata: readonly Stratum[], metric: MetricPolicy, arm: 'current' | 'candidate'): ArmFigures {
  let [units, sum] = [0, 0];
  for (const { share, [arm]: own } of strata) {
    const sums = own.metrics[metric.name];
    if (!sums || share <= 0 || share >= 1) continue;
    units += sums.units;
    sum += sums.sum;
  }
  if (units === 0) return { units, mean: undefined };
  return { units, mean: metric.kind === 'ratio' ? Math.exp(sum / units) : sum / units };
}
