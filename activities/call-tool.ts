// One tool call: found again if it was made before, otherwise checked, run and stored. The tool's arguments never enter a history:
// the call names its assistant message, and they are read from there.
import type { CallToolInput, CallToolResult, TellToolFailureInput } from '../workflows/contract/activities';
import { isRetryable, type FailureType } from '../workflows/contract/failures';
import type { MessageHead, ToolCallPart, ToolMessage } from '../workflows/contract/message';
import { toolRecordSchema, type ToolRecord } from '../workflows/contract/schemas/call-record';
import { COMMIT_ROUNDS, recordContended } from './call-model';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import { failure } from './failure';
import { failureParts } from './failure-parts';
import { requireAgent } from './require-agent';
import { isRecall, recallOutcome } from './recall-outcome';
import { runTool, type ToolOutcome } from './run-tool';
import { decodeMessage, encodeMessage, previewOf } from './store';
import { callRecordName } from './store/ref-names';

export async function callTool(deps: ActivityDeps, input: CallToolInput, attempt: Attempt): Promise<CallToolResult> {
  const found = await findRecord(deps, input);
  if (found.answers) {
    deps.metrics.reused('tool');
    return { ...found.answers.result, reused: true };
  }
  const loaded = await requireAgent(deps, input);
  const startedAt = deps.now();
  const call = await readCall(deps, input);
  await deps.failpoint('tool.before');
  const outcome = isRecall(loaded, input)
    ? await recallOutcome(deps, input, attempt, call)
    : await runTool(deps, input, attempt, loaded, call);
  await deps.failpoint('tool.after');
  if (outcome.failure && !mayTell(outcome.failure.type, loaded, input.name, attempt)) {
    throw failure(outcome.failure.type, outcome.failure.message);
  }
  const made = {
    schemaVersion: 1 as const,
    startedAt,
    endedAt: deps.now(),
    attempt: attempt.number,
    worker: deps.worker,
    release: loaded.codeRelease,
  };
  return await record(deps, input, { outcome, made, version: found.version });
}

/** Told as the activity's own result where that is where it ends up anyway: it saves a second activity. */
function mayTell(type: FailureType, { manifest }: LoadedAgent, name: string, attempt: Attempt): boolean {
  const plan = manifest.plan.tools[name];
  if (!plan) return true;
  // Whether it has happened is not known: the run says so, and not that it failed.
  if (plan.effect === 'at-most-once' && type === 'Tool.Timeout') return false;
  const spent = !isRetryable(type) || attempt.number >= plan.attempts;
  return spent && (plan.onFailure === 'tell-model' || type === 'Tool.InvalidArguments');
}

interface Found {
  /** Of whatever is kept under the call's key; absent where nothing is. */
  version?: number;
  /** A record answers the call it was made for. After a reset the same key may be of another message's call. */
  answers?: ToolRecord;
}

async function findRecord(deps: ActivityDeps, input: CallToolInput): Promise<Found> {
  const stored = await deps.toolStore.readCallRecord(callRecordName(input.key));
  if (!stored) return {};
  const { success, data } = toolRecordSchema.safeParse(stored.value);
  if (!success) throw failure('Store.ObjectCorrupt', `the call record ${callRecordName(input.key)} is not readable.`);
  const same = data.from.message === input.message && data.from.call === input.call;
  return { version: stored.version, ...(same ? { answers: data } : {}) };
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
    from: { message: input.message, call: input.call },
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
 * run goes on with.
 * @returns the record that is kept
 */
async function commit(
  deps: ActivityDeps,
  input: CallToolInput,
  { value, version, objects }: { value: ToolRecord; version: number | undefined; objects: Uint8Array[] },
): Promise<ToolRecord> {
  const name = callRecordName(input.key);
  let expected = version;
  for (let round = 1; round <= COMMIT_ROUNDS; round += 1) {
    const record = { name, value, ...(expected === undefined ? {} : { version: expected }) };
    if (await deps.toolStore.commitCall({ objects, record })) return value;
    const found = await findRecord(deps, input);
    if (found.answers) return found.answers;
    // Of another message's call, from before a reset: it gives way.
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
