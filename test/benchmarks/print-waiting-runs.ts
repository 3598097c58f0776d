// Prints the benchmark of runs that wait for people.
import { printTable } from '../../infra/drills/print-table';
import { waitingRuns, type WaitingFigures, type WaitingOptions } from './waiting-runs';

const kb = (bytes: number | undefined): string => (bytes === undefined ? 'in memory' : (bytes / 1_000).toFixed(1));

export async function printWaitingRuns(rows: readonly WaitingOptions[]): Promise<void> {
  console.log(
    'Each asks a person before it pays, and reminds every day. KB of each run while all wait; the process of the worker is this one.',
  );
  for (const options of rows) {
    const { runs, days, servers = 1 } = options;
    console.log(
      `\n${runs * servers} runs, ${days} days${servers > 1 ? `, on ${servers} servers one after the other` : ''} ...`,
    );
    const all: WaitingFigures[] = [];
    for (let nth = 0; nth < servers; nth += 1) {
      const figures = await waitingRuns(options);
      all.push(figures);
      if (servers > 1) console.error(`server ${nth + 1} of ${servers}: ${figures.completed} of ${runs} completed`);
    }
    const total = (of: (one: WaitingFigures) => number): number => all.reduce((sum, one) => sum + of(one), 0);
    const mean = (of: (one: WaitingFigures) => number): number => total(of) / servers;
    printTable(
      [
        'Temporal',
        's until all asked',
        'store KB',
        'server KB',
        'worker KB',
        'and meanwhile',
        'events',
        's until all ended',
        'completed',
      ],
      [
        [
          days > 0 ? 'time-skipping' : 'embedded',
          total((one) => one.askedSeconds).toFixed(0),
          kb(mean((one) => one.store)),
          kb(all[0]?.server),
          kb(mean((one) => one.worker)),
          kb(mean((one) => one.grown)),
          String(Math.max(...all.map(({ events }) => events))),
          total((one) => one.answeredSeconds).toFixed(0),
          `${total((one) => one.completed)} of ${runs * servers}`,
        ],
      ],
    );
  }
}
