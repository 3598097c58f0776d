// What a rollout will take, before it begins: the agent's own recent runs are drawn again and again, as they were and made worse.
import type { RolloutPolicy } from './policy';
import { chanceOf } from './seeded-chance';
import { daysInWords, percent } from './figures';
import { simulateRollout, type SimulatedEnd } from './simulate';
import type { RunValues } from './strata';
import { worsened, type Regression } from './regression';

export interface PlanAsked {
  policy: RolloutPolicy;
  /** Recent runs of the agent, by unit: what sticks to its arm. */
  units: readonly (readonly RunValues[])[];
  runsPerDay: number;
  /** What is to be withdrawn in time. */
  regressions: readonly Regression[];
  /** Rollouts on paper for each line. */
  trials?: number;
}

export interface PlanLine {
  /** Undefined: a candidate that is the current release. */
  regression: Regression | undefined;
  /** Runs and days until it is withdrawn, or takes over: half of all rollouts, and nine of ten, come to this in less; Infinity: it doesn't. */
  runs: { median: number; most: number };
  days: { median: number; most: number };
  /** Of all rollouts, those that came to this within the window. */
  within: number;
}

export interface RolloutPlan {
  lines: PlanLine[];
  runsPerDay: number;
  /** Days until the candidate has had the units that each step asks for. */
  steps: { share: number; days: number }[];
  /** In words, one a line; none when the window is enough. */
  warnings: string[];
}

/** Fewer runs than this do not say what an agent is like. */
const UNITS_LEAST = 20;
const TRIALS = 100;
/** What takes longer is not counted to its end. */
const RUNS_MOST = 40_000;
/** A hundredth more runs between two looks: more looks would move the figures by less than that. */
const LOOK_SHARE = 0.01;
const ENOUGH = 0.9;

/** @returns undefined with too few units to draw from */
export function planRollout(asked: PlanAsked): RolloutPlan | undefined {
  const { policy, units, runsPerDay, regressions } = asked;
  if (units.length < UNITS_LEAST || !(runsPerDay > 0)) return undefined;
  const lines = [undefined, ...regressions].map((regression) => lineOf(asked, regression));
  const runsPerUnit = units.flat().length / units.length;
  const steps = policy.steps
    .filter(({ share }) => share < 1)
    .map(({ share, units: needed }) => ({ share, days: (needed * runsPerUnit) / (share * runsPerDay) }));
  return { lines, runsPerDay, steps, warnings: warningsOf(lines, asked) };
}

function lineOf(
  { policy, units, runsPerDay, trials = TRIALS }: PlanAsked,
  regression: Regression | undefined,
): PlanLine {
  const wanted = regression ? 'withdraw' : 'promote';
  const worse = regression ? worsened(units, regression, policy) : undefined;
  const windowRuns = policy.windowDays * runsPerDay;
  const ends = Array.from({ length: trials }, (_, trial): SimulatedEnd =>
    simulateRollout({
      policy,
      chance: chanceOf(trial + 1),
      runsMost: RUNS_MOST,
      runsToNextLook: (runs) => LOOK_SHARE * runs,
      draw: (arm, chance) => {
        const unit = units[Math.floor(chance() * units.length)] ?? [];
        return arm === 'candidate' && worse ? unit.map((run) => worse(run, chance)) : unit;
      },
    }),
  );
  const found = ends.map(({ decision, runs }) => (decision === wanted ? runs : Infinity)).sort((a, b) => a - b);
  const at = (share: number): number => found[Math.ceil(share * found.length) - 1] ?? Infinity;
  const runs = { median: at(0.5), most: at(0.9) };
  return {
    ...{ regression, runs },
    days: { median: runs.median / runsPerDay, most: runs.most / runsPerDay },
    within: found.filter((one) => one <= windowRuns).length / found.length,
  };
}

function warningsOf([same, ...worse]: readonly PlanLine[], { policy, runsPerDay, ...asked }: PlanAsked): string[] {
  const window = `${policy.windowDays} days`;
  const warnings = worse
    .filter(({ within }) => within < ENOUGH)
    .map(
      ({ within, regression }) =>
        `The window of ${window} is too short for ${regression?.metric}: it withdraws ${percent(within)} of releases that are so much worse.`,
    );
  if (!same || same.within >= ENOUGH) return warnings;
  const last = policy.steps.findLast(({ share }) => share < 1);
  const direct = last && { ...policy, steps: [last] };
  const shorter = direct && lineOf({ policy: direct, runsPerDay, ...asked }, undefined).days.most;
  return [
    ...warnings,
    `The window of ${window} can't conclude: in it ${percent(same.within)} of releases as good as the current one are shown to be. ` +
      (shorter === undefined || shorter === Infinity
        ? 'It takes more runs, larger margins or fewer metrics that must be fine.'
        : `With ${percent(last?.share ?? 1)} from the beginning nine of ten take ${daysInWords(shorter)}; larger margins take less.`),
  ];
}
