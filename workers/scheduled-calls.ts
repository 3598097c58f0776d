// Which call an activity is, by its id: Temporal's own description of a pending activity does not say with what it was started.
import type { Client } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';
import { z } from 'zod';
import { callRecordName } from '../activities/store/ref-names';
import { ACTIVITY_NAMES } from '../workflows/contract/names';

/** Only these make calls; the others record what was called. */
const CALLS: readonly string[] = [ACTIVITY_NAMES.callModel, ACTIVITY_NAMES.compactContext, ACTIVITY_NAMES.callTool];
/** What is pending was scheduled last, so the first page nearly always holds it. */
const PAGE = 100;

const inputSchema = z.looseObject({
  key: z.looseObject({ run: z.string(), fork: z.number(), turn: z.number(), index: z.number() }),
});

/** Names of the records that these activities write, as far as they are calls. Reads the history from its end. */
export async function recordNamesOf(
  temporal: Client,
  execution: { workflowId: string; runId: string },
  activityIds: readonly string[],
): Promise<string[]> {
  const wanted = new Set(activityIds);
  const names: string[] = [];
  let nextPageToken: Uint8Array | undefined;
  while (wanted.size > 0) {
    const page = await temporal.workflowService.getWorkflowExecutionHistoryReverse({
      namespace: temporal.options.namespace,
      execution,
      maximumPageSize: PAGE,
      ...(nextPageToken ? { nextPageToken } : {}),
    });
    for (const { activityTaskScheduledEventAttributes: scheduled } of page.history?.events ?? []) {
      if (!scheduled || !wanted.delete(scheduled.activityId ?? '')) continue;
      if (!CALLS.includes(scheduled.activityType?.name ?? '')) continue;
      const { loadedDataConverter } = temporal.options;
      const [input] = await decodeArrayFromPayloads(loadedDataConverter, scheduled.input?.payloads);
      const parsed = inputSchema.safeParse(input);
      if (parsed.success) names.push(callRecordName(parsed.data.key));
    }
    nextPageToken = page.nextPageToken;
    if (!nextPageToken || nextPageToken.length === 0) break;
  }
  return names;
}
