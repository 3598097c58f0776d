// `npm run drill:effects`: every kind of effect under every fault, counted by a till that nothing kills; then kills at seeded moments of
// calls that act. `-- --kills 10` for fewer of those, `-- --from 7` for other seeds; `-- --sub-agents` where a sub-agent makes the calls.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { temporalCliPath } from './checkout';
import {
  CRASHES,
  FAULTS,
  KINDS,
  TOOLS,
  crashOf,
  effectsOf,
  endProblems,
  problemsOf,
  type Crash,
} from './effects-cells';
import { effectsRun, startTill, type Asked, type EffectKill, type Told } from './effects-run';
import { printTable } from './print-table';
import { seeded } from './seeded';
import { killAroundSubAgents, reportSubAgents } from './sub-agents-drill';

const ACTS = ['charge', 'transfer', 'post_letter'] as const;
/** A call is stored some milliseconds after the till has answered. */
const MOMENT_MS = 12;

interface Cell {
  told: Told;
  fault: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '50' },
      from: { type: 'string', default: '1' },
      'sub-agents': { type: 'boolean', default: false },
    },
  });
  const temporalCli = await temporalCliPath();
  const problems: string[] = [];
  const kills = Number(values.kills);
  const from = Number(values.from);
  if (values['sub-agents']) reportSubAgents(await killAroundSubAgents(temporalCli, kills, from, problems));
  else {
    report([...(await faultCells(temporalCli, problems)), ...(await crashCells(temporalCli, problems))]);
    if (kills > 0) reportMoments(await killAtMoments(temporalCli, kills, from, problems));
  }
  console.log(`\nNode ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model}`);
  console.log(`${problems.length} problems`);
  for (const problem of problems) console.log(`problem  ${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

/** One run, in which nobody is killed. */
export async function faultCells(temporalCli: string, problems: string[]): Promise<Cell[]> {
  const faults = Object.entries(FAULTS);
  const asked = faults.flatMap(([item]) => TOOLS.map((tool) => ({ tool, item: `${item}-1` })));
  const till = await startTill();
  try {
    const run = await effectsRun({ till, asked, kills: [], temporalCli });
    problems.push(...endProblems(run));
    return run.told.map((told, at) => {
      const fault = faults[Math.floor(at / TOOLS.length)]?.[1] ?? '';
      problems.push(...problemsOf(told, fault));
      return { told, fault };
    });
  } finally {
    await till.close();
  }
}

/** A run for each cell. */
export async function crashCells(
  temporalCli: string,
  problems: string[],
  crashes = Object.keys(CRASHES).filter((name): name is Crash => Object.hasOwn(CRASHES, name)),
  tools: readonly (typeof TOOLS)[number][] = TOOLS,
): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (const fault of crashes) {
    for (const tool of tools) {
      const till = await startTill();
      const { asked, kill } = crashOf(fault, tool);
      const run = await effectsRun({ till, asked: [asked], kills: [kill], temporalCli });
      await till.close();
      if (run.kills !== 1) problems.push(`${tool}, ${fault}: nobody was killed`);
      problems.push(...endProblems(run));
      for (const told of run.told) {
        problems.push(...problemsOf(told, fault));
        cells.push({ told, fault });
      }
    }
  }
  return cells;
}

function report(cells: readonly Cell[]): void {
  const faults = [...new Set(cells.map(({ fault }) => fault))];
  const rows = TOOLS.map((tool) => [
    KINDS[tool],
    ...faults.map((fault) => {
      const told = cells.find((cell) => cell.fault === fault && cell.told.tool === tool)?.told;
      if (!told) return '–';
      return `${effectsOf(told)}${told.failure === 'Tool.OutcomeUnknown' ? ' unknown' : ''}`;
    }),
  ]);
  console.log('What the till saw: effects, and whether the model was told that the outcome is unknown.');
  printTable(['effect', ...faults], rows);
}

/** Calls that act, one after the other, each killed at a moment of its own: some before its result is stored, some after. */
export async function killAtMoments(
  temporalCli: string,
  count: number,
  from: number,
  problems: string[],
): Promise<{ kills: number; told: Told[] }> {
  const asked = Array.from({ length: count }, (_, at) => ({
    tool: ACTS[at % ACTS.length] ?? 'charge',
    item: `at-${at}`,
  }));
  const kills: EffectKill[] = asked.map((call, at) => ({ done: call, afterMs: seeded(`${from + at}`, MOMENT_MS) }));
  return await killInActs(temporalCli, asked, kills, problems);
}

/** In the middle of a call of each tool that acts: the till has done it, and holds its answer back. */
export const killInMiddles = (
  temporalCli: string,
  problems: string[],
): Promise<{ kills: number; told: readonly Told[] }> => {
  const asked = ACTS.map((tool) => ({ tool, item: 'hold-1' }));
  const kills = asked.map((done) => ({ done, afterMs: 0 }));
  return killInActs(temporalCli, asked, kills, problems);
};

async function killInActs(
  temporalCli: string,
  asked: readonly Asked[],
  kills: readonly EffectKill[],
  problems: string[],
): Promise<{ kills: number; told: Told[] }> {
  const till = await startTill();
  try {
    const run = await effectsRun({ till, asked, kills, temporalCli });
    problems.push(...endProblems(run), ...run.told.flatMap((told) => problemsOf(told, 'a kill at some moment')));
    return run;
  } finally {
    await till.close();
  }
}

function reportMoments({ kills, told }: { kills: number; told: readonly Told[] }): void {
  console.log(`\n${kills} kills in ${told.length} calls that act, up to ${MOMENT_MS} ms after the till had acted`);
  printActs(told);
}

/** @returns how many were done twice */
export function printActs(told: readonly Told[]): number {
  const isTwice = (call: Told): boolean => effectsOf(call) > 1;
  const rows = ACTS.map((tool) => {
    const mine = told.filter((call) => call.tool === tool);
    const unknown = mine.filter(({ failure }) => failure === 'Tool.OutcomeUnknown').length;
    return [KINDS[tool], mine.length, mine.filter(isTwice).length, unknown].map(String);
  });
  printTable(['effect', 'calls', 'doubled', 'unknown'], rows);
  return told.filter(isTwice).length;
}

if (require.main === module) void main();
