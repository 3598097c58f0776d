// From runs to strata: whose arm was given by which chance, and which of its runs count there.
import type { RolloutStep } from '../../workflows/contract/rollout';
import type { MetricPolicy } from './policy';
import { addUnit, noSums, type RunValues, type Stratum } from './strata';

export interface RolloutRun {
  id: string;
  /** What sticks to its arm: see pick-release.ts. */
  unit: string;
  /** From 0 to 1: it is given the candidate in a step with a larger share. */
  place: number;
  arm: 'current' | 'candidate';
  startedAt: number;
  /** Absent of one that has not ended. */
  values?: RunValues;
}

/** What is known of a unit by the runs that began so far. */
interface Known {
  /** The last step in which it had a run on the current release. */
  current?: number;
  /** The step in which it was given the candidate. */
  candidate?: number;
}

interface Counted {
  stratum: Stratum;
  arm: 'current' | 'candidate';
  runs: RunValues[];
}

/**
 * Strata as `Stratum` says. A unit with the candidate has had no choice any more in later steps: its runs there are left out, as those of the
 * current release count for the step in which they began and for no other. Otherwise an hour in which everything fails would be on the
 * account of whoever had the candidate before.
 * @param steps those that have begun, oldest first
 */
export function strataOf(
  runs: readonly RolloutRun[],
  steps: readonly RolloutStep[],
  metrics: readonly MetricPolicy[],
): Stratum[] {
  const strata = new Map<string, Stratum>();
  const counted = new Map<string, Counted>();
  const known = new Map<string, Known>();
  const byStart = [...runs].sort((one, other) => one.startedAt - other.startedAt);
  for (const run of byStart) {
    const step = stepOf(run, steps);
    if (step === undefined) continue;
    const of = known.get(run.unit) ?? {};
    known.set(run.unit, of);
    if (run.arm === 'candidate' && of.candidate !== undefined && of.candidate !== step) continue;
    const key = JSON.stringify([step, run.arm, run.unit]);
    const there = counted.get(key) ?? { stratum: stratumOf(strata, steps, step, of), arm: run.arm, runs: [] };
    counted.set(key, there);
    if (run.values) there.runs.push(run.values);
    of[run.arm] = step;
  }
  // Those whose runs are all under way are late until they have ended, and where one arm is late it is to be seen.
  for (const { stratum, arm, runs: ended } of counted.values())
    if (ended.length > 0) addUnit(stratum[arm], ended, metrics);
  return [...strata.values()];
}

/** A unit that had the current release in an earlier step is given the candidate with what that step has left of the chance. */
function stratumOf(
  strata: Map<string, Stratum>,
  steps: readonly RolloutStep[],
  step: number,
  { current }: Known,
): Stratum {
  const before = current !== undefined && current < step ? (steps[current]?.share ?? 0) : 0;
  const key = JSON.stringify([step, before]);
  const share = (steps[step]?.share ?? 1) - before;
  const stratum = strata.get(key) ?? {
    ...{ step, share: before >= 1 ? 1 : share / (1 - before) },
    ...{ current: noSums(), candidate: noSums() },
  };
  strata.set(key, stratum);
  return stratum;
}

/**
 * The step in which it was given its release. Clocks of callers and workers differ: one that began near a border belongs where its place fits.
 * @returns undefined of one that no step explains
 */
function stepOf({ startedAt, place, arm }: RolloutRun, steps: readonly RolloutStep[]): number | undefined {
  const at = Math.max(
    0,
    steps.findLastIndex((step) => step.at <= startedAt),
  );
  const fits = (step: number): boolean => {
    const share = steps[step]?.share;
    return share !== undefined && place < share === (arm === 'candidate');
  };
  return [at, at - 1, at + 1].find(fits);
}
