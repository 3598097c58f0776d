// What a process finds of agents that behave otherwise than they did: counted, and a line in the log.
import { Runtime } from '@temporalio/worker';
import { Counter, type Registry } from 'prom-client';
import type { ControlDeps } from '../activities';

export function watchMetrics(registers: Registry[]): Required<Pick<ControlDeps, 'anomalyFound'>> {
  const found = new Counter({
    name: 'agent_anomalies_found_total',
    help: 'Findings: an agent behaves otherwise than it did, or one of its runs otherwise than the others. Alert on any.',
    labelNames: ['agent', 'release', 'metric', 'direction'],
    registers,
  });
  return {
    anomalyFound: (finding) => {
      const { id, agent, release, metric, direction, before, after, runs } = finding;
      found.inc({ agent, release, metric, direction });
      Runtime.instance().logger.warn('an agent behaves otherwise than it did', {
        ...{ finding: id, agent, release, metric, direction, before, after },
        runs: runs.map((run) => run.id).join(' '),
      });
    },
  };
}
