// Prints how many transitions a second Temporal makes on Postgres with so many history shards, which it is set up with and can never change.
import { loadavg } from 'node:os';
import { printTable } from '../../infra/drills/print-table';
import type { TestTemporal } from '../stack/temporal-on-postgres';
import { manyRuns, THROUGHPUT_LONG, THROUGHPUT_SHORT } from './many-runs';

const SHARDS_LONG = [1, 4, 16, 64];
const SHARDS_SHORT = [4];
const WORKERS = 1;

export async function printShards(
  isShort: boolean,
  storeUrl: () => string,
  startServer: (historyShards: number) => Promise<TestTemporal>,
): Promise<void> {
  const size = isShort ? THROUGHPUT_SHORT : THROUGHPUT_LONG;
  const rows: string[][] = [];
  for (const shards of isShort ? SHARDS_SHORT : SHARDS_LONG) {
    const made = await manyRuns(
      { ...size, workers: WORKERS, storeUrl, startServer: () => startServer(shards) },
      'longhaul',
    );
    const { perSecond, transitions, cpu, seconds } = made;
    const busy = Object.values(cpu).reduce((sum, each) => sum + each, 0) / seconds;
    rows.push([
      String(shards),
      perSecond.toFixed(1),
      (perSecond * transitions).toFixed(0),
      ((perSecond * transitions) / shards).toFixed(1),
      busy.toFixed(2),
    ]);
  }
  console.log(`all on Postgres, ${WORKERS} worker process; load of the machine: ${loadavg()[0]?.toFixed(1)}`);
  printTable(['history shards', 'answers/s', 'transitions/s', 'of a shard', 'cores busy'], rows);
}
