// Says to the model that a call failed for good where the failing attempt could not: it timed out, or its worker died. It is the call's
// result, and kept as any other: without a record nothing but a history would name the message, and a run that is paused for long
// would lose it to the garbage collection.
import type { TellToolFailureInput } from '../workflows/contract/activities';
import { modelRecordSchema } from '../workflows/contract/schemas/call-record';
import type { CallToolResult } from '../workflows/contract/tool-call';
import { findCallRecord } from './call-records';
import type { ActivityDeps, Attempt } from './deps';
import { failureParts } from './failure-parts';
import { callRecordName } from './store/ref-names';
import { keepResult, toolRecords, toolResult } from './tool-records';

/**
 * An attempt that was given up may have stored its result meanwhile: that was first, so it is the answer. One that ends later finds this
 * failure, and leaves it.
 */
export async function tellToolFailure(
  deps: ActivityDeps,
  input: TellToolFailureInput,
  attempt: Pick<Attempt, 'number'>,
): Promise<CallToolResult> {
  const { type } = input.failure;
  const told = { parts: failureParts(type, input.failure.message), failure: type };
  const message = input.message ?? (await askingMessage(deps, input));
  if (message === undefined) {
    const { bytes, result } = await toolResult(deps, input, told);
    await deps.toolStore.commitCall({ objects: [bytes] });
    return result;
  }
  const call = { ...input, message };
  const { record, answer, version } = await findCallRecord(toolRecords(deps, call));
  if (answer) return answer.result;
  const now = deps.now();
  return await keepResult(deps, call, {
    ...told,
    made: {
      schemaVersion: 1,
      startedAt: record?.startedAt ?? now,
      endedAt: now,
      attempt: attempt.number,
      worker: deps.worker,
      release: input.release,
    },
    version,
    objects: [],
  });
}

/** Older histories do not say which message asks for the call; its turn's answer does, but for a turn that began in a run's origin. */
async function askingMessage(
  { toolStore }: ActivityDeps,
  { key, call, name }: TellToolFailureInput,
): Promise<string | undefined> {
  const stored = await toolStore.readCallRecord(callRecordName({ ...key, index: 0 }));
  const answer = modelRecordSchema.safeParse(stored?.value).data?.answer;
  return answer?.toolCalls[call]?.name === name ? answer.messages[0]?.hash : undefined;
}
