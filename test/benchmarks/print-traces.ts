// The figures of `npm run bench -- trace` as tables.
import { loadavg } from 'node:os';
import { printTable } from '../../infra/drills/print-table';
import { percentile } from './cancel';
import { traceFigures, type TraceFigures } from './traces';

const LONG = { calls: [10, 100, 1_000], samples: 20 };
const SHORT = { calls: [10, 100], samples: 5 };

const NAMES: { readonly [of in keyof TraceFigures['ms']]: string } = {
  whole: 'records and history, assembled',
  wholeFloor: 'records and history, only read (floor)',
  records: 'records alone, assembled',
  recordsFloor: 'records alone, only read (floor)',
};

export async function printTraces(isShort: boolean): Promise<void> {
  const figures = await traceFigures(isShort ? SHORT : LONG);
  console.log(
    `Milliseconds of assembling the trace of a run, from LMDB and the embedded server. Load average ${(loadavg()[0] ?? 0).toFixed(1)}.`,
  );
  const rows = figures.flatMap(({ calls, spans, events, ms }) =>
    (Object.keys(NAMES) as (keyof typeof ms)[]).map((of) => ({ calls, spans, events, of, ms: ms[of] })),
  );
  printTable(
    ['calls', 'spans', 'events', 'what', 'samples', 'p50', 'p90', 'worst'],
    rows.map(({ calls, spans, events, of, ms }) => [
      ...[String(calls), String(spans), String(events), NAMES[of], String(ms.length)],
      ...[50, 90, 100].map((share) => percentile(ms, share).toFixed(1)),
    ]),
  );
  console.log('\nAll of them, in the order in which they were taken:');
  for (const { calls, of, ms } of rows)
    console.log(`${calls} calls, ${NAMES[of]}: ${ms.map((each) => each.toFixed(1)).join(' ')}`);
}
