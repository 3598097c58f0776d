// One call of a turn: made once whoever must agree has agreed, and told to the model, or to a person, where it failed for good.
import type { MadeDecision } from '../contract/approval';
import type { RunFailure } from '../contract/failures';
import { FAILURE_CHARS } from '../contract/limits';
import type { ToolPlan } from '../contract/run';
import type { CallToolResult, ToolTurn } from '../contract/tool-call';
import { untilDecided } from './ask-person';
import type { Run } from './environment';
import { callContext } from './model-turn';
import { RunEnd, step } from './persist';
import { closeRequests, openFor, openRequest, remember, rememberedFor, rulesOf } from './requests';
import { leavesNow, planOf, tryTools, type Decided, type Together } from './tool-attempts';

/**
 * Puts into the results of its turn what the model is told; `waiting` for what has begun and is asked again by the next execution, null for
 * what that one begins.
 * @throws RunEnd when a tool that is declared `onFailure: 'stop'` has failed for good, or nobody answered what a person was asked
 */
export function callOne(run: Run, turn: ToolTurn, call: number, together: Together): Promise<void> {
  return decideAndCall(run, turn, call, together).then(
    (result) => {
      // Of one that a person has denied no run begins.
      together.agents.toBegin.delete(call);
      if (result !== null && result !== 'waiting') closeRequests(run.state, turn, call);
      turn.results[call] = result;
    },
    (error: unknown) => {
      // The run is over: those that wait for a person are let go, and begin nothing any more.
      together.ended = true;
      throw error;
    },
  );
}

async function decideAndCall(
  run: Run,
  turn: ToolTurn,
  call: number,
  together: Together,
): Promise<CallToolResult | 'waiting' | null> {
  const head = turn.calls[call];
  if (!head) throw new Error(`no tool call ${call} in the answer`);
  const plan = planOf(run, head.name);
  const asking = { leaves: () => leavesNow(run, together), isOver: () => together.leaving || together.ended === true };
  for (let decided: Decided = {}; ;) {
    const isBegun = turn.results[call] === 'waiting';
    // Nothing is awaited where nobody is asked: runs of before approvals go on as they did.
    const allowed =
      isBegun || !head.approval || decided.approval
        ? madeWith(run, turn, call, decided)
        : await allowedBy(run, turn, call, decided, asking);
    if (allowed === 'left') return null;
    if ('denied' in allowed) return await tell(run, turn, call, allowed.denied);
    decided = allowed;
    // Where an execution of before has come so far, a person is asked about it already.
    const { failure } = openFor(run.state.kept, turn, call, 'failed-call') ?? {};
    const done = failure ?? (await tryTools(run, turn, call, { together, decided }));
    if (done === null) return done;
    if (done === 'waiting' || !('type' in done) || done.type !== 'Tool.NotApproved')
      remember(run.state, decided.approval);
    if (done === 'waiting' || !('type' in done)) return done;
    if (done.type === 'Tool.NotApproved' && decided.approval) {
      const before = openFor(run.state.kept, turn, call, 'approval');
      closeRequests(run.state, turn, call, 'approval');
      decided = { again: done.message, ...(before ? { before } : {}) };
      continue;
    }
    if (plan.onFailure === 'stop')
      throw new RunEnd({ outcome: 'failed', failure: { ...done, message: `${head.name}: ${done.message}` } });
    if (plan.onFailure !== 'escalate') return await tell(run, turn, call, done);
    const answer = await afterFailure(run, turn, call, { failure: done, plan, asking, approval: decided.approval });
    if (answer === 'left') return null;
    if ('message' in answer) return answer;
    decided = { ...(decided.approval ? { approval: decided.approval } : {}), ...answer };
  }
}

type Asking = Parameters<typeof untilDecided>[3];

/** What a call was agreed to with, in this execution or in one of before. */
function madeWith({ state: { kept } }: Run, turn: ToolTurn, call: number, decided: Decided): Decided {
  const head = turn.calls[call];
  if (!head?.approval || decided.approval) return decided;
  const approval = openFor(kept, turn, call, 'approval')?.decision ?? rememberedFor(kept, head);
  return approval ? { ...decided, approval } : decided;
}

