// One tool call: found again if it was made before, otherwise checked, run and stored. The tool's arguments never enter a history:
// the call names its assistant message, and they are read from there.
import type { CallToolInput, TellToolFailureInput } from '../workflows/contract/activities';
import { isRetryable } from '../workflows/contract/failures';
import type { MessageHead, ToolCallPart, ToolMessage } from '../workflows/contract/message';
import { pollAttempts } from '../workflows/contract/limits';
import {
  startedToolRecordSchema,
  toolRecordSchema,
  type StartedToolRecord,
  type ToolRecord,
} from '../workflows/contract/schemas/call-record';
import type { ToolPlan } from '../workflows/contract/run';
import type { CallToolResult, ToolWait } from '../workflows/contract/tool-call';
import ms from 'ms';
import { z } from 'zod';
import { COMMIT_ROUNDS, recordContended } from './call-model';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import { failure } from './failure';
import { failureParts } from './failure-parts';
import { requireAgent } from './require-agent';
import { isRecall, recallOutcome } from './recall-outcome';
import { runTool, type ToolOutcome, type Unfinished } from './run-tool';
import { decodeMessage, encodeMessage, previewOf } from './store';
import { callRecordName } from './store/ref-names';

export async function callTool(
  deps: ActivityDeps,
  input: CallToolInput,
  attempt: Attempt,
): Promise<CallToolResult | ToolWait> {
  const found = await findRecord(deps, input);
  if (found.answers) {
    deps.metrics.reused('tool');
    return { ...found.answers.result, reused: true };
  }
  if (input.poll && !found.begun)
    throw failure(
      'Store.ObjectMissing',
      `the record of what ${input.name} has begun, ${callRecordName(input.key)}, is gone.`,
    );
  const loaded = await requireAgent(deps, input);
  const startedAt = found.begun?.startedAt ?? deps.now();
  const call = await readCall(deps, input);
  await deps.failpoint('tool.before');
  const answered = isRecall(loaded, input)
    ? await recallOutcome(deps, input, attempt, call)
    : await runTool(deps, input, attempt, loaded, { call, begun: found.begun });
  await deps.failpoint('tool.after');
  const plan = loaded.manifest.plan.tools[input.name];
  const poll = plan?.poll;
  const isOpen = 'pending' in answered || (input.poll && isUnanswered(answered, loaded, input, attempt));
  const outcome = isOpen ? pendingOutcome(deps, input, plan, startedAt) : answered;
  if ('kind' in outcome) return outcome;
  if ('failure' in outcome && outcome.failure && !mayTell(outcome.failure, loaded, input, attempt)) {
    const { type, message, final = false } = outcome.failure;
    throw failure(type, message, { final });
  }
  const made = {
    schemaVersion: 1 as const,
    startedAt,
    endedAt: deps.now(),
    attempt: attempt.number,
    worker: deps.worker,
    release: loaded.codeRelease,
  };
  if (!('started' in outcome)) return await record(deps, input, { outcome, made, version: found.version });
  const { objects, started } = outcome;
  const value: StartedToolRecord = { kind: 'started-tool', ...made, from: fromOf(input), name: input.name, started };
  const kept = await commit(deps, input, { value, version: found.version, objects });
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

interface Found {
  /** Of whatever is kept under the call's key; absent where nothing is. */
  version?: number;
  /** A record answers the call it was made for. After a reset the same key may be of another message's call. */
  answers?: ToolRecord;
  /** What the call has begun elsewhere. */
  begun?: StartedToolRecord;
}

const keptRecordSchema = z.discriminatedUnion('kind', [toolRecordSchema, startedToolRecordSchema]);

async function findRecord(deps: ActivityDeps, input: CallToolInput): Promise<Found> {
  const stored = await deps.toolStore.readCallRecord(callRecordName(input.key));
  if (!stored) return {};
  const { success, data } = keptRecordSchema.safeParse(stored.value);
  if (!success) throw failure('Store.ObjectCorrupt', `the call record ${callRecordName(input.key)} is not readable.`);
  const { version } = stored;
  if (data.from.message !== input.message || data.from.call !== input.call) return { version };
  return { version, ...(data.kind === 'tool' ? { answers: data } : { begun: data }) };
}

const fromOf = ({ message, call }: CallToolInput): ToolRecord['from'] => ({ message, call });

async function readCall(deps: ActivityDeps, input: CallToolInput): Promise<ToolCallPart> {
  const message = decodeMessage(await deps.toolStore.getObject(input.message));
  const parts = message.role === 'assistant' ? message.parts : [];
  const call = parts.find((part): part is ToolCallPart => part.type === 'tool-call' && part.call === input.call);
  if (call?.name === input.name) return call;
  throw failure('Store.ObjectCorrupt', `message ${input.message} holds no call ${input.call} of ${input.name}.`);
}

interface ToRecord {
  outcome: ToolOutcome;
  made: Pick<ToolRecord, 'schemaVersion' | 'startedAt' | 'endedAt' | 'attempt' | 'worker' | 'release'>;
  version: number | undefined;
}

async function record(
  deps: ActivityDeps,
  input: CallToolInput,
  { outcome, made, version }: ToRecord,
): Promise<CallToolResult> {
  const message: ToolMessage = {
    role: 'tool',
    call: input.call,
    name: input.name,
    outcome: outcome.failure ? 'error' : 'ok',
    parts: outcome.parts,
  };
  const bytes = encodeMessage(message);
  const result: CallToolResult = {
    message: await toolHead(deps, message, bytes),
    ...(outcome.failure ? { failure: outcome.failure.type } : {}),
  };
  const value: ToolRecord = {
    kind: 'tool',
    ...made,
    from: fromOf(input),
    name: input.name,
    result,
  };
  await deps.failpoint('store.before-put');
  const kept = await commit(deps, input, { value, version, objects: [bytes, ...outcome.objects] });
  await deps.failpoint('store.after-put');
  deps.metrics.toolCall({
    agent: input.agent,
    tool: input.name,
    outcome: outcome.failure?.type ?? 'ok',
    seconds: (made.endedAt - made.startedAt) / 1000,
  });
  return kept.result;
}

/**
 * The first attempt that stores its result has answered the call: one that was given up and wakes later must not replace what the
 * run goes on with. A result takes the place of what says that the call has begun.
 * @returns the record that is kept
 */
async function commit<T extends ToolRecord | StartedToolRecord>(
  deps: ActivityDeps,
  input: CallToolInput,
  { value, version, objects }: { value: T; version: number | undefined; objects: Uint8Array[] },
): Promise<T | ToolRecord> {
  const name = callRecordName(input.key);
  let expected = version;
  for (let round = 1; round <= COMMIT_ROUNDS; round += 1) {
    const record = { name, value, ...(expected === undefined ? {} : { version: expected }) };
    if (await deps.toolStore.commitCall({ objects, record })) return value;
    const found = await findRecord(deps, input);
    if (found.answers) return found.answers;
    // Of another message's call, from before a reset, or of another attempt that has begun it too: it gives way.
    expected = found.version;
  }
  throw recordContended(name);
}

/** Says to the model that a call failed for good where the failing attempt could not: it timed out, or its worker died. */
export async function tellToolFailure(deps: ActivityDeps, input: TellToolFailureInput): Promise<CallToolResult> {
  const { type, message } = input.failure;
  const told: ToolMessage = {
    role: 'tool',
    call: input.call,
    name: input.name,
    outcome: 'error',
    parts: failureParts(type, message),
  };
  const bytes = encodeMessage(told);
  await deps.toolStore.commitCall({ objects: [bytes] });
  return { message: await toolHead(deps, told, bytes), failure: type };
}

async function toolHead({ toolStore }: ActivityDeps, message: ToolMessage, bytes: Uint8Array): Promise<MessageHead> {
  const [hash = ''] = await toolStore.namesOf([bytes]);
  return { hash, role: message.role, preview: previewOf(message) };
}
