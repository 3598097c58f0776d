// One tool call: found again if it was made before, otherwise checked, run and stored. The tool's arguments never enter a history:
// the call names its assistant message, and they are read from there.
import type { CallToolInput } from '../workflows/contract/activities';
import type { ToolCallPart } from '../workflows/contract/message';
import { isRetryable, mayFallBack } from '../workflows/contract/failures';
import { pollAttempts } from '../workflows/contract/limits';
import { isShadowId } from '../workflows/contract/names';
import type { StartedToolRecord } from '../workflows/contract/schemas/call-record';
import type { OwnToolPlan } from '../workflows/contract/run';
import type { CallToolResult, ToolWait } from '../workflows/contract/tool-call';
import ms from 'ms';
import { rulesOfCall } from './approvals/approval-need';
import { asEdited, editedParts, notDoneUntil, personOf, requireAgreed } from './approvals/decided-call';
import { findCallRecord } from './call-records';
import { begunStep, releaseOf } from './counted';
import type { ActivityDeps, Attempt, ToolCallDeps } from './deps';
import { findEffect, type Effect } from './effect-ledger';
import { failure } from './failure';
import { failureParts } from './failure-parts';
import { requireAgent, type PinnedAgent } from './require-agent';
import { requireGrant } from './require-grant';
import { retryDelayMs } from './retry-delay';
import { planOfCall } from './plan-of-call';
import { isRecall, recallOutcome } from './recall-outcome';
import { readCall } from './read-call';
import { repeatedOutcome } from './repeated-outcome';
import { runTool, type ToolOutcome, type Unfinished } from './run-tool';
import { keepBegun, keepResult, toolRecords, type KeptRecord, type ToolCallMade } from './tool-records';

export async function callTool(
  deps: ToolCallDeps,
  input: CallToolInput,
  attempt: Attempt,
): Promise<CallToolResult | ToolWait> {
  const records = toolRecords(deps, input);
  const found = await findCallRecord(records);
  if (found.answer) {
    deps.metrics.reused('tool');
    return { ...found.answer.result, reused: true };
  }
  const begun = begunBy(found.record, input);
  if (input.poll && !begun)
    throw failure('Store.ObjectMissing', `the record of what ${input.name} has begun, ${records.name}, is gone.`);
  const loaded = await requireAgent(deps, input);
  requireGrant(loaded.manifest, input, deps.toolbox);
  const startedAt = begun?.startedAt ?? deps.now();
  // A question for what has begun is no step of its own.
  if (!begun) deps.metrics.stepBegun(begunStep(input, attempt, 'tool', startedAt));
  const asked = await readCall(deps, input);
  const call = await asEdited(deps, input, asked);
  await deps.failpoint('tool.before');
  const plan = planOfCall(loaded.manifest.plan, input);
  const poll = plan?.poll;
  const isShadow = isShadowId(attempt.workflowId);
  const effect = isShadow ? undefined : await findEffect(deps, input, attempt, { call, plan });
  // What is done, or has begun, is done: nobody needs to agree to it any more. Of a shadow nobody is asked: what needs a person it does not do.
  if (!begun && !effect?.done && !isShadow) await requireAgreed(deps, input, loaded, { asked, call });
  const { conversation } = deps;
  const answered: ToolOutcome | Unfinished =
    conversation && isRecall(loaded, input)
      ? await recallOutcome({ conversation }, input, attempt, call)
      : effect?.done && !begun
        ? await repeatedOutcome(deps, effect.done)
        : await runTool(deps, input, attempt, loaded, {
            ...{ call, begun, effect, isLast: isLastOf(plan, input, attempt) },
            notDoneUntil: notDoneUntil(deps, loaded, input),
            ...(isShadow ? { shadow: { mayRun: await mayRunInShadow(loaded, input, attempt, { asked, plan }) } } : {}),
          });
  await deps.failpoint('tool.after');
  const isOpen = 'pending' in answered || (input.poll && isUnanswered(answered, plan, input, attempt));
  const outcome = isOpen ? pendingOutcome(deps, input, plan, startedAt) : answered;
  if ('kind' in outcome) return outcome;
  if ('failure' in outcome && outcome.failure && !mayTell(outcome.failure, plan, input, attempt)) {
    const { type, message, final = false, retryAfterMs } = outcome.failure;
    const delayMs = retryAfterMs ?? retryDelayMs(plan?.backoff, input, attempt.number);
    // A person who changed the arguments wrote what does not fit: they are asked again, and not the model.
    const isTheirs = type === 'Tool.InvalidArguments' && input.approval?.edited !== undefined;
    throw failure(isTheirs ? 'Tool.NotApproved' : type, message, { final, retryAfterMs: delayMs });
  }
  const made: ToolCallMade = {
    schemaVersion: 1,
    startedAt,
    endedAt: deps.now(),
    attempt: attempt.number,
    worker: deps.worker,
    release: loaded.codeRelease,
  };
  if (!('started' in outcome))
    return await record(deps, input, {
      ...{ outcome, made, version: found.version, effect, asked, call },
      same: attempt.shadow?.same,
    });
  const { objects, started } = outcome;
  const kept = await keepBegun(deps, input, { started, made, version: found.version, objects });
  return kept.kind === 'tool' ? kept.result : askAgain(deps, input, poll, kept.startedAt);
}