/** The decision that a call is made with, where it needs one. */
async function allowedBy(
  run: Run,
  turn: ToolTurn,
  call: number,
  decided: Decided,
  asking: Asking,
): Promise<Decided | { denied: RunFailure } | 'left'> {
  const head = turn.calls[call];
  if (!head?.approval || decided.approval) return decided;
  const { kept } = run.state;
  const remembered = decided.again === undefined ? rememberedFor(kept, head) : undefined;
  const known = openFor(kept, turn, call, 'approval');
  if (remembered && !known) return { approval: remembered };
  // Asked before another's answer held for it too.
  if (remembered && known) known.decision ??= remembered;
  const rules = rulesOf(planOf(run, head.name), head);
  const request =
    known ??
    openRequest(run, {
      ...{ kind: 'approval', turn, call, rules, before: decided.before },
      ...(decided.again === undefined ? {} : { again: decided.again }),
    });
  const decision = await untilDecided(run, request, rules, asking);
  if (decision === 'left') return decision;
  if (decision.verdict === 'approve') return { approval: decision };
  return {
    denied: {
      type: 'Tool.Denied',
      message: decision.byDefault
        ? 'nobody answered in time, and that means no.'
        : `a person said no.${because(decision)}`,
    },
  };
}

const because = ({ reason }: MadeDecision): string =>
  reason === undefined ? '' : ` ${reason}`.slice(0, FAILURE_CHARS);

/** A person says what becomes of a call that has failed for good: tried again, told to the model, or its result by hand. */
async function afterFailure(
  run: Run,
  turn: ToolTurn,
  call: number,
  {
    failure,
    plan,
    asking,
    approval,
  }: { failure: RunFailure; plan: ToolPlan; asking: Asking; approval: MadeDecision | undefined },
): Promise<CallToolResult | Decided | 'left'> {
  const rules = plan.escalation ? [plan.escalation] : [];
  for (let again: string | undefined; ;) {
    const request =
      openFor(run.state.kept, turn, call, 'failed-call') ??
      openRequest(run, { kind: 'failed-call', turn, call, rules, failure, ...(again === undefined ? {} : { again }) });
    const decision = await untilDecided(run, request, rules, asking);
    if (decision === 'left') return decision;
    closeRequests(run.state, turn, call, 'failed-call');
    if (decision.verdict === 'approve')
      return { afresh: decision.decidedAt, ...(failure.type === 'Tool.OutcomeUnknown' ? { notDone: decision } : {}) };
    if (decision.verdict === 'deny') return await tell(run, turn, call, failure);
    const taken = await takeByHand(run, turn, call, { decision, ...(approval ? { approval } : {}) });
    if (!('type' in taken)) return taken;
    again = taken.message;
  }
}

async function takeByHand(
  run: Run,
  { message, calls }: ToolTurn,
  call: number,
  decided: { decision: MadeDecision; approval?: MadeDecision },
): Promise<CallToolResult | RunFailure> {
  const name = calls[call]?.name ?? '';
  const done = await step(
    run,
    { kind: 'note', label: `takes a result by hand: ${name}` },
    () => run.environment.takeResult({ ...callContext(run, call + 1), name, message, call, ...decided }),
    (result) => ({ preview: result.message.preview }),
  );
  return 'failure' in done ? done.failure : done.result;
}

async function tell(
  run: Run,
  { message, calls }: ToolTurn,
  call: number,
  failure: RunFailure,
): Promise<CallToolResult> {
  const name = calls[call]?.name ?? '';
  const told = await step(
    run,
    { kind: 'note', label: `tells the model: ${failure.type}` },
    () => run.environment.tellToolFailure({ ...callContext(run, call + 1), name, message, call, failure }),
    (result) => ({ preview: result.message.preview }),
  );
  if ('failure' in told) throw new RunEnd({ outcome: 'failed', failure: told.failure });
  return told.result;
}
