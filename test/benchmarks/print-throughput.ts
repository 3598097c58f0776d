// Prints how many answers a second so many worker processes make where the model answers at once, what the machine was busy with meanwhile, and
// how many signals one workflow takes.
import { cpus, loadavg } from 'node:os';
import { printTable } from '../../infra/drills/print-table';
import { manyRuns, THROUGHPUT_LONG, THROUGHPUT_SHORT, type ManyRunsFigures } from './many-runs';
import { queueFigures } from './one-queue';
import { signalsPerSecond } from './one-workflow';
import type { Place } from './print-many-runs';

const WORKERS = [1, 2, 4];
const KINDS = [
  ['bare-asks', 'a bare loop that asks'],
  ['longhaul', 'Longhaul'],
] as const;
/** Below what a history may hold: it is one workflow, which does not go on as new. */
const SIGNALS_LONG = 2_000;
const SIGNALS_SHORT = 50;
const QUEUED_LONG = 600;
const QUEUED_SHORT = 10;
/** Of the cores: above, more of anything is to be had from more of them alone. */
const BUSY = 0.9;

/** @param eachPlace calls it with each place that is to be had on this machine, one after the other */
export async function printThroughput(
  isShort: boolean,
  eachPlace: (work: (place: Place) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { runs, turns } = isShort ? THROUGHPUT_SHORT : THROUGHPUT_LONG;
  console.log(
    `${runs} runs at once, ${turns + 1} answers each, which come at once, and a tool between them. Processor in milliseconds, and transitions of Temporal's, an answer; limited by ` +
      `'the cores': ${100 * BUSY} % of ${cpus().length} were busy with it.`,
  );
  await eachPlace((place) => printPlace(place, isShort));
  await printQueue(isShort ? QUEUED_SHORT : QUEUED_LONG);
}

async function printQueue(runs: number): Promise<void> {
  const one = await queueFigures(runs);
  console.log(
    `\none queue of one workflow, embedded, ${runs} runs of one answer: took ${one.takenPerSecond.toFixed(1)} runs/s, all through it ` +
      `${one.endedPerSecond.toFixed(1)}/s; with no queue ${one.bareEndedPerSecond.toFixed(1)}/s; ${one.eventsPerRun.toFixed(1)} events of the ` +
      `queue's history a run; ${one.completed} of ${2 * runs} completed`,
  );
}

async function printPlace({ name, ...place }: Place, isShort: boolean): Promise<void> {
  const size = isShort ? THROUGHPUT_SHORT : THROUGHPUT_LONG;
  const rows: string[][] = [];
  for (const [kind, what] of KINDS)
    for (const workers of WORKERS)
      rows.push([what, String(workers), ...figuresOf(await manyRuns({ ...size, ...place, workers }, kind), size)]);
  console.log(`\n${name}; load of the machine: ${loadavg()[0]?.toFixed(1)}`);
  printTable(
    [
      '',
      'processes',
      'answers/s',
      'cores busy',
      'workers',
      'Temporal',
      'Postgres',
      'model',
      'caller',
      'transitions',
      'limited by',
    ],
    rows,
  );
  // It knows no store.
  if (place.storeUrl !== undefined && place.startServer === undefined) return;
  const signals = await signalsPerSecond(isShort ? SIGNALS_SHORT : SIGNALS_LONG, place.startServer);
  console.log(`one workflow takes ${signals.toFixed(0)} signals/s`);
}

function figuresOf({ cpu, seconds, perSecond, transitions }: ManyRunsFigures, size: typeof THROUGHPUT_LONG): string[] {
  const answers = size.runs * (size.turns + 1);
  const busy = Object.values(cpu).reduce((sum, each) => sum + each, 0) / seconds;
  return [
    perSecond.toFixed(1),
    busy.toFixed(2),
    ...[cpu.workers, cpu.temporal, cpu.postgres, cpu.model, cpu.caller].map((each) =>
      ((1_000 * each) / answers).toFixed(1),
    ),
    transitions.toFixed(1),
    busy >= BUSY * cpus().length ? 'the cores' : 'waiting',
  ];
}
