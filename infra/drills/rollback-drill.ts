// `npm run drill:rollback`: a release is taken and taken back, again and again, under load and while workers are killed; from the command to the
// last new run on it, and to the last thing that a tool did in its name.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { printTable } from './print-table';
import { rollbackRun, type DrillCase, type RolledBackDrill } from './rollback-run';

/** Of the requirement: new runs, and with --running cancel what they do. */
const P99_MS = 2_000;

const FLAGS: readonly DrillCase['running'][] = ['cancel', 'move', 'finish'];

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      drills: { type: 'string', default: '50' },
      workers: { type: 'string', default: '2' },
      seed: { type: 'string', default: '1' },
      'start-every': { type: 'string', default: '500' },
    },
  });
  const run = await rollbackRun({
    ...{ drills: Number(values.drills), workers: Number(values.workers), seed: Number(values.seed) },
    startEveryMs: Number(values['start-every']),
    onDrill: ({ running, workers, changedMs, lastRunMs, lastEffectMs, endedMs, open }, nth) =>
      console.log(
        `drill ${nth}, ${running}, ${workers === 'none' ? 'no worker alive' : 'a worker killed'}: changed after ${changedMs} ms, last new run ${lastRunMs} ms, ` +
          `${lastEffectMs === null ? 'no effect' : `last effect ${lastEffectMs} ms`}, ${open} runs under way, command ended after ${endedMs} ms`,
      ),
  });
  console.log('');
  const rows = [
    row('the change stands', run.drills, ({ changedMs }) => changedMs),
    row('last new run on it', run.drills, ({ lastRunMs }) => lastRunMs),
    ...(['killed', 'none'] as const).map((kind) =>
      row(
        kind === 'none' ? '  with no worker alive' : '  with a worker killed meanwhile',
        run.drills.filter(({ workers }) => workers === kind),
        ({ lastRunMs }) => lastRunMs,
      ),
    ),
    row('  from when the change stood', run.drills, ({ lastRunMs, changedMs }) => lastRunMs - changedMs),
    ...FLAGS.map((flag) => row(`last effect, --running ${flag}`, by(run.drills, flag), (one) => one.lastEffectMs)),
    ...FLAGS.map((flag) => row(`command ended, --running ${flag}`, by(run.drills, flag), ({ endedMs }) => endedMs)),
  ];
  printTable(['milliseconds from the command', 'drills', 'p50', 'p99', 'max'], rows);
  console.log(
    '\nWith finish its runs go on to their ends, with move to the end of the turn that is under way; where no worker is alive they do so once one is.',
  );
  const tooLate = rows.filter(
    ([name = '', , , p99]) => /^(last new run|last effect, --running cancel)/.test(name) && !(Number(p99) <= P99_MS),
  );
  console.log(
    `${run.drills.length} drills, ${run.runs} runs begun, ${run.kills} workers killed, ${Math.round(run.ms / 1_000)} s`,
  );
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model}`);
  for (const problem of run.problems) console.log(`problem  ${problem}`);
  for (const [name] of tooLate) console.log(`problem  ${name}: its p99 is not shown to be at most ${P99_MS} ms`);
  return run.problems.length + tooLate.length === 0 ? 0 : 1;
}

const by = (drills: readonly RolledBackDrill[], flag: DrillCase['running']): RolledBackDrill[] =>
  drills.filter(({ running }) => running === flag);

/** Of those in which something of the kind was seen. */
function row(
  name: string,
  drills: readonly RolledBackDrill[],
  of: (drill: RolledBackDrill) => number | null,
): string[] {
  const sorted = drills.flatMap((drill) => of(drill) ?? []).sort((a, b) => a - b);
  const at = (share: number): string => `${sorted[Math.ceil(share * sorted.length) - 1] ?? '-'}`;
  return [name, String(sorted.length), at(0.5), at(0.99), at(1)];
}

void main()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    return 1;
  })
  // Native threads of the Temporal SDK and of LMDB would keep it alive.
  .then((code) => process.exit(code));
