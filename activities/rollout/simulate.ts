// A rollout on paper: runs are drawn, given to an arm by chance, and looked at as a real rollout's are.
import { decide, type Decision, type RolloutLook } from './judge';
import type { RolloutPolicy } from './policy';
import { addUnit, noSums, type RunValues, type Stratum } from './strata';

export interface SimulatedRollout {
  policy: RolloutPolicy;
  /** Runs of a new unit of this arm. */
  draw(arm: 'current' | 'candidate', chance: () => number): readonly RunValues[];
  chance: () => number;
  /** Runs between two looks: 1 looks after each, a share of the runs so far as often as it matters. */
  runsToNextLook?(runs: number): number;
  /** Nobody waits for more. */
  runsMost: number;
  /** As many units have runs that are not over yet, and come in turn. */
  openUnits?: number;
  /** What looks; the product's own unless something is to stand beside it. */
  look?(look: RolloutLook): Decision;
}

export interface SimulatedEnd {
  /** `inconclusive` when no more runs came. */
  decision: Exclude<Decision, 'advance' | 'wait'>;
  runs: number;
  candidateRuns: number;
  step: number;
}

interface OpenUnit {
  stratum: Stratum;
  arm: 'current' | 'candidate';
  runs: readonly RunValues[];
  seen: number;
}

export function simulateRollout(asked: SimulatedRollout): SimulatedEnd {
  const { policy, draw, chance, runsMost, openUnits = 1, look = decide, runsToNextLook = () => 1 } = asked;
  const strata: Stratum[] = [];
  const open: OpenUnit[] = [];
  let [step, runs, candidateRuns, nextLook] = [0, 0, 0, 1];
  let stratum = stratumOf(policy, step);
  strata.push(stratum);
  while (runs < runsMost) {
    if (open.length < openUnits) {
      const arm = chance() < stratum.share ? 'candidate' : 'current';
      open.push({ stratum, arm, runs: draw(arm, chance), seen: 0 });
    }
    const at = openUnits === 1 ? 0 : Math.floor(chance() * open.length);
    const unit = open[at];
    if (!unit) break;
    takeRun(unit, policy);
    if (unit.seen >= unit.runs.length) open.splice(at, 1);
    runs += 1;
    if (unit.arm === 'candidate') candidateRuns += 1;
    if (runs < nextLook) continue;
    nextLook = runs + Math.max(1, Math.floor(runsToNextLook(runs)));
    const decision = look({ policy, strata, step, isOver: false });
    if (decision === 'wait') continue;
    if (decision !== 'advance') return { decision, runs, candidateRuns, step };
    step += 1;
    stratum = stratumOf(policy, step);
    strata.push(stratum);
  }
  return { decision: 'inconclusive', runs, candidateRuns, step };
}

const stratumOf = ({ steps }: RolloutPolicy, step: number): Stratum => ({
  ...{ step, share: steps[step]?.share ?? 1 },
  ...{ current: noSums(), candidate: noSums() },
});

/** The unit's value is the mean of its runs so far. */
function takeRun(unit: OpenUnit, { metrics }: RolloutPolicy): void {
  const arm = unit.stratum[unit.arm];
  if (unit.seen > 0) addUnit(arm, unit.runs.slice(0, unit.seen), metrics, -1);
  unit.seen += 1;
  addUnit(arm, unit.runs.slice(0, unit.seen), metrics);
}
