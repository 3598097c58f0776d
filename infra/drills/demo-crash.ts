// `npm run demo:crash`: one agent, killed three times with everything around it, with Longhaul and without. What was kept,
// what was paid twice and how long it took is counted by servers outside, which are not killed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporalCliPath } from './checkout';
import { courierRound, type CourierRound } from './courier-round';
import { crashRun, type CrashRun, type Life } from './crash-run';
import { killInMiddles, printActs } from './effects-drill';
import type { OutsideKill } from './kill-plan';
import { startOutsideWorld } from './outside-world';
import { plainRun, type PlainLife, type PlainRun } from './plain-run';
import { printTable, seconds } from './print-table';

const PARCELS = 6;
/** A quick model's pace: long enough to be killed in the middle of an answer, short enough for a demonstration. */
const PACE = { delayMs: 250, chunkMs: 30 };
/** In the middle of an answer, right after a tool has acted, and before an answer's first word. */
const KILLS: readonly OutsideKill[] = [
  { phase: 'outside', calls: 6, jitterMs: 350 },
  { phase: 'outside', calls: 12, jitterMs: 0 },
  { phase: 'outside', calls: 18, jitterMs: 120 },
];

async function main(): Promise<void> {
  const round = courierRound(PARCELS);
  const models = round.calls.filter(({ kind }) => kind === 'model').length;
  const world = await startOutsideWorld({ round, ...PACE });
  const dir = mkdtempSync(join(tmpdir(), 'longhaul-parcels-'));
  try {
    console.log(
      `An agent delivers ${PARCELS} parcels: ${models} model calls, ${round.calls.length - models} tool calls.`,
    );
    console.log('The model is a scripted server; it and the counter of deliveries stand outside and are not killed.\n');
    const temporalCli = await temporalCliPath();
    console.log('With Longhaul: worker and Temporal are killed together (kill -9), and started again.');
    const kept = await crashRun({ round, world, dir, temporalCli, kills: KILLS, onLife: tell(round) });
    const keptSeen = kept.lives.flatMap(({ seen }) => seen);
    console.log(`  answered: ${kept.answer}\n`);
    console.log('The same agent as a plain loop, killed at the same points, and started again.');
    const plain = await plainRun({ round, world, kills: KILLS, onLife: tellPlain() });
    console.log(`  answered: ${plain.answer}\n`);
    compare(round, kept, keptSeen, plain);
    const problems = await killWhatActs(temporalCli);
    const isRight = kept.answer === round.answer && plain.answer === round.answer && problems.length === 0;
    process.exitCode = isRight ? 0 : 1;
    if (!isRight)
      console.log(`\nnot as it should be: exit code ${kept.code}\n${[...problems, kept.stderr].join('\n')}`);
  } finally {
    await world.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function tell(round: CourierRound): (life: Life) => void {
  let start = 0;
  return ({ said, newStepMs, kill, seen, endMs }) => {
    start += 1;
    const found = said
      ? `${said.kept} calls kept, ${said.repeated} repeated, new work after ${seconds(newStepMs)} s`
      : 'from the beginning';
    const last = round.calls.find(({ id }) => id === seen.at(-1));
    const where = last?.heard ?? `the model's answer, turn ${last?.id.split('.')[0]}`;
    console.log(`  start ${start}: ${found}; ${kill ? `killed at ${where}` : `finished after ${seconds(endMs)} s`}`);
  };
}

function tellPlain(): (life: PlainLife) => void {
  let start = 0;
  return ({ kill, newStepMs }) => {
    start += 1;
    const again =
      start === 1 ? 'from the beginning' : `from the beginning again, new work after ${seconds(newStepMs)} s`;
    console.log(`  start ${start}: ${again}; ${kill ? 'killed' : 'finished'}`);
  };
}

function compare(round: CourierRound, run: CrashRun, seen: readonly string[], plain: PlainRun): void {
  const models = new Set(round.calls.filter(({ kind }) => kind === 'model').map(({ id }) => id));
  const made = (calls: readonly string[], model: boolean): number =>
    calls.filter((id) => models.has(id) === model).length;
  const twice = (calls: readonly string[]): number => made(calls, false) - (round.calls.length - models.size);
  const resumes = (lives: readonly { newStepMs: number | undefined }[]): string =>
    lives
      .slice(1)
      .map(({ newStepMs }) => seconds(newStepMs))
      .join(', ');
  printTable(
    ['counted from outside', 'Longhaul', 'plain loop'],
    [
      [`model calls made (${models.size} needed)`, String(made(seen, true)), String(made(plain.seen, true))],
      ['model answers paid twice', String(run.paidTwice), String(plain.paidTwice)],
      [
        `tool calls made (${round.calls.length - models.size} needed)`,
        String(made(seen, false)),
        String(made(plain.seen, false)),
      ],
      ['tool calls made twice', String(twice(seen)), String(twice(plain.seen))],
      [
        'calls kept at each start',
        run.lives
          .slice(1)
          .map(({ said }) => said?.kept ?? '–')
          .join(', '),
        plain.lives
          .slice(1)
          .map(() => '0')
          .join(', '),
      ],
      ['time to resume, in seconds', resumes(run.lives), resumes(plain.lives)],
    ],
  );
  console.log('\ntime to resume: from a start to the first call that had not been made before.');
  console.log('With Longhaul only what was under way can be made twice: begun, and not stored when it was killed.');
}

/** @returns what is not as it must be */
async function killWhatActs(temporalCli: string): Promise<string[]> {
  console.log('\nTools that act on the world, once each, killed when a till outside has acted and not yet answered.');
  const problems: string[] = [];
  const { told, kills } = await killInMiddles(temporalCli, problems);
  console.log(`${kills} kills; what the till counted:`);
  console.log(`doubled ${printActs(told)}`);
  return problems;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
