// The effects drill's form with sub-agents: an agent has another pay, and everything is killed around it.
import { KINDS, effectsOf, problemsOf } from './effects-cells';
import { startTill, type Asked } from './effects-run';
import { printTable } from './print-table';
import { seeded } from './seeded';
import {
  MOMENTS,
  subAgentsRun,
  type Moment,
  type SubAgentCall,
  type SubAgentKill,
  type SubAgentsRun,
} from './sub-agents-run';

const PAYING = ['charge', 'transfer', 'post_letter'] as const;
/** In order, so that few kills meet each; up to how long after each everything is killed: as long as what it is about takes. */
const AFTER_MS = { acts: 12, begins: 80, takes: 100, waits: 30 } as const satisfies Record<Moment, number>;
const ORDER: readonly Moment[] = ['acts', 'begins', 'takes', 'waits'];

export interface SubAgentsDrill {
  run: SubAgentsRun;
  kills: readonly SubAgentKill[];
}

/** A call of the sub-agent for each kill, and one that meets none. */
export async function killAroundSubAgents(
  temporalCli: string,
  count: number,
  from: number,
  problems: string[],
): Promise<SubAgentsDrill> {
  const asked: Asked[] = Array.from({ length: count + 1 }, (_, at) => ({
    tool: PAYING[at % PAYING.length] ?? 'charge',
    item: `at-${at}`,
  }));
  const kills = Array.from({ length: count }, (_, call): SubAgentKill => {
    const moment = ORDER[call % ORDER.length] ?? 'acts';
    return { call, moment, afterMs: seeded(`${moment} ${from + call}`, AFTER_MS[moment]) };
  });
  const till = await startTill();
  try {
    const run = await subAgentsRun({ till, asked, kills, temporalCli });
    problems.push(...endProblems(run, asked.length), ...run.calls.flatMap((call, at) => callProblems(call, kills[at])));
    if (run.kills !== count) problems.push(`${run.kills} of ${count} kills were made`);
    return { run, kills };
  } finally {
    await till.close();
  }
}

function callProblems({ told, runs, failure }: SubAgentCall, kill: SubAgentKill | undefined): string[] {
  const about = `${told.tool} ${told.item}, ${kill ? `killed ${kill.afterMs} ms after ${MOMENTS[kill.moment]}` : 'not killed'}`;
  const problems = problemsOf(told, 'killed').map((problem) => `${about}: ${problem}`);
  if (runs.length !== 1) problems.push(`${about}: ${runs.length} runs of the sub-agent for one call`);
  for (const { id, ended } of runs)
    if (ended?.outcome !== 'completed') problems.push(`${about}: ${id} is ${ended?.outcome ?? 'open'}`);
  if (failure !== undefined) problems.push(`${about}: the caller was told ${failure}`);
  return problems;
}

/** A run asks once for each call and once more; a sub-agent makes one call, and asks twice. */
function endProblems({ code, stderr, manager, own, calls, open }: SubAgentsRun, asked: number): string[] {
  const problems = code === 0 ? [] : [`it ended with ${code}: ${stderr.split('\n').slice(-3).join(' ')}`];
  const { ended } = manager ?? {};
  if (ended?.outcome !== 'completed') problems.push(`the caller's record says ${ended?.outcome ?? 'that it is open'}`);
  if (open.length > 0) problems.push(`listed as open: ${open.join(', ')}`);
  if (!ended) return problems;
  const below = usedBelow(calls);
  const must = {
    'model calls': [ended.totals.modelCalls, 3 * asked + 1],
    'tool calls': [ended.totals.toolCalls, 2 * asked],
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

export function reportSubAgents({ run, kills }: SubAgentsDrill): void {
  const { calls, manager, own, open } = run;
  console.log(`${run.kills} kills around ${calls.length} calls of a sub-agent that pays`);
  const rows = ORDER.map((moment) => {
    const mine = calls.filter((_, at) => kills[at]?.moment === moment);
    return [`${MOMENTS[moment]}, up to ${AFTER_MS[moment]} ms after`, ...countsOf(mine)];
  });
  printTable(['killed when', 'calls', 'paid twice', 'unknown', 'begun twice'], rows);
  console.log();
  const kinds = PAYING.map((tool) => [KINDS[tool], ...countsOf(calls.filter(({ told }) => told.tool === tool))]);
  printTable(['effect', 'calls', 'paid twice', 'unknown', 'begun twice'], kinds);
  const { input } = usedBelow(calls);
  console.log(
    `\ntokens in: ${manager?.ended?.totals.usage.input ?? '–'} of the caller, of which its own ${own.usage.input} and its sub-agents' ${input}`,
  );
  console.log(`runs that are left open: ${open.length}`);
}

const countsOf = (calls: readonly SubAgentCall[]): string[] =>
  [
    calls.length,
    calls.filter(({ told }) => effectsOf(told) > 1).length,
    calls.filter(({ told }) => told.failure === 'Tool.OutcomeUnknown').length,
    calls.filter(({ runs }) => runs.length > 1).length,
  ].map(String);
