// Watches a run for a caller who has asked to be told: beside the run, so that neither its end nor its next step waits for a receiver.
import {
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  CancellationScope,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { watchActivities, webhookActivities } from './activity-proxies';
import { WEBHOOK_EVENTS, type RunAsks, type WatchedRun, type WebhookInput } from './contract/webhook';
import { runAsksSignal, runEndedSignal } from './messages';
import { lookAfterMs } from './session/next-step';

const [ENDED, ASKS] = WEBHOOK_EVENTS;

/** @returns events that were delivered. Fails where the end could not be told, so that it is found. */
export async function callerWebhook(input: WebhookInput): Promise<number> {
  const { watch, run, carried = { looks: 0, told: [] } } = input;
  let looks = carried.looks;
  let isOver = false;
  let delivered = 0;
  const told = new Set(carried.told);
  const asked: RunAsks[] = [];
  const telling = new Set<Promise<void>>();
  setHandler(runEndedSignal, () => void (isOver = true));
  setHandler(runAsksSignal, (asks) => void asked.push(asks));

  const tellAsked = (): void => {
    for (const asks of asked.splice(0)) {
      const key = `${asks.run} ${asks.number}`;
      if (told.has(key)) continue;
      told.add(key);
      const one = webhookActivities
        .deliverWebhook({ watch, run, event: { type: ASKS, ...asks } })
        .then((came) => void (delivered += came === 'delivered' ? 1 : 0))
        // It is found in the history; the end is told all the same.
        .catch(() => undefined)
        .finally(() => telling.delete(one));
      telling.add(one);
    }
  };

  for (;;) {
    // What ended before anybody watched, or without being able to tell, is found by looking.
    const seen: WatchedRun | undefined = isOver ? undefined : await watchActivities.lookAtRun({ watch, run });
    if (!seen && !isOver) return delivered;
    isOver ||= seen?.isOver ?? false;
    asked.push(...(seen?.asks ?? []));
    tellAsked();
    if (isOver) break;
    const until = Date.now() + lookAfterMs(looks);
    looks += 1;
    while (!isOver && Date.now() < until) {
      await condition(() => isOver || asked.length > 0, until - Date.now());
      tellAsked();
    }
    if (workflowInfo().continueAsNewSuggested && telling.size === 0 && !isOver)
      return await continueAsNew<typeof callerWebhook>({ ...input, carried: { looks, told: [...told] } });
  }
  const came = await webhookActivities.deliverWebhook({ watch, run, event: { type: ENDED } });
  await Promise.all(telling);
  return delivered + (came === 'delivered' ? 1 : 0);
}

/** One that is not there need not know: it looks by itself once it is. @param to id of the workflow that watches the run */
export async function tellAsks(to: string, asks: RunAsks): Promise<void> {
  await CancellationScope.nonCancellable(() =>
    getExternalWorkflowHandle(to)
      .signal(runAsksSignal, asks)
      .catch(() => undefined),
  );
}
