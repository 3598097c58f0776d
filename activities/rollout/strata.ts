// What is kept of the runs of a rollout for its statistics: sums, which are enough for every look.
import { scaled, type MetricPolicy } from './policy';

/** Of the units of one arm that have a value of the metric, on its scale of comparison. */
export interface MetricSums {
  units: number;
  sum: number;
  squares: number;
}

export interface ArmSums {
  /**
   * What sticks to its arm and is judged as one: a run, a session, or a tenant. Runs of one unit resemble each other, so a unit counts once,
   * with the mean of its runs.
   */
  units: number;
  runs: number;
  metrics: { [metric: string]: MetricSums };
}

/**
 * Units that were given their arm by the same chance. The tests stand on that chance and on nothing else: what comes at night may be harder than
 * what comes by day, as long as both arms have had the same chance of it.
 *
 * - A run counts where its unit was when it began, and both arms count from the step's beginning to its end.
 * - In a step with a larger share, a unit that an earlier step knows as one of the current release is given the candidate with the chance
 *   (share - share before) / (1 - share before), not with `share`: it belongs in a stratum of its own. One that had the candidate already
 *   keeps it without a choice: its runs in later steps are left out, or whatever befalls all runs then would count against the candidate.
 */
export interface Stratum {
  /** Its place among the steps of the policy, from 0. */
  step: number;
  /** The chance of the candidate. */
  share: number;
  current: ArmSums;
  candidate: ArmSums;
}

/** What one run came to, by metric, as it was measured. What nobody measured is absent. */
export interface RunValues {
  readonly [metric: string]: number;
}

export const noSums = (): ArmSums => ({ units: 0, runs: 0, metrics: {} });

/** @param units the runs of each */
export function armSums(units: readonly (readonly RunValues[])[], metrics: readonly MetricPolicy[]): ArmSums {
  const arm = noSums();
  for (const runs of units) addUnit(arm, runs, metrics);
  return arm;
}

/** @param sign -1 takes a unit away, which has had another run and is to be added again */
export function addUnit(
  arm: ArmSums,
  runs: readonly RunValues[],
  metrics: readonly MetricPolicy[],
  sign: 1 | -1 = 1,
): void {
  arm.units += sign;
  arm.runs += sign * runs.length;
  for (const metric of metrics) {
    const value = unitValue(runs, metric);
    if (value === undefined) continue;
    const sums = (arm.metrics[metric.name] ??= { units: 0, sum: 0, squares: 0 });
    sums.units += sign;
    sums.sum += sign * value;
    sums.squares += sign * value * value;
  }
}

function unitValue(runs: readonly RunValues[], metric: MetricPolicy): number | undefined {
  let [sum, count] = [0, 0];
  for (const run of runs) {
    const value = run[metric.name];
    if (value === undefined || !Number.isFinite(value)) continue;
    sum += scaled(metric, value);
    count += 1;
  }
  return count === 0 ? undefined : sum / count;
}

const NONE: MetricSums = { units: 0, sum: 0, squares: 0 };

/** One metric in one stratum, turned so that more is worse. */
export interface Compared {
  share: number;
  current: MetricSums;
  candidate: MetricSums;
}

/** Strata that say nothing of the metric are left out: nobody there, or no choice of an arm. */
export function comparedIn(strata: readonly Stratum[], metric: MetricPolicy): Compared[] {
  const found: Compared[] = [];
  for (const { share, current, candidate } of strata) {
    const both = { current: current.metrics[metric.name] ?? NONE, candidate: candidate.metrics[metric.name] ?? NONE };
    if (share <= 0 || share >= 1 || both.current.units + both.candidate.units === 0) continue;
    found.push({ share, current: harmful(both.current, metric), candidate: harmful(both.candidate, metric) });
  }
  return found;
}

function harmful(sums: MetricSums, { kind, better }: MetricPolicy): MetricSums {
  if (better === 'lower') return sums;
  const { units, sum, squares } = sums;
  return kind === 'share'
    ? { units, sum: units - sum, squares: units - 2 * sum + squares }
    : { units, sum: -sum, squares };
}

/**
 * By how much the candidate's units are worse than the current ones of the same stratum, each stratum counting by what it can tell: what has
 * changed from one step to the next is then no difference between the arms.
 * @returns undefined while no stratum has units of both
 */
export function harmIn(compared: readonly Compared[]): number | undefined {
  let [sum, weights] = [0, 0];
  for (const { current, candidate } of compared) {
    const weight = weightOf(current.units, candidate.units);
    if (weight === 0) continue;
    sum += weight * (candidate.sum / candidate.units - current.sum / current.units);
    weights += weight;
  }
  return weights === 0 ? undefined : sum / weights;
}

/** The inverse of the difference's variance, for values with a variance of 1. */
export const weightOf = (current: number, candidate: number): number =>
  current === 0 || candidate === 0 ? 0 : (current * candidate) / (current + candidate);
