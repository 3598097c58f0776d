// Rollouts on paper, with a look after every run: how often a release that is the current one is withdrawn, and how soon a worse one is; beside
// it what a gate with fixed thresholds comes to. Runs are drawn from recorded conversations.
import { decide, isLastComparison, exposureIn, type Decision, type RolloutLook } from '../../activities/rollout/judge';
import { marginOf, type MetricPolicy, type RolloutPolicy } from '../../activities/rollout/policy';
import { runValues } from '../../activities/rollout/run-values';
import { chanceOf } from '../../activities/rollout/seeded-chance';
import { simulateRollout, type SimulatedEnd } from '../../activities/rollout/simulate';
import type { RunValues, Stratum } from '../../activities/rollout/strata';
import type { WatchedRun } from '../../activities/watch/watched-run';
import type { SeededChange } from './anomalies';

/** Recordings have no clock and no bill: a turn stands for some seconds, and a token of output costs as much as five of input. */
const TURN_MS = 4_000;
const OUTPUT_COST = 5;
/** What is called an anomaly here: the same call, so often in one run. */
const REPEATS = 2;

/** The values of a recorded run, for all metrics of the usual policy. */
export function valuesOf(run: WatchedRun): RunValues {
  const { values } = run;
  return {
    ...runValues(run, ['success', 'tokens', 'tool-errors']),
    cost: (values['input-tokens'] ?? 0) + OUTPUT_COST * (values['output-tokens'] ?? 0),
    duration: TURN_MS * (values['turns'] ?? 0),
    anomalies: Number((values['repeats'] ?? 0) >= REPEATS),
  };
}

/** How runs come: each its own unit, or as sessions whose runs resemble each other. */
export interface Clustered {
  /** Runs of a session: from 1 to so many, each number as likely. */
  runsMost: number;
  /** The chance that a run of a session is its first one again. */
  sameAgain: number;
  /** Sessions under way at once. */
  open: number;
}

export interface RolloutTrials {
  recorded: readonly WatchedRun[];
  policy: RolloutPolicy;
  trials: number;
  runsMost: number;
  change?: SeededChange | undefined;
  clustered?: Clustered | undefined;
  /** A gate for each rollout: one may remember. */
  gate?(policy: RolloutPolicy): (look: RolloutLook) => Decision;
}

export function* rolloutEnds(asked: RolloutTrials): Generator<SimulatedEnd> {
  const { recorded, policy, trials, runsMost, change, clustered, gate } = asked;
  // A recorded run that nothing is changed in comes to the same every time.
  const unchanged = recorded.map(valuesOf);
  for (let trial = 1; trial <= trials; trial += 1)
    yield simulateRollout({
      ...{ policy, runsMost, chance: chanceOf(trial), openUnits: clustered?.open ?? 1 },
      ...(gate ? { look: gate(policy) } : {}),
      draw: (arm, chance) => {
        const one = (at: number): RunValues => {
          const run = recorded[at];
          return run && change && arm === 'candidate' ? valuesOf(change.changed(run, chance)) : (unchanged[at] ?? {});
        };
        const any = (): number => Math.floor(chance() * recorded.length);
        const first = any();
        const runs = clustered ? 1 + Math.floor(chance() * clustered.runsMost) : 1;
        const later = (): RunValues => one(clustered && chance() < clustered.sameAgain ? first : any());
        return [one(first), ...Array.from({ length: runs - 1 }, later)];
      },
    });
}

/** Of all looks alike: it decides as the product does, but nothing takes over, so that all the runs are looked at. */
export const neverPromoted = (): ((look: RolloutLook) => Decision) => (look) => {
  const decision = decide({ ...look, policy: { ...look.policy, falseFines: 0 } });
  return decision === 'promote' ? 'wait' : decision;
};

/**
 * As progressive delivery is usually set up (Argo Rollouts, Flagger): at an interval the arms' newest runs are compared, a metric that is worse by
 * more than its margin fails the check, and so many failed checks in a row withdraw the candidate. Steps and exposure as in the policy.
 * @param units of the candidate between two checks
 */
export function thresholdGate(units: number, failuresInRow: number) {
  return (policy: RolloutPolicy): ((look: RolloutLook) => Decision) => {
    let [checked, seen, failures] = [new Map<string, Sum>(), 0, 0];
    return ({ strata, step }) => {
      const had = strata.reduce((sum, { candidate }) => sum + candidate.units, 0);
      const isDue = had - seen >= units;
      if (isDue) {
        const now = totals(strata, policy);
        const isWorse = policy.metrics.some((metric) => harmSince(metric, checked, now) > marginOf(metric));
        failures = isWorse ? failures + 1 : 0;
        [checked, seen] = [now, had];
        if (failures >= failuresInRow) return 'withdraw';
      }
      if (exposureIn(strata, step) < (policy.steps[step]?.units ?? 0)) return 'wait';
      return isLastComparison(policy, step) ? 'promote' : 'advance';
    };
  };
}

interface Sum {
  units: number;
  sum: number;
}

function totals(strata: readonly Stratum[], { metrics }: RolloutPolicy): Map<string, Sum> {
  const found = new Map<string, Sum>();
  const add = (name: string, units: number, sum: number): void => {
    const before = found.get(name);
    found.set(name, { units: (before?.units ?? 0) + units, sum: (before?.sum ?? 0) + sum });
  };
  for (const { current, candidate } of strata) {
    for (const { name } of metrics)
      for (const [arm, sums] of [['current', current] as const, ['candidate', candidate] as const])
        add(keyOf(arm, name), sums.metrics[name]?.units ?? 0, sums.metrics[name]?.sum ?? 0);
  }
  return found;
}

const keyOf = (arm: keyof Pick<Stratum, 'current' | 'candidate'>, metric: string): string => `${arm} ${metric}`;

function harmSince({ name, better }: MetricPolicy, before: Map<string, Sum>, now: Map<string, Sum>): number {
  const meanOf = (arm: 'current' | 'candidate'): number => {
    const [then, since] = [before.get(keyOf(arm, name)), now.get(keyOf(arm, name))];
    return ((since?.sum ?? 0) - (then?.sum ?? 0)) / ((since?.units ?? 0) - (then?.units ?? 0));
  };
  const difference = meanOf('candidate') - meanOf('current');
  return better === 'lower' ? difference : -difference;
}

/** The runs of an agent as its records give them, to plan with. */
export const unitsOf = (recorded: readonly WatchedRun[]): RunValues[][] => recorded.map((run) => [valuesOf(run)]);
