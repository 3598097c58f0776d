// One tool call: found again if it was made before, otherwise checked, run and stored. The tool's arguments never enter a history:
// the call names its assistant message, and they are read from there.
import type { CallToolInput } from '../workflows/contract/activities';
import { isRetryable } from '../workflows/contract/failures';
import type { ToolCallPart } from '../workflows/contract/message';
import { pollAttempts } from '../workflows/contract/limits';
import type { ToolPlan } from '../workflows/contract/run';
import type { CallToolResult, ToolWait } from '../workflows/contract/tool-call';
import ms from 'ms';
import { findCallRecord } from './call-records';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import { failure } from './failure';
import { failureParts } from './failure-parts';
import { requireAgent } from './require-agent';
import { isRecall, recallOutcome } from './recall-outcome';
import { runTool, type ToolOutcome, type Unfinished } from './run-tool';
import { decodeMessage } from './store';
import { keepBegun, keepResult, toolRecords, type ToolCallMade } from './tool-records';

export async function callTool(
  deps: ActivityDeps,
  input: CallToolInput,
  attempt: Attempt,
): Promise<CallToolResult | ToolWait> {
  const records = toolRecords(deps, input);
  const found = await findCallRecord(records);
  if (found.answer) {
    deps.metrics.reused('tool');
    return { ...found.answer.result, reused: true };
  }
  const begun = found.record?.kind === 'started-tool' ? found.record : undefined;
  if (input.poll && !begun)
    throw failure('Store.ObjectMissing', `the record of what ${input.name} has begun, ${records.name}, is gone.`);
  const loaded = await requireAgent(deps, input);
  const startedAt = begun?.startedAt ?? deps.now();
  const call = await readCall(deps, input);
  await deps.failpoint('tool.before');
  const answered = isRecall(loaded, input)
    ? await recallOutcome(deps, input, attempt, call)
    : await runTool(deps, input, attempt, loaded, { call, begun });
  await deps.failpoint('tool.after');
  const plan = loaded.manifest.plan.tools[input.name];
  const poll = plan?.poll;
  const isOpen = 'pending' in answered || (input.poll && isUnanswered(answered, loaded, input, attempt));
  const outcome = isOpen ? pendingOutcome(deps, input, plan, startedAt) : answered;
  if ('kind' in outcome) return outcome;
  if ('failure' in outcome && outcome.failure && !mayTell(outcome.failure, loaded, input, attempt)) {
    const { type, message, final = false, retryAfterMs } = outcome.failure;
    throw failure(type, message, { final, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }
  const made: ToolCallMade = {
    schemaVersion: 1,
    startedAt,
    endedAt: deps.now(),
    attempt: attempt.number,
    worker: deps.worker,
    release: loaded.codeRelease,
  };
  if (!('started' in outcome)) return await record(deps, input, { outcome, made, version: found.version });
  const { objects, started } = outcome;
  const kept = await keepBegun(deps, input, { started, made, version: found.version, objects });
  return kept.kind === 'tool' ? kept.result : askAgain(deps, input, poll, kept.startedAt);
}

/** The question failed, and not what was begun: it is asked again as often as it takes, after its quick attempts as after an open answer. */
function isUnanswered(
  answered: ToolOutcome | Unfinished,
  { manifest }: LoadedAgent,
  { name }: CallToolInput,
  attempt: Attempt,
): boolean {
  if (!('failure' in answered) || !answered.failure) return false;
  const { type, final } = answered.failure;
  const plan = manifest.plan.tools[name];
  return !final && isRetryable(type) && attempt.number >= pollAttempts(plan ?? { attempts: 1 });
}

type PollPlan = ToolPlan['poll'];

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
  plan: ToolPlan | undefined,
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
  { manifest }: LoadedAgent,
  { name, poll }: CallToolInput,
  attempt: Attempt,
): boolean {
  const plan = manifest.plan.tools[name];
  if (!plan) return true;
  // Whether it has happened is not known: the run says so, and not that it failed.
  if (plan.effect === 'at-most-once' && type === 'Tool.Timeout') return false;
  const spent = final || !isRetryable(type) || attempt.number >= (poll ? pollAttempts(plan) : plan.attempts);
  return spent && (plan.onFailure === 'tell-model' || type === 'Tool.InvalidArguments');
}

async function readCall(deps: ActivityDeps, input: CallToolInput): Promise<ToolCallPart> {
  const message = decodeMessage(await deps.toolStore.getObject(input.message));
  const parts = message.role === 'assistant' ? message.parts : [];
  const call = parts.find((part): part is ToolCallPart => part.type === 'tool-call' && part.call === input.call);
  if (call?.name === input.name) return call;
  throw failure('Store.ObjectCorrupt', `message ${input.message} holds no call ${input.call} of ${input.name}.`);
}

interface ToRecord {
  outcome: ToolOutcome;
  made: ToolCallMade;
  version: number | undefined;
}

async function record(
  deps: ActivityDeps,
  input: CallToolInput,
  { outcome, made, version }: ToRecord,
): Promise<CallToolResult> {
  const { parts, objects } = outcome;
  const failed = outcome.failure?.type;
  await deps.failpoint('store.before-put');
  const kept = await keepResult(deps, input, { parts, failure: failed, made, version, objects });
  await deps.failpoint('store.after-put');
  deps.metrics.toolCall({
    agent: input.agent,
    tool: input.name,
    outcome: failed ?? 'ok',
    seconds: (made.endedAt - made.startedAt) / 1000,
  });
  return kept;
}
