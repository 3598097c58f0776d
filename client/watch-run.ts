// A caller is told of a run: what is to be told is kept, and a workflow of its own watches the run. Nothing of it is in the run's way.
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { webhookRefusal, type WebhookTarget } from '../activities/define/webhook';
import type { ContentStore } from '../activities/store/port';
import { webhookName } from '../activities/store/ref-names';
import { WORKFLOW_TYPES, controlQueue, webhookWorkflowId } from '../workflows/contract/names';
import type { WebhookRecord } from '../workflows/contract/schemas/webhook';
import { WEBHOOK_EVENTS, type WebhookInput } from '../workflows/contract/webhook';
import { ClientError } from './errors';

/** @throws ClientError `invalid-input` */
export function requireWebhook(target: WebhookTarget | undefined): void {
  const refusal = target && webhookRefusal(target);
  if (refusal !== undefined) throw new ClientError('invalid-input', `webhook: ${refusal}`);
}

export interface Watched {
  /** See WebhookInput. */
  watch: string;
  run: string;
  target: WebhookTarget;
}

/**
 * After the start: a run that has ended by then is found so. Repeating it changes nothing, and of two addresses the first counts.
 * @throws what keeps the store or Temporal from answering
 */
export async function watchRun(
  { temporal, store, taskQueue }: { temporal: Client; store: ContentStore; taskQueue: string },
  { watch, run, target: { url, events = WEBHOOK_EVENTS, key } }: Watched,
): Promise<void> {
  const name = webhookName(watch);
  const value: WebhookRecord = {
    ...{ schemaVersion: 1, run, url, events: [...events], at: Date.now() },
    ...(key === undefined ? {} : { key }),
  };
  const { conflicts } = await store.commit({ refs: [{ op: 'create', name, value }] });
  const input: WebhookInput = { schemaVersion: 1, watch, run };
  try {
    await temporal.workflow.start(WORKFLOW_TYPES.callerWebhook, {
      workflowId: webhookWorkflowId(watch),
      taskQueue: controlQueue(taskQueue),
      args: [input],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'USE_EXISTING',
      staticSummary: `tells a caller of ${run}`.slice(0, 180),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    // All of it was told before.
    if (conflicts.length === 0) await store.deleteRef(name);
  }
}
