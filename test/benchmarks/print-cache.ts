// The figures of `npm run bench -- cache` as tables.
import { loadavg } from 'node:os';
import { printTable } from '../../infra/drills/print-table';
import { CACHE_LONG, CACHE_SHORT, cacheFigures } from './cache';
import { percentile } from './cancel';

export async function printCache(isShort: boolean): Promise<void> {
  const size = isShort ? CACHE_SHORT : CACHE_LONG;
  const made = await cacheFigures(size);
  const { requests, wrong, hits, calls, workers, startedMs, answeredMs, waiting, kept } = made;
  console.log(
    `${size.runs} runs ask the same at once, ${workers.length} worker processes; the provider holds its answer for ${size.heldMs / 1_000} s ` +
      `after the last is started. Then ${size.again} more, 4 at a time. Load average ${(loadavg()[0] ?? 0).toFixed(1)}.`,
  );
  printTable(
    ['calls', 'requests upstream', 'hits', 'wrong', 'all started after ms', 'all over after the answer, ms'],
    [[calls, requests, hits, wrong.length, startedMs, answeredMs].map(String)],
  );
  const row = (what: string, ms: readonly number[]): string[] => [
    what,
    String(ms.length),
    ...[50, 99, 100].map((share) => percentile(ms, share).toFixed(0)),
  ];
  printTable(
    ['milliseconds', 'samples', 'p50', 'p99', 'worst'],
    [
      row('from the answer until a waiting call has it', waiting),
      row('a call with a kept answer, up to its commit', kept.call),
      row('a whole run with a kept answer', kept.run),
    ],
  );
  if (wrong.length > 0) console.log(`other outcomes: ${[...new Set(wrong)].join(' ')}`);
}
