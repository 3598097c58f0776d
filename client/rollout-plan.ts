// What a rollout will take at the agent's own traffic, from the records of its newest runs: said before it begins.
import { explainPlan } from '../activities/rollout/explain-plan';
import { daysInWords } from '../activities/rollout/figures';
import { planRollout, type RolloutPlan } from '../activities/rollout/plan';
import { endedValues } from '../activities/rollout/rollout-runs';
import type { Regression } from '../activities/rollout/regression';
import type { RunValues } from '../activities/rollout/strata';
import { unitOf } from '../activities/store/pick-release';
import type { ContentStore } from '../activities/store/port';
import { indexedRuns, recordOf } from '../activities/store/run-index';
import type { RolloutPlanned } from '../workflows/contract/rollout';
import { counted } from './format';

export interface ToldPlan {
  /** Of the agent's own, by which it was reckoned. */
  runs: number;
  units: number;
  runsPerDay: number;
  /** In which they began: an hour at least. */
  days: number;
  /** Absent where too few runs are known. */
  plan?: RolloutPlan;
  /** What it will take, a line each, warnings last. */
  lines: string[];
}

const RUNS_READ_MOST = 2_000;
const DAY_MS = 86_400_000;
const SINCE_DAYS = 30;
/** A day on which it began to be used says little of a whole one. */
const SPAN_LEAST_MS = DAY_MS / 24;
/** Rollouts on paper for each line: the median and nine of ten are told to some per cent. */
const TRIALS = 60;

/** Of what is to be withdrawn in time: so many margins. */
const WORSE: readonly { metric: string; margins: number }[] = [
  { metric: 'success', margins: 3 },
  { metric: 'tokens', margins: 2 },
];

export async function rolloutPlan(
  store: ContentStore,
  { agent, sticky, policy }: Pick<RolloutPlanned, 'agent' | 'sticky' | 'policy'>,
  now = Date.now(),
): Promise<ToldPlan> {
  const names = policy.metrics.map(({ name }) => name);
  // Those that no rollout on paper has are the same in both arms, and take time.
  const compared = { ...policy, metrics: policy.metrics.filter(({ name }) => !name.includes(':')) };
  const units = new Map<string, RunValues[]>();
  let [runs, oldest] = [0, now];
  for await (const entry of (await indexedRuns(store)) ?? []) {
    if (entry.startedAt < now - SINCE_DAYS * DAY_MS || runs >= RUNS_READ_MOST) break;
    if (entry.agent !== agent || entry.isSubRun) continue;
    runs += 1;
    oldest = Math.min(oldest, entry.startedAt);
    const record = entry.outcome === undefined ? undefined : await recordOf(store, entry);
    const values = record && (await endedValues(store, record, names));
    if (!record || !values) continue;
    const { tenant, session } = record;
    const unit = JSON.stringify(
      unitOf(sticky, { tenant, run: record.id, ...(session === undefined ? {} : { session }) }),
    );
    units.set(unit, [...(units.get(unit) ?? []), values]);
  }
  const days = Math.max(SPAN_LEAST_MS, now - oldest) / DAY_MS;
  const about = { runs, units: units.size, days, runsPerDay: Math.round((runs / days) * 10) / 10 };
  const plan = planRollout({
    ...{ policy: compared, units: [...units.values()], runsPerDay: about.runsPerDay, trials: TRIALS },
    regressions: WORSE.flatMap(({ metric, margins }): Regression[] => {
      const found = compared.metrics.find(({ name }) => name === metric);
      return found ? [{ metric, by: margins * found.margin }] : [];
    }),
  });
  const from = `It is reckoned from the newest ${counted(runs, 'run')}, which began within ${daysInWords(days)}.`;
  if (plan) return { ...about, plan, lines: [from, ...explainPlan(plan, compared)] };
  const few = `${units.size} ${sticky === 'run' ? 'runs' : `${sticky}s`} of ${agent} are known from the last ${SINCE_DAYS} days: too few to say what it will take.`;
  return { ...about, lines: [few] };
}
