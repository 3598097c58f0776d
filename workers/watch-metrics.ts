// What a process finds of agents that behave otherwise than they did: counted, and a line in the log.
import { Runtime } from '@temporalio/worker';
import type { ControlDeps, WebhookDeps } from '../activities';
import type { ReleaseSeries } from './release-series';

export function watchMetrics(
  series: ReleaseSeries,
  { webhookCame }: Required<Pick<WebhookDeps, 'webhookCame'>>,
): Required<Pick<ControlDeps, 'anomalyFound' | 'findingTold'>> {
  const found = series.counter({
    name: 'agent_anomalies_found_total',
    help: 'Findings: an agent behaves otherwise than it did, or one of its runs otherwise than the others. Alert on any.',
    labels: ['metric', 'direction'],
  });
  return {
    anomalyFound: (finding) => {
      const { id, agent, release, metric, direction, before, after, also = [], runs } = finding;
      const [first] = runs;
      found({ agent, release }, { metric, direction }, 1, first && { tenant: first.tenant, run: first.id });
      Runtime.instance().logger.warn('an agent behaves otherwise than it did', {
        ...{ finding: id, agent, release, metric, direction, before, after },
        ...(also.length > 0 ? { also: also.map((part) => `${part.metric} ${part.direction}`).join(', ') } : {}),
        runs: runs.map((run) => run.id).join(' '),
      });
    },
    findingTold: ({ id, agent, metric }, { isTaken, isGivenUp, status }) => {
      webhookCame({ event: 'finding', isGivenUp, ...(isTaken ? {} : { failure: 'Webhook.Undelivered' }) });
      if (isTaken) return;
      Runtime.instance().logger.warn('the webhook of findings has not taken one', {
        ...{ finding: id, agent, metric, isGivenUp, came: status ?? 'no answer' },
      });
    },
  };
}
