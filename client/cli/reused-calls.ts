// Which calls were answered from their record instead of being made: a fact of the history, not of the record.
import type { LoadedDataConverter, Payload } from '@temporalio/common';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { ACTIVITY_NAMES } from '../../workflows/contract/names';

const callInput = z.object({ key: z.object({ fork: z.number(), turn: z.number(), index: z.number() }) });
const callResult = z.object({ reused: z.boolean().default(false) });
/** Executions that are read back through continue-as-new: their histories are small, but there may be many. */
const EXECUTIONS = 20;

export const callName = ({ fork, turn, index }: { fork: number; turn: number; index: number }): string =>
  `${fork}/${turn}/${index}`;

/** Names of calls whose latest completion came from a record. Undefined when the history is gone. */
export async function reusedCalls(temporal: Client, id: string): Promise<Set<string> | undefined> {
  const reused = new Set<string>();
  const converter = temporal.options.loadedDataConverter;
  let runId: string | undefined;
  for (let execution = 0; execution < EXECUTIONS; execution += 1) {
    const { events } = await temporal.workflow
      .getHandle(id, runId)
      .fetchHistory()
      .catch(() => ({ events: undefined }));
    if (!events) return execution === 0 ? undefined : reused;
    const scheduled = new Map<string, string>();
    for (const event of events) {
      const { activityTaskScheduledEventAttributes: asked, activityTaskCompletedEventAttributes: answered } = event;
      if (
        asked?.activityType?.name === ACTIVITY_NAMES.callModel ||
        asked?.activityType?.name === ACTIVITY_NAMES.callTool
      ) {
        const input = callInput.safeParse(await decoded(converter, asked.input?.payloads));
        if (input.success) scheduled.set(String(event.eventId), callName(input.data.key));
      }
      const name = scheduled.get(String(answered?.scheduledEventId));
      const result = callResult.safeParse(await decoded(converter, answered?.result?.payloads));
      if (name !== undefined && result.success && result.data.reused) reused.add(name);
    }
    runId = events[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
    if (runId === undefined) return reused;
  }
  return reused;
}

/** What these keys do not open, or another codec encrypted, says nothing. */
async function decoded(converter: LoadedDataConverter, payloads: Payload[] | null | undefined): Promise<unknown> {
  try {
    return (await decodeArrayFromPayloads(converter, payloads))[0];
  } catch {
    return undefined;
  }
}
