// The figures of `npm run bench -- dashboard` as a table.
import { loadavg } from 'node:os';
import { printTable } from '../../infra/drills/print-table';
import { chromiumPath } from '../dashboard/browser';
import { percentile } from './cancel';
import { dashboardFigures } from './dashboard';

const LONG = { runs: 10_000, turns: 500, samples: 20 };
const SHORT = { runs: 2_000, turns: 500, samples: 3 };

export async function printDashboard(isShort: boolean): Promise<void> {
  if (chromiumPath === undefined) return void console.log('left out: chromium is not on PATH.');
  const { runs, steps, pages } = await dashboardFigures(isShort ? SHORT : LONG);
  console.log(
    `${runs} runs in LMDB, and one of ${steps} steps with its history. Milliseconds in Chromium from the request until all of the page ` +
      `has come (server), from then until it is painted (browser), and both. Load average ${(loadavg()[0] ?? 0).toFixed(1)}.`,
  );
  printTable(
    ['page', 'rows', 'KB', 'samples', 'server p50', 'browser p50', 'p50', 'p90', 'worst'],
    pages.map(({ name, rows, htmlKb, samples }) => {
      const both = samples.map(({ serverMs, browserMs }) => serverMs + browserMs);
      return [
        name,
        String(rows),
        htmlKb.toFixed(0),
        String(samples.length),
        percentile(
          samples.map(({ serverMs }) => serverMs),
          50,
        ).toFixed(0),
        percentile(
          samples.map(({ browserMs }) => browserMs),
          50,
        ).toFixed(0),
        ...[50, 90, 100].map((share) => percentile(both, share).toFixed(0)),
      ];
    }),
  );
}
