// Prints how soon changes of recorded conversations are found, and how often one that there is not.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { jStat } from 'jstat';
import { printTable } from '../../infra/drills/print-table';
import { RATE_RUNS } from '../../activities/watch/looks';
import {
  detections,
  falseAlarmsIn,
  falseChangesIn,
  floorOf,
  readRecordedRuns,
  seededChanges,
  type TrialSize,
} from './anomalies';

const FALSE_ALARMS = 0.01;
/** Of one comparison: at the rate of the watch so many trials would show nothing either way. */
const MEASURED_ALPHA = 0.05;

/** Of Clopper and Pearson, 95 %. */
export function interval(hits: number, of: number): [low: number, high: number] {
  return [
    hits === 0 ? 0 : jStat.beta.inv(0.025, hits, of - hits + 1),
    hits === of ? 1 : jStat.beta.inv(0.975, hits + 1, of - hits),
  ];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export function quantile(found: readonly (number | undefined)[], share: number): string {
  const sorted = found.map((runs) => runs ?? Infinity).sort((one, other) => one - other);
  const value = sorted[Math.ceil(share * sorted.length) - 1] ?? Infinity;
  return value === Infinity ? 'not found' : String(value);
}

const within = (found: readonly (number | undefined)[], runs: number): string =>
  percent(found.filter((one) => one !== undefined && one <= runs).length / found.length);

export async function printAnomalies(isShort: boolean): Promise<void> {
  const folder = path.resolve(process.env['LONGHAUL_SHARED'] ?? '../shared', 'trajectories');
  if (!existsSync(folder)) {
    console.log(`skipped: no recorded conversations at ${folder}; LONGHAUL_SHARED names the folder above.`);
    return;
  }
  const said = ['airline-policy.md', 'airline-tools.json'].map((name) => readFileSync(path.join(folder, name), 'utf8'));
  const recorded = readRecordedRuns(path.join(folder, 'airline.jsonl'), said.join('\n'));
  const size: TrialSize = { trials: isShort ? 20 : 500, before: 300, after: 1_000, falseAlarms: FALSE_ALARMS };
  console.log(
    `Runs drawn from ${recorded.length} recorded conversations: ${size.before} as they were, then changed ones until a finding names the change, at most ${size.after}. ${size.trials} seeded trials. False alarms: at most ${percent(FALSE_ALARMS)} in ${RATE_RUNS} runs. Beside it the floor: a CUSUM that errs as seldom, looks for this change alone and knows its size.`,
  );
  const rows: string[][] = [];
  for (const change of seededChanges(recorded)) {
    const [found, floor] = [detections(recorded, change, size), floorOf(recorded, change, size)];
    rows.push([
      change.name,
      quantile(found, 0.5),
      quantile(found, 0.9),
      ...[50, 100, 200, 500, 1_000].map((runs) => within(found, runs)),
      quantile(floor, 0.5),
      quantile(floor, 0.9),
    ]);
    await Promise.resolve();
  }
  printTable(
    ['change', 'runs, p50', 'p90', 'in 50', 'in 100', 'in 200', 'in 500', 'in 1000', 'floor p50', 'floor p90'],
    rows,
  );
  const alarms = falseAlarmsIn(recorded, { ...size, after: RATE_RUNS });
  const once = falseChangesIn(recorded, size.trials, MEASURED_ALPHA);
  console.log('\nWithout any change:');
  printTable(
    ['what', 'trials', 'with a finding', 'rate', '95 % interval', 'stated, at most'],
    [
      { what: `${RATE_RUNS} runs, all looks and metrics`, alarms, most: FALSE_ALARMS },
      { what: 'one comparison of shuffled halves', alarms: once, most: MEASURED_ALPHA },
    ].map(({ what, alarms: hits, most }) => {
      const [low, high] = interval(hits, size.trials);
      const rate = percent(hits / size.trials);
      return [what, String(size.trials), String(hits), rate, `${percent(low)} to ${percent(high)}`, percent(most)];
    }),
  );
}
