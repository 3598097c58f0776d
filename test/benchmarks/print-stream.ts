// Prints the benchmark of streams.
import { loadavg } from 'node:os';
import { printTable } from '../../infra/drills/print-table';
import { percentile } from './cancel';
import { textDelays, type TextDelays } from './text-delay';

/** @param onPostgres calls it with the URL of a store, where one is to be had */
export async function printStream(
  isShort: boolean,
  onPostgres: (work: (url: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const pieces = isShort ? 100 : 2_000;
  const rows: string[][] = [];
  const row = (name: string, ms: readonly number[]): void => {
    rows.push([name, String(ms.length), ...[50, 99, 100].map((share) => percentile(ms, share).toFixed(1))]);
    console.log(`${name}: ${ms.map((one) => one.toFixed(1)).join(' ')}`);
  };
  const both = ({ port, events, isWhole }: TextDelays, way: string): void => {
    row(`${way}, the port`, port);
    row(`${way}, run.events()`, events);
    if (!isWhole) console.log(`${way}: pieces are missing, doubled or out of order.`);
  };
  const before = loadavg();
  both(await textDelays(pieces), 'sockets');
  await onPostgres(async (url) => both(await textDelays(pieces, url), 'Postgres'));
  const load = [before, loadavg()].map(([minute = 0]) => minute.toFixed(1)).join(' at the start, ');
  console.log(
    `From the model server's write to a reader, each in a process of its own; a piece each 20 ms. Load ${load} at the end, of one minute.`,
  );
  printTable(['way', 'pieces', 'p50 ms', 'p99 ms', 'worst ms'], rows);
}
