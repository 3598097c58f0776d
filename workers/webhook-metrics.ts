// What a process sees of the webhooks that it delivers.
import { Counter, type Registry } from 'prom-client';
import type { WebhookDeps } from '../activities';

export function webhookMetrics(registers: Registry[]): Required<Pick<WebhookDeps, 'webhookCame'>> {
  const attempts = new Counter({
    name: 'agent_webhook_attempts_total',
    help: 'Attempts to tell a caller of a run, or the webhook of the watch of a finding, by event and by what came of them: delivered, or the failure.',
    labelNames: ['event', 'came'],
    registers,
  });
  const givenUp = new Counter({
    name: 'agent_webhooks_given_up_total',
    help: 'Events that nobody tries to tell any more, though nobody was told. Alert on any.',
    labelNames: ['event', 'failure'],
    registers,
  });
  return {
    webhookCame: ({ event, failure, isGivenUp }) => {
      attempts.inc({ event, came: failure ?? 'delivered' });
      if (failure !== undefined && isGivenUp) givenUp.inc({ event, failure });
    },
  };
}
