// Prints how often rollouts of a release that is the current one are withdrawn, how soon those of a worse one are, and what one takes in days.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { printTable } from '../../infra/drills/print-table';
import { explainPlan } from '../../activities/rollout/explain-plan';
import { percent } from '../../activities/rollout/figures';
import { planRollout } from '../../activities/rollout/plan';
import { USUAL_POLICY } from '../../activities/rollout/policy';
import type { SimulatedEnd } from '../../activities/rollout/simulate';
import { readRecordedRuns, seededChanges, type SeededChange } from './anomalies';
import { interval } from './print-anomalies';
import { neverPromoted, rolloutEnds, thresholdGate, unitsOf, type RolloutTrials } from './rollouts';

const WAIT_RUNS = 20_000;
const REGRESSIONS = [
  { metric: 'success', by: 0.15 },
  { metric: 'tokens', by: 0.3 },
];

const at = (sorted: readonly number[], share: number): string =>
  String(sorted[Math.ceil(share * sorted.length) - 1] ?? '–');
const sortedBy = (ends: readonly SimulatedEnd[], of: (end: SimulatedEnd) => number): number[] =>
  ends.map(of).sort((one, other) => one - other);

/** @param wanted the runs of those that come to it are shown */
function row(ends: readonly SimulatedEnd[], wanted: SimulatedEnd['decision']): string[] {
  const share = (decision: SimulatedEnd['decision']): string =>
    percent(ends.filter((end) => end.decision === decision).length / ends.length);
  const [low, high] = interval(ends.filter(({ decision }) => decision === 'withdraw').length, ends.length);
  const found = ends.filter(({ decision }) => decision === wanted);
  const runs = sortedBy(found, (end) => end.runs);
  return [
    String(ends.length),
    share('withdraw'),
    `${percent(low)} to ${percent(high)}`,
    share('promote'),
    share('inconclusive'),
    at(runs, 0.5),
    at(runs, 0.9),
    at(
      sortedBy(found, ({ candidateRuns }) => candidateRuns),
      0.5,
    ),
  ];
}

const TITLE = ['rollouts', 'withdrawn', '95 % interval', 'promoted', 'open', 'runs p50', 'p90', "candidate's p50"];

export async function printRollouts(isShort: boolean): Promise<void> {
  const folder = path.resolve(process.env['LONGHAUL_SHARED'] ?? '../shared', 'trajectories');
  if (!existsSync(folder)) {
    console.log(`skipped: no recorded conversations at ${folder}; LONGHAUL_SHARED names the folder above.`);
    return;
  }
  const said = ['airline-policy.md', 'airline-tools.json'].map((name) => readFileSync(path.join(folder, name), 'utf8'));
  const recorded = readRecordedRuns(path.join(folder, 'airline.jsonl'), said.join('\n'));
  const policy = USUAL_POLICY;
  const usual = { recorded, policy, trials: isShort ? 50 : 1_000, runsMost: WAIT_RUNS };
  const changes = seededChanges(recorded);
  const changeNamed = (name: string): SeededChange | undefined => changes.find((change) => change.name === name);
  const scenarios = [
    { name: 'as the current one', change: undefined, wanted: 'promote' as const },
    ...['completion 15 points down', '30 % more tokens'].map((name) => ({
      ...{ name, change: changeNamed(name), wanted: 'withdraw' as const },
    })),
  ];
  const steps = policy.steps.map(({ share }) => percent(share)).join(', ');
  console.log(
    `Runs drawn from ${recorded.length} recorded conversations, looks after every run, steps of ${steps}; false alarms: at most ${percent(policy.falseAlarms)} of rollouts, over ${policy.metrics.length} metrics. Seeded. Runs are those until the candidate is withdrawn, or takes over, of both releases together.`,
  );
  const rows: string[][] = [];
  const gates = [
    { gate: 'sequential', asked: {} },
    { gate: 'thresholds, 1 failed check of 20', asked: { gate: thresholdGate(20, 1) } },
    { gate: 'thresholds, 3 in a row', asked: { gate: thresholdGate(20, 3) } },
  ];
  for (const { name, change, wanted } of scenarios)
    for (const { gate, asked } of gates)
      rows.push([name, gate, ...row(await endsOf({ ...usual, ...asked, change }), wanted)]);
  printTable(['candidate', 'gate', ...TITLE], rows);
  await printFalseAlarms(usual, isShort);
  printPlans(usual);
}

/** Lets others have the process between rollouts. */
async function endsOf(asked: RolloutTrials): Promise<SimulatedEnd[]> {
  const ends: SimulatedEnd[] = [];
  for (const end of rolloutEnds(asked)) {
    ends.push(end);
    await Promise.resolve();
  }
  return ends;
}

async function printFalseAlarms(usual: RolloutTrials, isShort: boolean): Promise<void> {
  const asked = { ...usual, trials: isShort ? 20 : 100, gate: neverPromoted };
  const half = { ...usual.policy, steps: [{ share: 0.5, units: 0 }] };
  const rows: [string, RolloutTrials][] = [
    ['as usual, then half and half until 10,000 runs', { ...asked, runsMost: 10_000 }],
    ['half and half from the beginning, 5,000 runs', { ...asked, policy: half, runsMost: 5_000 }],
    ...[0.5, 1].map((sameAgain): [string, RolloutTrials] => [
      `sessions of 1 to 9 runs, ${percent(sameAgain)} of them the first again, 5,000 runs`,
      { ...asked, policy: half, runsMost: 5_000, clustered: { runsMost: 9, sameAgain, open: 40 } },
    ]),
  ];
  console.log('\nA candidate that is the current release and never takes over, so that all these runs are looked at:');
  const printed: string[][] = [];
  for (const [what, trials] of rows) printed.push([what, ...row(await endsOf(trials), 'withdraw').slice(0, 3)]);
  printTable(['what', ...TITLE.slice(0, 3)], printed);
}

function printPlans({ recorded, policy }: RolloutTrials): void {
  for (const runsPerDay of [20, 500, 5_000]) {
    const plan = planRollout({ policy, units: unitsOf(recorded), runsPerDay, regressions: REGRESSIONS });
    console.log(`\nWhat a rollout will take at ${runsPerDay} runs a day, window ${policy.windowDays} days:`);
    for (const line of plan ? explainPlan(plan, policy) : []) console.log(line);
  }
}
