// Prints how many answers a second so many worker processes make where the model answers at once, and what the machine was busy with meanwhile.
import { cpus, loadavg } from 'node:os';
import { printTable } from '../../infra/drills/print-table';
import { manyRuns, THROUGHPUT_LONG, THROUGHPUT_SHORT, type ManyRunsFigures } from './many-runs';
import type { Place } from './print-many-runs';

const WORKERS = [1, 2, 4];
/** Of the cores: above, more of anything is to be had from more of them alone. */
const BUSY = 0.9;

const total = ({ cpu }: ManyRunsFigures): number => Object.values(cpu).reduce((sum, seconds) => sum + seconds, 0);
const coresOf = (made: ManyRunsFigures): number => total(made) / made.seconds;

/** @param eachPlace calls it with each place that is to be had on this machine, one after the other */
export async function printThroughput(
  isShort: boolean,
  eachPlace: (work: (place: Place) => Promise<void>) => Promise<void>,
): Promise<void> {
  const size = isShort ? THROUGHPUT_SHORT : THROUGHPUT_LONG;
  const answers = size.runs * (size.turns + 1);
  const cores = cpus().length;
  const rows: string[][] = [];
  await eachPlace(async ({ name, ...place }) => {
    for (const kind of ['bare', 'longhaul'] as const) {
      for (const workers of WORKERS) {
        const made = await manyRuns({ ...size, ...place, workers }, kind);
        const each = (seconds: number): string => ((1_000 * seconds) / answers).toFixed(1);
        const { cpu } = made;
        rows.push([
          `${name}: ${kind === 'bare' ? 'a bare loop' : 'Longhaul'}`,
          String(workers),
          made.perSecond.toFixed(1),
          coresOf(made).toFixed(2),
          ...[cpu.workers, cpu.temporal, cpu.postgres, cpu.model, cpu.caller].map(each),
          coresOf(made) >= BUSY * cores ? 'the cores' : 'waiting',
        ]);
      }
    }
    console.log(`load of the machine: ${loadavg()[0]?.toFixed(1)}`);
  });
  console.log(
    `${size.runs} runs at once, ${size.turns + 1} answers each, which come at once, and a tool between them. Processor in milliseconds an answer; 'the cores': ${100 * BUSY} % of ${cores} were busy.`,
  );
  printTable(
    ['', 'workers', 'answers/s', 'cores busy', 'workers', 'Temporal', 'Postgres', 'model', 'caller', 'limited by'],
    rows,
  );
}
