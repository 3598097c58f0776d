// Prints the benchmark of many runs.
import { loadavg } from 'node:os';
import { printTable } from '../../infra/drills/print-table';
import type { TestTemporal } from '../stack/temporal-on-postgres';
import { MANY_RUNS_LONG, MANY_RUNS_SHORT, idealPerSecond, manyRuns, type ManyRunsFigures } from './many-runs';

export interface Place {
  name: string;
  startServer?: () => Promise<TestTemporal>;
  /** An empty one each time. */
  storeUrl?: () => string;
}

/** @param eachPlace calls it with each place that is to be had on this machine, one after the other */
export async function printManyRuns(
  isShort: boolean,
  eachPlace: (work: (place: Place) => Promise<void>) => Promise<void>,
): Promise<void> {
  const size = isShort ? MANY_RUNS_SHORT : MANY_RUNS_LONG;
  const ideal = idealPerSecond(size);
  const rows: string[][] = [];
  await eachPlace(async ({ name, ...place }) => {
    const bare = await manyRuns({ ...size, ...place }, 'bare');
    const asking = await manyRuns({ ...size, ...place }, 'bare-asks');
    const ours = await manyRuns({ ...size, ...place }, 'longhaul');
    const row = (what: string, { perSecond, rampSeconds, seconds, completed, bytesPerRun }: ManyRunsFigures): void =>
      void rows.push([
        `${name}: ${what}`,
        perSecond.toFixed(1),
        `${((100 * perSecond) / ideal).toFixed(0)} %`,
        ...[bare, asking].map((floor) => (perSecond / floor.perSecond).toFixed(2)),
        rampSeconds.toFixed(1),
        seconds.toFixed(1),
        `${completed} of ${size.runs}`,
        (bytesPerRun / 1_000).toFixed(0),
      ]);
    row('a bare loop that waits', bare);
    row('a bare loop that asks', asking);
    row('Longhaul', ours);
    console.log(`load of the machine: ${loadavg()[0]?.toFixed(1)}`);
  });
  console.log(
    `${size.runs} runs at once, ${size.turns + 1} answers of ${size.modelMs / 1_000} s each and a tool between them, ${size.workers} worker processes.`,
  );
  printTable(
    [
      '',
      'answers/s',
      'of the ideal',
      'of one that waits',
      'of one that asks',
      'ramp s',
      'all s',
      'completed',
      'KB a waiting run',
    ],
    rows,
  );
}
