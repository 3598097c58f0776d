// The figures of `npm run bench -- dashboard` as a table.
import { loadavg } from 'node:os';
import { printTable } from '../../infra/drills/print-table';
import { chromiumPath } from '../dashboard/browser';
import { percentile } from './cancel';
import { dashboardFigures } from './dashboard';

const LONG = { runs: 10_000, calls: 1_000, samples: 20 };
const SHORT = { runs: 2_000, calls: 1_000, samples: 3 };

export async function printDashboard(isShort: boolean): Promise<void> {
  if (chromiumPath === undefined) return void console.log('left out: chromium is not on PATH.');
  const { runs, calls, pages } = await dashboardFigures(isShort ? SHORT : LONG);
  console.log(
    `${runs} runs, one of ${calls} calls, in LMDB. Milliseconds in Chromium from the request until the page is painted. ` +
      `Load average ${(loadavg()[0] ?? 0).toFixed(1)}.`,
  );
  printTable(
    ['page', 'rows', 'KB', 'samples', 'p50', 'p90', 'worst'],
    pages.map(({ name, rows, htmlKb, ms }) => [
      name,
      String(rows),
      htmlKb.toFixed(0),
      String(ms.length),
      ...[50, 90, 100].map((share) => percentile(ms, share).toFixed(0)),
    ]),
  );
}
