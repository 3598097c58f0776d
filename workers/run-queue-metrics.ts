// What a process sees of the queues whose runs it starts.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ControlDeps } from '../activities';

export function runQueueMetrics(registers: Registry[]): Required<Pick<ControlDeps, 'queueSeen'>> {
  const labelNames = ['queue', 'shard'];
  const waiting = new Gauge({
    name: 'agent_queue_waiting',
    help: 'Runs that wait for a place, when runs were started last or asked about. Alert where it stays near the depth.',
    labelNames,
    registers,
  });
  const running = new Gauge({
    name: 'agent_queue_running',
    help: 'Runs that have a place, when runs were started last or asked about.',
    labelNames,
    registers,
  });
  const begun = new Counter({
    name: 'agent_queue_begun_total',
    help: 'Runs that were given a place; degraded: with what a step of degradation left them.',
    labelNames: ['queue', 'degraded'],
    registers,
  });
  const left = new Counter({
    name: 'agent_queue_left_total',
    help: 'Runs that left their queue without having begun, by the failure: Queue.Expired, or Run.Cancelled.',
    labelNames: ['queue', 'failure'],
    registers,
  });
  return {
    queueSeen: ({ queue, shard, waiting: waits, running: runs }, change) => {
      waiting.set({ queue, shard }, waits);
      running.set({ queue, shard }, runs);
      if (change?.begun) begun.inc({ queue, degraded: 'no' }, change.begun);
      if (change?.degraded) begun.inc({ queue, degraded: 'yes' }, change.degraded);
      for (const failure of change?.left ?? []) left.inc({ queue, failure });
    },
  };
}
