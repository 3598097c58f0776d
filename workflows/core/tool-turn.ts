// The tools' half of a turn. Calls that only read run at once; a call with an effect runs alone, in the order the model gave.
import type { CallToolResult, ModelAnswer, ToolCallHead } from '../contract/activities';
import type { FailureType, RunFailure } from '../contract/failures';
import { DEFAULT_TOOL_TIMEOUT_MS } from '../contract/limits';
import { RECALL_TOOL } from '../contract/names';
import type { ToolPlan } from '../contract/run';
import type { Run } from './environment';
import { callContext } from './model-turn';
import { RunEnd, step, untilResumed } from './persist';
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

/** @throws RunEnd when a tool that is declared `onFailure: 'stop'` has failed for good */
export async function callTools(run: Run, answer: ModelAnswer): Promise<void> {
  const assistant = answer.messages[0];
  if (!assistant) return;
  const results: CallToolResult[] = [];
  try {
    for (const group of groupsInOrder(answer.toolCalls, (name) => planOf(run, name).effect === 'read')) {
      await untilResumed(run);
      const settled = await Promise.allSettled(
        group.map((call) => callOne(run, assistant.hash, answer.toolCalls, call)),
      );
      // Only after all have settled: an end of the run must not leave a call in flight.
      results.push(...settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])));
      const thrown = settled.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
      // A bug before an end: an end that was reached beside it would hide it, and the run would be over.
      if (thrown.length > 0) throw thrown.find((error) => !(error instanceof RunEnd)) ?? thrown[0];
    }
  } finally {
    // Whatever ends the run: what has happened is told.
    if (results.length > 0) {
      takeToolResults(run.state, {
        messages: results.map((result) => result.message),
        reused: results.filter((result) => result.reused).length,
        invalid: results.filter((result) => result.failure && NEVER_RAN.includes(result.failure)).length,
      });
    }
  }
}

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

async function callOne(
  run: Run,
  message: string,
  calls: readonly ToolCallHead[],
  call: number,
): Promise<CallToolResult> {
  const { environment, input } = run;
  const head = calls[call];
  if (!head) throw new Error(`no tool call ${call} in the answer`);
  const plan = planOf(run, head.name);
  const context = callContext(run, call + 1);
  const label = `${head.name} ${head.preview}`.trimEnd();
  const about = { kind: 'tool' as const, label };
  const asked = {
    ...context,
    name: head.name,
    message,
    call,
    input: input.input.hash,
    ...(isRecall(run, head.name) ? { head: run.state.kept.head ?? '' } : {}),
    ...(input.plan.inspect ? {} : { timeoutMs: plan.timeoutMs }),
  };
  const done = await step(
    run,
    about,
    () => environment.callTool(asked, plan, label),
    // What the model is told of a failure is a result, and a failed step all the same.
    (result) => ({ preview: result.message.preview, failed: result.failure !== undefined }),
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
