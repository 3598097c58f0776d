// The tools' half of a turn. Calls that only read, or need no order, run at once; any other runs alone, in the order the model gave.
import type { FailureType } from '../contract/failures';
import type { OpenRequest, ToolPlan } from '../contract/run';
import type { CallToolResult, ToolCallHead, ToolTurn } from '../contract/tool-call';
import type { Run } from './environment';
import { RunEnd, untilResumed } from './persist';
import { takeToolResults } from './run-state';
import { tellAsked } from './ask-person';
import { openFor, openRequest, rememberedFor, rulesOf } from './requests';
import { noSubAgents } from './sub-agent';
import { noneYet, planOf } from './tool-attempts';
import { callOne } from './tool-call';

const NEVER_RAN: readonly FailureType[] = ['Tool.Unknown', 'Tool.InvalidArguments'];

/** The calls of an answer, of which none has begun. */
export const toolTurnOf = (message: string, calls: ToolCallHead[]): ToolTurn => ({
  message,
  calls,
  results: calls.map(() => null),
});

/**
 * Makes those calls of the turn that are not done.
 * @returns `continue-as-new` when one waits in a long history: where the turn stands is kept
 * @throws RunEnd when a tool that is declared `onFailure: 'stop'` has failed for good
 */
export async function callTools(run: Run, turn: ToolTurn): Promise<'done' | 'continue-as-new'> {
  const results = [...turn.results];
  let goesOn = false;
  try {
    const asked = askedBy(run, turn);
    if (asked.length > 0) await tellAsked(run, asked);
    for (const group of groupsInOrder(turn.calls, (name) => mayRunBeside(planOf(run, name)))) {
      for (;;) {
        const open = group.filter((at) => !isDone(results[at]));
        if (open.length === 0) break;
        await untilResumed(run);
        await callGroup(run, { ...turn, results }, open);
        // Some wait, and the history is long. It may not be left any more: a cancel that came meanwhile ends the run at the next call.
        if (group.every((at) => isDone(results[at])) || !mayStillLeave(run)) continue;
        goesOn = true;
        run.state.kept.calling = { ...turn, results };
        return 'continue-as-new';
      }
    }
    return 'done';
  } finally {
    // Whatever ends the run: what has happened is told.
    const done = results.filter(isDone);
    if (done.length > 0 && !goesOn) {
      takeToolResults(run.state, {
        messages: done.map((result) => result.message),
        reused: done.filter((result) => result.reused).length,
        invalid: done.filter((result) => result.failure && NEVER_RAN.includes(result.failure)).length,
      });
    }
  }
}

/** Whatever the turn asks people: all of it at once. */
function askedBy(run: Run, turn: ToolTurn): OpenRequest[] {
  const { kept } = run.state;
  return turn.calls.flatMap((head, call) => {
    if (!head.approval || turn.results[call] !== null || rememberedFor(kept, head)) return [];
    const rules = rulesOf(planOf(run, head.name), head);
    return [openFor(kept, turn, call, 'approval') ?? openRequest(run, { kind: 'approval', turn, call, rules })];
  });
}

/** Calls that may run together, into the results of their turn. @throws what one of them threw, once none is under way any more */
function callGroup(run: Run, turn: ToolTurn, open: readonly number[]): Promise<void> {
  const together = noneYet(noSubAgents(open.filter((call) => isSubAgent(run, turn, call))));
  const calls = open.map((call) => callOne(run, turn, call, together));
  // One alone needs no gathering: of what may come back beside it, what a person says, the commands are made layers earlier.
  const [only] = calls;
  return only && calls.length === 1 ? only : allOf(calls);
}

async function allOf(calls: readonly Promise<void>[]): Promise<void> {
  // Only after all have settled: an end of the run must not leave a call in flight.
  const settled = await Promise.allSettled(calls);
  const thrown = settled.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  // A bug before an end: an end that was reached beside it would hide it, and the run would be over.
  if (thrown.length > 0) throw thrown.find((error) => !(error instanceof RunEnd)) ?? thrown[0];
}

const isSubAgent = (run: Run, { calls }: ToolTurn, call: number): boolean =>
  planOf(run, calls[call]?.name ?? '').agent !== undefined;

const mayRunBeside = ({ effect, isIndependent }: ToolPlan): boolean => effect === 'read' || isIndependent === true;

const mayStillLeave = ({ environment }: Run): boolean => !environment.leavesAtRest() || !environment.isCancelled();

const isDone = (result: ToolTurn['results'][number] | undefined): result is CallToolResult =>
  result !== undefined && result !== null && result !== 'waiting';

/** Positions of the calls, cut so that neighbours that may run together do. */
export function groupsInOrder(calls: readonly ToolCallHead[], together: (name: string) => boolean): number[][] {
  const groups: number[][] = [];
  calls.forEach(({ name }, at) => {
    const last = groups.at(-1);
    const previous = calls[at - 1];
    if (last && previous && together(name) && together(previous.name)) last.push(at);
    else groups.push([at]);
  });
  return groups;
}
