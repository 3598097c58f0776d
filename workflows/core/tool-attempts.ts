// Attempts at one call: its tool and those that stand in for it, each asked again for as long as its work goes on elsewhere.
import type { CallToolInput, FailedTool } from '../contract/activities';
import type { MadeDecision } from '../contract/approval';
import { mayFallBack, type FailureType, type RunFailure } from '../contract/failures';
import { DEFAULT_TOOL_TIMEOUT_MS, FALLBACK_INDEX_STEP, pollAttempts } from '../contract/limits';
import { RECALL_TOOL } from '../contract/names';
import type { OpenRequest, ToolPlan } from '../contract/run';
import type { CallToolResult, ToolTurn, ToolWait } from '../contract/tool-call';
import type { Run } from './environment';
import { followedBy } from './followed-by';
import { callContext } from './model-turn';
import { leavesWhileAway, sleepUntil, step } from './persist';
import { callAgent, type SubAgentsTogether } from './sub-agent';

/** Calls that run together leave a long history together: the one that sleeps for hours with the one that asks every second. */
export interface Together {
  /** Those that a worker has now. */
  underWay: number;
  /** Of them, by tool. */
  ofTool: Map<string, number>;
  /** Set by the first that leaves; ends the others' sleep. */
  leaving: boolean;
  /** Set by the first that ends the run. */
  ended?: boolean;
  agents: SubAgentsTogether;
}

export const noneYet = (agents: SubAgentsTogether): Together => ({
  underWay: 0,
  ofTool: new Map(),
  leaving: false,
  agents,
});

/** For a name that no tool has: callTool answers it with an error the model can read, so that it stands in the trace. */
const UNKNOWN_TOOL: ToolPlan = {
  effect: 'read',
  timeoutMs: DEFAULT_TOOL_TIMEOUT_MS,
  attempts: 1,
  onFailure: 'tell-model',
};

export const planOf = (run: Run, name: string): ToolPlan =>
  Object.hasOwn(run.input.plan.tools, name) ? (run.input.plan.tools[name] ?? UNKNOWN_TOOL) : UNKNOWN_TOOL;

/** The built-in tool: an agent's own tool of that name is another one. */
const isRecall = ({ input }: Run, name: string): boolean =>
  name === RECALL_TOOL && !Object.hasOwn(input.plan.tools, name);

/** After these it is not known whether the tool ran: they are of what stands around it. */
const MAY_HAVE_RUN: readonly FailureType[] = ['Worker.Lost', 'Store.Unavailable', 'Runtime.Unexpected', 'Tool.Timeout'];

/**
 * Of releases of before the ledger of effects, a tool that must never run twice is not called again by a resume: its outcome is unknown,
 * and said to be. With it the next attempt finds what was claimed.
 */
const knownOf = (plan: ToolPlan, failure: RunFailure): RunFailure =>
  plan.effect === 'at-most-once' && plan.repeats === undefined && MAY_HAVE_RUN.includes(failure.type)
    ? { type: 'Tool.OutcomeUnknown', message: `it may have run, or not (${failure.type}): ${failure.message}` }
    : failure;

/** What people have said of a call so far. */
export interface Decided {
  approval?: MadeDecision;
  notDone?: MadeDecision;
  /** When they wanted it tried again. Milliseconds since the epoch. */
  afresh?: number;
  /** Why the last decision did not count, and what it was about. */
  again?: string;
  before?: OpenRequest;
}
/** Its tool, then those that stand in for it. */
export async function tryTools(
  run: Run,
  turn: ToolTurn,
  call: number,
  { together, decided }: { together: Together; decided: Decided },
): Promise<CallToolResult | RunFailure | 'waiting' | null> {
  const name = turn.calls[call]?.name ?? '';
  const plan = planOf(run, name);
  if (plan.agent) return await callAgent(run, turn, call, { plan, together, decided });
  const tools = [{ name, plan }, ...(plan.fallback ?? [])];
  const failed: FailedTool[] = [];
  for (const [nth, tool] of tools.entries()) {
    const isLast = nth === tools.length - 1;
    const done = await callTool(run, turn, call, { ...tool, nth, isLast, failed: [...failed], together, decided });
    if (done === 'waiting' || done === null || !('type' in done)) return done;
    if (isLast || !mayFallBack(done.type)) return done;
    failed.push({ name: tool.name, type: done.type });
  }
  throw new Error('a call has at least its own tool');
}

interface Tried {
  name: string;
  plan: ToolPlan;
  /** 0 is the tool that was asked for; those that stand in for it follow. */
  nth: number;
  isLast: boolean;
  /** Those before it. */
  failed: FailedTool[];
  together: Together;
  decided: Decided;
}

