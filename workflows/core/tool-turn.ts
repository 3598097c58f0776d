// The tools' half of a turn. Calls that only read run at once; a call with an effect runs alone, in the order the model gave.
import type { CallToolInput } from '../contract/activities';
import type { FailureType, RunFailure } from '../contract/failures';
import { DEFAULT_TOOL_TIMEOUT_MS, pollAttempts } from '../contract/limits';
import { RECALL_TOOL } from '../contract/names';
import type { ToolPlan } from '../contract/run';
import type { CallToolResult, ToolCallHead, ToolTurn } from '../contract/tool-call';
import type { Run } from './environment';
import { callContext } from './model-turn';
import { RunEnd, sleepUntil, step, untilResumed } from './persist';
import { takeToolResults } from './run-state';

/** For a name that no tool has: callTool answers it with an error the model can read, so that it stands in the trace. */
const UNKNOWN_TOOL: ToolPlan = {
  effect: 'read',
  timeoutMs: DEFAULT_TOOL_TIMEOUT_MS,
  attempts: 1,
  onFailure: 'tell-model',
};

const NEVER_RAN: readonly FailureType[] = ['Tool.Unknown', 'Tool.InvalidArguments'];

/** After these it is not known whether the tool ran: they are of what stands around it. */
const MAY_HAVE_RUN: readonly FailureType[] = ['Worker.Lost', 'Store.Unavailable', 'Runtime.Unexpected', 'Tool.Timeout'];

/** A tool that must never run twice is not called again by a resume: its outcome is unknown, and said to be. */
const knownOf =
  (plan: ToolPlan) =>
  (failure: RunFailure): RunFailure =>
    plan.effect === 'at-most-once' && MAY_HAVE_RUN.includes(failure.type)
      ? { type: 'Tool.OutcomeUnknown', message: `it may have run, or not (${failure.type}): ${failure.message}` }
      : failure;

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
    for (const group of groupsInOrder(turn.calls, (name) => planOf(run, name).effect === 'read')) {
      const open = group.filter((at) => !isDone(results[at]));
      if (open.length === 0) continue;
      await untilResumed(run);
      const settled = await Promise.allSettled(open.map((call) => callOne(run, { ...turn, results }, call)));
      // Only after all have settled: an end of the run must not leave a call in flight.
      settled.forEach((outcome, nth) => {
        if (outcome.status === 'fulfilled') results[open[nth] ?? 0] = outcome.value;
      });
      const thrown = settled.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
      // A bug before an end: an end that was reached beside it would hide it, and the run would be over.
      if (thrown.length > 0) throw thrown.find((error) => !(error instanceof RunEnd)) ?? thrown[0];
      if (!results.includes('waiting')) continue;
      goesOn = true;
      run.state.kept.calling = { ...turn, results };
      return 'continue-as-new';
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

const isDone = (result: ToolTurn['results'][number] | undefined): result is CallToolResult =>
  result !== undefined && result !== null && result !== 'waiting';

const planOf = (run: Run, name: string): ToolPlan =>
  Object.hasOwn(run.input.plan.tools, name) ? (run.input.plan.tools[name] ?? UNKNOWN_TOOL) : UNKNOWN_TOOL;

/** The built-in tool: an agent's own tool of that name is another one. */
const isRecall = ({ input }: Run, name: string): boolean =>
  name === RECALL_TOOL && !Object.hasOwn(input.plan.tools, name);

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

async function callOne(run: Run, turn: ToolTurn, call: number): Promise<CallToolResult | 'waiting'> {
  const { environment, input } = run;
  const head = turn.calls[call];
  if (!head) throw new Error(`no tool call ${call} in the answer`);
  const plan = planOf(run, head.name);
  const context = callContext(run, call + 1);
  const label = `${head.name} ${head.preview}`.trimEnd();
  const about = { kind: 'tool' as const, label };
  const asked = {
    ...context,
    name: head.name,
    message: turn.message,
    call,
    input: input.input.hash,
    ...(isRecall(run, head.name) ? { head: run.state.kept.head ?? '' } : {}),
    ...(input.plan.inspect ? {} : { timeoutMs: plan.timeoutMs }),
  };
  const done = await step(
    run,
    about,
    untilAnswered(run, asked, { plan, label, hasBegun: turn.results[call] === 'waiting' }),
    // What the model is told of a failure is a result, and a failed step all the same.
    (result) => (result === 'waiting' ? {} : { preview: result.message.preview, failed: result.failure !== undefined }),
    knownOf(plan),
  );
  if ('result' in done) return done.result;
  if (plan.onFailure === 'stop') throw new RunEnd({ outcome: 'failed', failure: done.failure });
  const { failure } = done;
  const told = await step(
    run,
    { kind: 'note', label: `tells the model: ${failure.type}` },
    () => environment.tellToolFailure({ ...context, name: head.name, call, failure }),
    (result) => ({ preview: result.message.preview }),
  );
  if ('failure' in told) throw new RunEnd({ outcome: 'failed', failure: told.failure });
  return told.result;
}

/** What a call of the tool comes to, however often it has to be asked for: between two times the run sleeps, and holds no worker. */
function untilAnswered(
  run: Run,
  asked: CallToolInput,
  { plan, label, hasBegun }: { plan: ToolPlan; label: string; hasBegun: boolean },
): () => Promise<CallToolResult | 'waiting'> {
  const { environment } = run;
  const poll = { ...plan, attempts: pollAttempts(plan) };
  let begun = hasBegun;
  // Made again after a pause, it goes on where it was.
  return async () => {
    for (;;) {
      const result = begun
        ? await environment.callTool({ ...asked, poll: true }, poll, label)
        : await environment.callTool(asked, plan, label);
      if (!('kind' in result)) return result;
      begun = true;
      if (environment.shouldContinueWhileWaiting()) return 'waiting';
      await sleepUntil(run, result);
    }
  };
}
