// Prints the benchmark of runs that wait for people.
import { printTable } from '../../infra/drills/print-table';
import { WAITING_LONG, WAITING_SHORT, waitingRuns } from './waiting-runs';

const kb = (bytes: number | undefined): string => (bytes === undefined ? 'in memory' : (bytes / 1_000).toFixed(1));

export async function printWaitingRuns(isShort: boolean): Promise<void> {
  console.log(
    'Each asks a person before it pays, and reminds every day. KB of each run while all wait; the process of the worker is this one.',
  );
  for (const options of isShort ? WAITING_SHORT : WAITING_LONG) {
    console.log(`\n${options.runs} runs, ${options.days} days ...`);
    const { askedSeconds, answeredSeconds, completed, store, server, worker, grown, events } =
      await waitingRuns(options);
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
          options.days > 0 ? 'time-skipping' : 'embedded',
          askedSeconds.toFixed(0),
          ...[store, server, worker, grown].map(kb),
          String(events),
          answeredSeconds.toFixed(0),
          `${completed} of ${options.runs}`,
        ],
      ],
    );
  }
}
