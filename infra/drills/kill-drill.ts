// `npm run drill:kill`: kill -9 of everything in every phase of a run, some seeds each, and what came of it.
// `-- --seeds 2` for fewer seeds, `-- --phase tool.after` for one phase, `-- --from 7` for other seeds.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { temporalCliPath } from './checkout';
import { checkCrashRun } from './check-crash-run';
import { courierRound } from './courier-round';
import { crashRun, type CrashRun, type CrashRunOptions } from './crash-run';
import { PHASES, seededKill, type Phase } from './kill-plan';
import { startOutsideWorld } from './outside-world';
import { median, printTable, seconds } from './print-table';

interface Case {
  phase: Phase;
  run: CrashRun;
}

const PARCELS = 4;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '5' },
      from: { type: 'string', default: '1' },
      phase: { type: 'string' },
    },
  });
  const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => Number(values.from) + at);
  const phases = PHASES.filter((phase) => values.phase === undefined || phase === values.phase);
  const round = courierRound(PARCELS);
  const world = await startOutsideWorld({ round });
  const dir = mkdtempSync(join(tmpdir(), 'longhaul-parcels-'));
  try {
    const about = { round, world, dir, temporalCli: await temporalCliPath() };
    const unharmed = await crashRun({ ...about, kills: [] });
    const calls = `${round.calls.length} calls`;
    console.log(
      `without a crash: ${calls}, ${seconds(unharmed.lives[0]?.endMs)} s, checkpoint ${unharmed.checkpoint?.slice(0, 12)}`,
    );
    const { cases, problems } = await allCases(about, unharmed, phases, seeds);
    report(cases, phases);
    console.log(
      `\nNode ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model}`,
    );
    console.log(`${cases.length} kills, ${problems.length} problems`);
    for (const problem of problems) console.log(`problem  ${problem}`);
    process.exitCode = problems.length === 0 && unharmed.code === 0 ? 0 : 1;
  } finally {
    await world.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function allCases(
  about: Omit<CrashRunOptions, 'kills'>,
  unharmed: CrashRun,
  phases: readonly Phase[],
  seeds: readonly number[],
): Promise<{ cases: Case[]; problems: string[] }> {
  const cases: Case[] = [];
  const problems: string[] = [];
  for (const phase of phases) {
    for (const seed of seeds) {
      const kill = seededKill(phase, seed, about.round);
      const run = await crashRun({ ...about, kills: [kill] });
      const wrong = checkCrashRun(run, about.round, unharmed);
      cases.push({ phase, run });
      const at = 'nth' in kill ? `nth ${kill.nth}, ${kill.jitterMs} ms later` : '';
      const last = run.lives.at(-1);
      console.log(
        `${phase}, seed ${seed} (${at}): kept ${last?.said?.kept ?? '–'}, repeated ${last?.said?.repeated ?? '–'}, paid twice ${run.paidTwice}, ` +
          `next step after ${seconds(last?.nextStepMs ?? last?.endMs)} s  ${wrong.length === 0 ? 'ok' : 'WRONG'}`,
      );
      problems.push(...wrong.map((problem) => `${phase}, seed ${seed}: ${problem}`));
    }
  }
  return { cases, problems };
}

function report(cases: readonly Case[], phases: readonly Phase[]): void {
  const title = [
    'killed',
    'kills',
    'kept',
    'repeated',
    'paid twice',
    'picked up',
    'next step (median)',
    '(worst)',
    'end (median)',
  ];
  const row = (name: string, of: readonly Case[]): string[] => {
    const lasts = of.flatMap(({ run }) => run.lives.at(-1) ?? []);
    const sum = (value: (run: CrashRun) => number): string => String(of.reduce((all, { run }) => all + value(run), 0));
    const steps = lasts.map(({ nextStepMs, endMs }) => nextStepMs ?? endMs);
    return [
      name,
      String(of.length),
      sum(({ lives }) => lives.at(-1)?.said?.kept ?? 0),
      sum(({ lives }) => lives.at(-1)?.said?.repeated ?? 0),
      sum(({ paidTwice }) => paidTwice),
      `${seconds(median(lasts.flatMap(({ pickedUpMs }) => pickedUpMs ?? [])))} s`,
      `${seconds(median(steps))} s`,
      `${seconds(Math.max(...steps))} s`,
      `${seconds(median(lasts.map(({ endMs }) => endMs)))} s`,
    ];
  };
  console.log('');
  printTable(title, [
    ...phases.map((phase) =>
      row(
        phase,
        cases.filter((one) => one.phase === phase),
      ),
    ),
    row('all', cases),
  ]);
  console.log('\nseconds from the second start; a next step is the first call that the outside sees, or the end');
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
