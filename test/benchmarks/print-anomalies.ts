// Prints how soon changes of recorded conversations are found, and how often one that there is not.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import jStat from 'jstat';
import { printTable } from '../../infra/drills/print-table';
import { RATE_RUNS } from '../../activities/watch/looks';
import type { WatchedRun } from '../../activities/watch/watched-run';
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

const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

export function quantile(found: readonly (number | undefined)[], share: number): string {
  const sorted = found.map((runs) => runs ?? Infinity).sort((one, other) => one - other);
  const value = sorted[Math.ceil(share * sorted.length) - 1] ?? Infinity;
  return value === Infinity ? 'not found' : String(value);
}

const within = (found: readonly (number | undefined)[], runs: number): string =>
  percent(found.filter((one) => one !== undefined && one <= runs).length / found.length);

/** Each window has been looked at by then: the longest, of 320 runs, has as many before it from 640 on. */
const ALL_WINDOWS = 700;

export async function printAnomalies(isShort: boolean): Promise<void> {
  const folder = path.resolve(process.env['LONGHAUL_SHARED'] ?? '../shared', 'trajectories');
  if (!existsSync(folder)) {
    console.log(`skipped: no recorded conversations at ${folder}; LONGHAUL_SHARED names the folder above.`);
    return;
  }
  const said = ['airline-policy.md', 'airline-tools.json'].map((name) => readFileSync(path.join(folder, name), 'utf8'));
  const recorded = readRecordedRuns(path.join(folder, 'airline.jsonl'), said.join('\n'));
  const size: TrialSize = { trials: isShort ? 20 : 500, before: 1_000, after: 1_000, falseAlarms: FALSE_ALARMS };
  console.log(
    `Runs drawn from ${recorded.length} recorded conversations: ${size.before} as they were, then changed ones until a finding names the change, at most ${size.after}. ${size.trials} seeded trials. False alarms: at most ${percent(FALSE_ALARMS)} in ${RATE_RUNS} runs. Beside it the floor: a CUSUM that errs as seldom, looks for this change alone and knows its size.`,
  );
  const rows: string[][] = [];
  for (const change of seededChanges(recorded)) {
    const [found, floor] = [detections(recorded, change, size), floorOf(recorded, change, size)];
    rows.push([
      change.name,
      within(found, size.after),
      ...[0.5, 0.95].map((share) => quantile(found, share)),
      ...[50, 100, 200, 500].map((runs) => within(found, runs)),
      ...[0.5, 0.95].map((share) => quantile(floor, share)),
    ]);
    await Promise.resolve();
  }
  printTable(
    ['change', 'found', 'runs, p50', 'p95', 'in 50', 'in 100', 'in 200', 'in 500', 'floor p50', 'floor p95'],
    rows,
  );
  printFalseAlarms(recorded, { ...size, before: ALL_WINDOWS });
}

function printFalseAlarms(recorded: readonly WatchedRun[], size: TrialSize): void {
  const stretches = falseAlarmsIn(recorded, size);
  const count = (is: (of: boolean[]) => boolean | undefined): number => stretches.filter(is).length;
  const ofLook = falseChangesIn(recorded, size.trials, MEASURED_ALPHA);
  const each = size.after / RATE_RUNS;
  const alarms = stretches.flat().filter(Boolean).length;
  console.log(
    `\nWithout any change, every look at windows of 10 to 320 runs, all metrics: ${alarms} of ${stretches.flat().length} stretches of ${RATE_RUNS} runs had a finding, ${percent(alarms / stretches.flat().length, 2)}. By trials, which do not depend on each other:`,
  );
  printTable(
    ['what', 'trials', 'with a finding', 'rate', '95 % interval', 'stated, at most'],
    [
      { what: `${RATE_RUNS} runs`, hits: count(([first]) => first), most: FALSE_ALARMS },
      { what: `${size.after} runs on end`, hits: count((of) => of.some(Boolean)), most: each * FALSE_ALARMS },
      { what: 'one comparison of shuffled halves', hits: ofLook, most: MEASURED_ALPHA },
    ].map(({ what, hits, most }) => {
      const [low, high] = interval(hits, size.trials);
      const rate = percent(hits / size.trials);
      return [what, String(size.trials), String(hits), rate, `${percent(low)} to ${percent(high)}`, percent(most)];
    }),
  );
}
