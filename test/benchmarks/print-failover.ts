// The figures of `npm run bench -- failover` as tables.
import { printTable } from '../../infra/drills/print-table';
import { failover, FAILOVER_LONG, FAILOVER_SHORT } from './failover';
import { temporalVersions } from './machine';

export async function printFailover(isShort: boolean): Promise<void> {
  const size = isShort ? FAILOVER_SHORT : FAILOVER_LONG;
  console.log(await temporalVersions());
  const { runs, failed, phases, troubles } = await failover(size);
  console.log(
    `${size.workers} worker processes, ${size.runsPerSecond} runs/s: ${runs} runs, of which ${failed.length} did not complete ${failed.join(' ')}`,
  );
  printTable(
    ['phase', 'calls', 'by A', 'p50 ms', 'p95 ms', 'max ms'],
    phases.map(({ name, calls, byA, p50, p95, max }) => [name, ...[calls, byA, p50, p95, max].map(String)]),
  );
  printTable(
    ['A is', 'ms until 10 in a row go to B', 'ms from its end until 10 go to A', 'requests to A meanwhile'],
    troubles.map(({ name, divertMs, returnMs, requestsToA }) => [
      name,
      ...[divertMs, returnMs, requestsToA].map(String),
    ]),
  );
}
