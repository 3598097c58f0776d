// The effects drill's form with sub-agents: an agent has another pay, and everything is killed around it.
import { KINDS, effectsOf, problemsOf } from './effects-cells';
import { startTill } from './effects-run';
import { median, printTable, seconds } from './print-table';
import { seeded } from './seeded';
import {
  MOMENTS,
  STAGES,
  subAgentsRun,
  type Moment,
  type PlacedCall,
  type SubAgentCall,
  type SubAgentKill,
  type SubAgentsRun,
} from './sub-agents-run';

const PAYING = ['charge', 'transfer', 'post_letter'] as const;
/** In order, so that few kills meet each; up to how long after each everything is killed: as long as what it is about takes. */
const AFTER_MS = { acts: 12, begins: 50, takes: 50, waits: 30 } as const satisfies Record<Moment, number>;
const ORDER: readonly Moment[] = ['acts', 'begins', 'takes', 'waits'];

/** Less than any time after which Temporal gives back what a dead worker holds of the end of a run: nobody waits for that. */
const LIFE_MS_MOST = 45_000;

/** A turn for each kill, and one that meets none; in every second turn another call stands beside the one that is killed. */
export async function killAroundSubAgents(
  temporalCli: string,
  count: number,
  from: number,
  problems: string[],
): Promise<SubAgentsRun> {
  const turns = Array.from({ length: count + 1 }, (_, at) => callsOfTurn(at));
  const asked = turns.flat();
  const kills = turns.slice(0, count).map(([call], at): SubAgentKill => {
    const moment = ORDER[at % ORDER.length] ?? 'acts';
    return { call, moment, afterMs: seeded(`${moment} ${from + at}`, AFTER_MS[moment]) };
  });
  const till = await startTill();
  try {
    const run = await subAgentsRun({ till, asked, kills, temporalCli });
    problems.push(...endProblems(run), ...run.calls.flatMap((call) => callProblems(call, kills)));
    for (const ms of run.livesMs)
      if (ms > LIFE_MS_MOST) problems.push(`a start took ${seconds(ms)} s until the next kill or the end`);
    if (run.kills !== count) problems.push(`${run.kills} of ${count} kills were made`);
    return run;
  } finally {
    await till.close();
  }
}

function callsOfTurn(at: number): [PlacedCall, ...PlacedCall[]] {
  const call = { tool: PAYING[at % PAYING.length] ?? 'charge', item: `at-${at}`, turn: at + 1, index: 1 };
  return at % 2 === 0 ? [call] : [call, { tool: 'charge', item: `beside-${at}`, turn: at + 1, index: 2 }];
}

function callProblems({ call, told, runs, failure }: SubAgentCall, kills: readonly SubAgentKill[]): string[] {
  const kill = kills.find(({ call: { turn } }) => turn === call.turn);
  const about = `${call.item}, ${kill ? `killed ${kill.afterMs} ms after ${MOMENTS[kill.moment]}` : 'not killed'}`;
  const problems = problemsOf(told, about);
  if (runs.length !== 1) problems.push(`${about}: ${runs.length} runs of the sub-agent for one call`);
  for (const { id, ended } of runs)
    if (ended?.outcome !== 'completed') problems.push(`${about}: ${id} is ${ended?.outcome ?? 'open'}`);
  if (failure !== undefined) problems.push(`${about}: the caller was told ${failure}`);
  return problems;
}

/** The caller asks once a turn, and once more; a sub-agent asks twice, and makes one call. */
function endProblems({ code, stderr, shopkeeper, own, calls, open }: SubAgentsRun): string[] {
  const problems = code === 0 ? [] : [`it ended with ${code}: ${stderr.split('\n').slice(-3).join(' ')}`];
  const { ended } = shopkeeper ?? {};
  if (ended?.outcome !== 'completed') problems.push(`the caller's record says ${ended?.outcome ?? 'that it is open'}`);
  if (open.length > 0) problems.push(`listed as open: ${open.join(', ')}`);
  if (!ended) return problems;
  const below = usedBelow(calls);
  const must = {
    'model calls': [ended.totals.modelCalls, (calls.at(-1)?.call.turn ?? 0) + 1 + 2 * calls.length],
    'tool calls': [ended.totals.toolCalls, 2 * calls.length],
    'tokens in': [ended.totals.usage.input, own.usage.input + below.input],
    'tokens out': [ended.totals.usage.output, own.usage.output + below.output],
  };
  for (const [what, [is, mustBe]] of Object.entries(must))
    if (is !== mustBe) problems.push(`the caller's record counts ${is} ${what}, and it must be ${mustBe}`);
  return problems;
}

function usedBelow(calls: readonly SubAgentCall[]): { input: number; output: number } {
  const used = calls.flatMap(({ runs }) => runs.flatMap(({ ended }) => ended?.totals.usage ?? []));
  const sum = (of: 'input' | 'output'): number => used.reduce((all, usage) => all + usage[of], 0);
  return { input: sum('input'), output: sum('output') };
}

export function reportSubAgents({ kills, livesMs, met, calls, shopkeeper, own, open }: SubAgentsRun): void {
  console.log(`${kills} kills around ${calls.length} calls of a sub-agent that pays, and how far the call had come`);
  const stages = ORDER.map((moment) => {
    const mine = met.filter(({ kill }) => kill.moment === moment);
    const counts = STAGES.map((stage) => mine.filter((one) => one.stage === stage).length || '–');
    return [`up to ${AFTER_MS[moment]} ms after ${MOMENTS[moment]}`, mine.length, ...counts].map(String);
  });
  printTable(['killed', 'kills', ...STAGES], stages);
  const kinds = PAYING.map((tool) => {
    const mine = calls.filter(({ told }) => told.tool === tool);
    const count = (is: (call: SubAgentCall) => boolean): number => mine.filter(is).length;
    return [
      KINDS[tool],
      mine.length,
      count(({ told }) => effectsOf(told) > 1),
      count(({ told }) => told.failure === 'Tool.OutcomeUnknown'),
      count(({ runs }) => runs.length > 1),
    ].map(String);
  });
  console.log();
  printTable(['effect', 'calls', 'doubled', 'unknown', 'begun twice'], kinds);
  const used = shopkeeper?.ended?.totals.usage.input ?? '–';
  console.log(
    `\nThe caller used ${used} tokens in: ${own.usage.input} itself, ${usedBelow(calls).input} by its sub-agents. Runs left open: ${open.length}.`,
  );
  const lives = livesMs.slice(1);
  console.log(
    `From a start after a kill to the next, or to the end: median ${seconds(median(lives))} s, longest ${seconds(Math.max(...lives))} s.`,
  );
}
