// `npm run drill:rollback`: a release is taken and taken back, again and again, under load and while workers are killed; from the command to the
// last new run on it, and to the last thing that such a run did.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { printTable } from './print-table';
import { rollbackRun, type RolledBackDrill } from './rollback-run';

/** Of the requirement: new runs, and with --running cancel their effects. */
const P99_MS = 2_000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      drills: { type: 'string', default: '50' },
      workers: { type: 'string', default: '2' },
      seed: { type: 'string', default: '1' },
      'kill-every': { type: 'string', default: '6' },
      'start-every': { type: 'string', default: '250' },
    },
  });
  const killEveryMs = Number(values['kill-every']) * 1_000;
  const run = await rollbackRun({
    ...{ drills: Number(values.drills), workers: Number(values.workers), seed: Number(values.seed) },
    startEveryMs: Number(values['start-every']),
    ...(killEveryMs > 0 ? { killEveryMs } : {}),
    onDrill: ({ changedMs, lastRunMs, lastEffectMs, endedMs, open }, nth) =>
      console.log(
        `drill ${nth}: changed after ${changedMs} ms, last new run ${lastRunMs} ms, ${lastEffectMs === null ? 'no effect' : `last effect ${lastEffectMs} ms`}, ` +
          `${open} open runs cancelled, command ended after ${endedMs} ms`,
      ),
  });
  console.log('');
  const row = (name: string, of: (drill: RolledBackDrill) => number | null): string[] => {
    const sorted = run.drills.flatMap((drill) => of(drill) ?? []).sort((a, b) => a - b);
    const at = (share: number): string => `${sorted[Math.ceil(share * sorted.length) - 1] ?? 0}`;
    return [name, at(0.5), at(0.99), at(1)];
  };
  const rows = [
    row('the change stands', ({ changedMs }) => changedMs),
    row('the last new run on it', ({ lastRunMs }) => lastRunMs),
    row('the last effect of its runs', ({ lastEffectMs }) => lastEffectMs),
    row('the command has ended', ({ endedMs }) => endedMs),
  ];
  printTable(['milliseconds from the command', 'p50', 'p99', 'max'], rows);
  const tooLate = rows.slice(1, 3).filter(([, , p99]) => Number(p99) > P99_MS);
  console.log(
    `\n${run.drills.length} drills, ${run.runs} runs begun, ${run.kills} workers killed, ${Math.round(run.ms / 1_000)} s`,
  );
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model}`);
  for (const problem of run.problems) console.log(`problem  ${problem}`);
  for (const [name] of tooLate) console.log(`problem  ${name}: its p99 is above ${P99_MS} ms`);
  return run.problems.length + tooLate.length === 0 ? 0 : 1;
}

void main()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  })
  // Native threads of the Temporal SDK and of LMDB would keep it alive.
  .then((code) => process.exit(code));
