// One tool call: found again if it was made before, otherwise checked, run and stored. The tool's arguments never enter a history:
// the call names its assistant message, and they are read from there.
import type { CallToolInput, CallToolResult, TellToolFailureInput } from '../workflows/contract/activities';
import { isRetryable, type FailureType } from '../workflows/contract/failures';
import type { ToolCallPart, ToolMessage } from '../workflows/contract/message';
import { toolRecordSchema, type ToolRecord } from '../workflows/contract/schemas/call-record';
import { headOf } from './call-model';
import type { ActivityDeps, Attempt, LoadedAgent } from './deps';
import { failure } from './failure';
import { failureParts } from './failure-parts';
import { requireAgent } from './require-agent';
import { runTool, type ToolOutcome } from './run-tool';
import { decodeMessage, encodeMessage } from './store';
import { callRecordName } from './store/ref-names';

export async function callTool(deps: ActivityDeps, input: CallToolInput, attempt: Attempt): Promise<CallToolResult> {
  const known = await findRecord(deps, input);
  if (known) {
    deps.metrics.reused('tool');
    return { ...known.result, reused: true };
  }
  const loaded = await requireAgent(deps, input);
  const startedAt = deps.now();
  const call = await readCall(deps, input);
  await deps.failpoint('tool.before');
  const outcome = await runTool(deps, input, attempt, loaded, call);
  await deps.failpoint('tool.after');
  if (outcome.failure && !mayTell(outcome.failure.type, loaded, input.name, attempt)) {
    throw failure(outcome.failure.type, outcome.failure.message);
  }
  return await record(deps, input, outcome, {
    schemaVersion: 1,
    startedAt,
    endedAt: deps.now(),
    attempt: attempt.number,
    worker: deps.worker,
    release: loaded.codeRelease,
  });
}

/** Told as the activity's own result where that is where it ends up anyway: it saves a second activity. */
function mayTell(type: FailureType, { manifest }: LoadedAgent, name: string, attempt: Attempt): boolean {
  const plan = manifest.plan.tools[name];
  if (!plan) return true;
  const spent = !isRetryable(type) || attempt.number >= plan.attempts;
  return spent && (plan.onFailure === 'tell-model' || type === 'Tool.InvalidArguments');
}

async function findRecord(deps: ActivityDeps, input: CallToolInput): Promise<ToolRecord | undefined> {
  const value = await deps.toolStore.readCallRecord(callRecordName(input.key));
  if (value === undefined) return undefined;
  const { success, data } = toolRecordSchema.safeParse(value);
  if (!success) throw failure('Store.ObjectCorrupt', `the call record ${callRecordName(input.key)} is not readable.`);
  return data.from.message === input.message && data.from.call === input.call ? data : undefined;
}

async function readCall(deps: ActivityDeps, input: CallToolInput): Promise<ToolCallPart> {
  const message = decodeMessage(await deps.toolStore.getObject(input.message));
  const parts = message.role === 'assistant' ? message.parts : [];
  const call = parts.find((part): part is ToolCallPart => part.type === 'tool-call' && part.call === input.call);
  if (call?.name === input.name) return call;
  throw failure('Store.ObjectCorrupt', `message ${input.message} holds no call ${input.call} of ${input.name}.`);
}

async function record(
  deps: ActivityDeps,
  input: CallToolInput,
  outcome: ToolOutcome,
  made: Pick<ToolRecord, 'schemaVersion' | 'startedAt' | 'endedAt' | 'attempt' | 'worker' | 'release'>,
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
    message: headOf(message, bytes),
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
  await deps.toolStore.commitCall({
    objects: [bytes, ...outcome.objects],
    record: { name: callRecordName(input.key), value },
  });
  await deps.failpoint('store.after-put');
  deps.metrics.toolCall({
    agent: input.agent,
    tool: input.name,
    outcome: outcome.failure?.type ?? 'ok',
    seconds: (made.endedAt - made.startedAt) / 1000,
  });
  return result;
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
  return { message: headOf(told, bytes), failure: type };
}