function callTool(
  run: Run,
  turn: ToolTurn,
  call: number,
  tool: Tried,
): Promise<CallToolResult | RunFailure | 'waiting' | null> {
  const { environment } = run;
  const { name, plan, nth, together } = tool;
  const head = turn.calls[call];
  const progress = { begun: nth === 0 && turn.results[call] === 'waiting' };
  const asked = askedOf(run, turn, call, tool);
  const instead = nth > 0 ? ` instead of ${head?.name ?? ''}` : '';
  const label = `${name}${instead} ${head?.preview ?? ''}`.trimEnd();
  return step(
    run,
    { kind: 'tool', label },
    () => untilAnswered(run, asked, { plan, label, progress, together }),
    // What the model is told of a failure is a result, and a failed step all the same.
    (result) => (result === 'waiting' ? {} : { preview: result.message.preview, failed: result.failure !== undefined }),
    {
      // A question changes nothing: whatever it came to, what has begun can be asked again.
      known: (failure) => (progress.begun && environment.asksAgain() ? failure : knownOf(plan, failure)),
      leaves: () => leavesWhileAway(run) && leaveTogether(together),
    },
  ).then((done) => {
    if ('left' in done) return progress.begun ? 'waiting' : null;
    return 'result' in done ? done.result : done.failure;
  });
}

function askedOf(
  run: Run,
  turn: ToolTurn,
  call: number,
  { name, plan, nth, isLast, failed, decided }: Tried,
): CallToolInput {
  const { input, state } = run;
  const own = turn.calls[call]?.name ?? '';
  return {
    ...callContext(run, call + 1 + nth * FALLBACK_INDEX_STEP),
    name,
    ...(nth > 0 ? { insteadOf: own, failedBefore: failed } : {}),
    ...(isLast ? {} : { hasFallback: true as const }),
    ...(decided.approval ? { approval: decided.approval } : {}),
    ...(decided.notDone ? { notDone: decided.notDone } : {}),
    ...(decided.afresh !== undefined && plan.poll ? { afresh: decided.afresh } : {}),
    message: turn.message,
    call,
    input: input.input.hash,
    ...(isRecall(run, name) ? { head: state.kept.head ?? '' } : {}),
    ...(input.plan.inspect ? {} : { timeoutMs: plan.timeoutMs }),
  };
}

interface ToAnswer {
  plan: ToolPlan;
  label: string;
  /** Kept by whoever makes the step: made again after a pause, it goes on where it was. */
  progress: { begun: boolean };
  together: Together;
}

/** What a call of the tool comes to, however often it has to be asked for: between two times the run sleeps, and holds no worker. */
async function untilAnswered(
  run: Run,
  asked: CallToolInput,
  { plan, label, progress, together }: ToAnswer,
): Promise<CallToolResult | 'waiting'> {
  const poll = { ...plan, attempts: pollAttempts(plan) };
  for (;;) {
    // Another that waits may be faster: looked at again, and taken in the same moment.
    while (!mayCall(asked.name, plan, together)) {
      await run.environment.until(() => mayCall(asked.name, plan, together), Infinity, asked.name);
    }
    const result = await underWay(together, asked.name, () =>
      progress.begun
        ? run.environment.callTool({ ...asked, poll: true }, poll, label)
        : run.environment.callTool(asked, plan, label),
    );
    if (!('kind' in result)) return result;
    progress.begun = true;
    if (leavesNow(run, together)) return 'waiting';
    await sleepUntil(run, result, () => together.leaving);
    if (together.leaving) return 'waiting';
  }
}

function underWay(
  together: Together,
  name: string,
  work: () => Promise<CallToolResult | ToolWait>,
): Promise<CallToolResult | ToolWait> {
  const { ofTool } = together;
  together.underWay += 1;
  ofTool.set(name, (ofTool.get(name) ?? 0) + 1);
  return followedBy(work(), () => {
    together.underWay -= 1;
    ofTool.set(name, (ofTool.get(name) ?? 0) - 1);
  });
}

const mayCall = (name: string, { atOnce = Infinity }: ToolPlan, { ofTool }: Together): boolean =>
  (ofTool.get(name) ?? 0) < atOnce;

export function leavesNow({ environment }: Run, together: Together): boolean {
  if (!environment.shouldContinueWhileWaiting()) return false;
  return !environment.leavesAtRest() || leaveTogether(together);
}

function leaveTogether(together: Together): boolean {
  together.leaving ||= together.underWay === 0;
  return together.leaving;
}