/** What is asked for its outcome has begun, whatever a worker's clock says of when. */
function begunBy(
  record: KeptRecord | undefined,
  { afresh = -Infinity, poll }: CallToolInput,
): StartedToolRecord | undefined {
  return record?.kind === 'started-tool' && (poll || record.startedAt >= afresh) ? record : undefined;
}

/** The question failed, and not what was begun: it is asked again as often as it takes, after its quick attempts as after an open answer. */
function isUnanswered(
  answered: ToolOutcome | Unfinished,
  plan: OwnToolPlan | undefined,
  input: CallToolInput,
  attempt: Attempt,
): boolean {
  if (!('failure' in answered) || !answered.failure) return false;
  const { type, final } = answered.failure;
  return !final && isRetryable(type) && isLastOf(plan, input, attempt);
}

const isLastOf = (plan: OwnToolPlan | undefined, { poll }: CallToolInput, attempt: Attempt): boolean =>
  attempt.number >= (poll ? pollAttempts(plan ?? { attempts: 1 }) : (plan?.attempts ?? 1));

type PollPlan = OwnToolPlan['poll'];

/** An hour, for a run whose release does not say: in development the code may have changed under it. */
const UNDECLARED_POLL = { everyMs: 60_000, upToMs: 3_600_000 };

function askAgain(
  deps: Pick<ActivityDeps, 'now'>,
  { name }: CallToolInput,
  poll: PollPlan,
  startedAt: number,
): ToolWait {
  const { everyMs, upToMs } = poll ?? UNDECLARED_POLL;
  const [every, upTo] = [everyMs, upToMs].map((length) => ms(length));
  return {
    kind: 'wait',
    waitUntil: Math.min(deps.now() + everyMs, startedAt + upToMs),
    reason: `${name} works elsewhere: asked every ${every}, for ${upTo} at most`,
  };
}

function pendingOutcome(
  deps: Pick<ActivityDeps, 'now'>,
  input: CallToolInput,
  plan: OwnToolPlan | undefined,
  startedAt: number,
): ToolOutcome | ToolWait {
  const { upToMs } = plan?.poll ?? UNDECLARED_POLL;
  if (deps.now() < startedAt + upToMs) return askAgain(deps, input, plan?.poll, startedAt);
  const message = `no outcome within ${ms(upToMs)} of its beginning.`;
  // It has begun, and nobody knows what became of it.
  const type = plan?.effect === 'at-most-once' ? 'Tool.OutcomeUnknown' : 'Tool.Timeout';
  return { parts: failureParts(type, message), failure: { type, message, final: true }, objects: [] };
}

/** Told as the activity's own result where that is where it ends up anyway: it saves a second activity. */
function mayTell(
  { type, final }: NonNullable<ToolOutcome['failure']>,
  plan: OwnToolPlan | undefined,
  input: CallToolInput,
  attempt: Attempt,
): boolean {
  // Of a shadow, in which nothing follows from a failure but that the model hears of it.
  if (!plan || type === 'Tool.NotExecuted') return true;
  // Of before the ledger of effects: whether it has happened is not known. The run says so, and not that it failed.
  if (plan.effect === 'at-most-once' && plan.repeats === undefined && type === 'Tool.Timeout') return false;
  const spent = final || !isRetryable(type) || isLastOf(plan, input, attempt);
  if (!spent || (input.hasFallback && mayFallBack(type))) return false;
  if (type === 'Tool.InvalidArguments') return input.approval?.edited === undefined;
  return plan.onFailure === 'tell-model';
}

interface ToRecord {
  outcome: ToolOutcome;
  made: ToolCallMade;
  version: number | undefined;
  effect: Effect | undefined;
  /** As the model wrote it, and as it was made. */
  asked: ToolCallPart;
  call: ToolCallPart;
  /** Of a shadow. */
  same: string | undefined;
}

/** What its release and its code both say only reads, and what no person need agree to. */
async function mayRunInShadow(
  loaded: PinnedAgent,
  { tenant }: CallToolInput,
  { shadow }: Attempt,
  { asked, plan }: { asked: ToolCallPart; plan: OwnToolPlan | undefined },
): Promise<boolean> {
  if (!shadow?.mayRead || plan?.effect !== 'read') return false;
  return (await rulesOfCall(loaded, asked, tenant)).length === 0;
}

async function record(
  deps: ToolCallDeps,
  input: CallToolInput,
  { outcome, made, version, effect, asked, call, same }: ToRecord,
): Promise<CallToolResult> {
  const { objects, repeats } = outcome;
  const parts = [...editedParts(input, { asked, call, repeats }), ...outcome.parts];
  const person = personOf(input);
  const failed = outcome.failure?.type;
  await deps.failpoint('store.before-put');
  // An answer of a wrong shape is an answer: what the tool does, it has done.
  const isDone = failed === undefined || failed === 'Tool.InvalidOutput';
  const kept = await keepResult(deps, input, {
    ...{ parts, failure: failed, made, version, objects },
    effect: effect && {
      refresh: effect.refresh,
      write: (message) => effect.write(message, isDone ? 'done' : 'unknown'),
    },
    ...(repeats ? { repeats } : {}),
    ...(person && !repeats ? { person } : {}),
    ...(same !== undefined && outcome.shadow ? { shadow: { how: outcome.shadow, same } } : {}),
  });
  await deps.failpoint('store.after-put');
  deps.metrics.toolCall({
    ...releaseOf(input),
    tool: input.name,
    outcome: failed ?? 'ok',
    seconds: (made.endedAt - made.startedAt) / 1000,
  });
  return kept;
}
