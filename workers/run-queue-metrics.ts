// What a process sees of the queues whose runs it starts.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ControlDeps } from '../activities';

/**
 * Where a queue has runs under way, one of its workers is asked about them within a minute. Whoever has seen nothing of it for longer than this
 * leaves it to others, or it is empty: a last value would stand there for ever.
 */
const KEPT_MS = 150_000;

export function runQueueMetrics(
  registers: Registry[],
  now: () => number = Date.now,
): Required<Pick<ControlDeps, 'queueSeen'>> {
  const labelNames = ['queue', 'shard'] as const;
  const seen = new Map<string, { queue: string; shard: number; at: number }>();
  const forget = (gauge: Gauge<'queue' | 'shard'>): void => {
    for (const { queue, shard, at } of seen.values()) if (at + KEPT_MS < now()) gauge.remove({ queue, shard });
  };
  const waiting = new Gauge({
    name: 'agent_queue_waiting',
    help: 'Runs that wait for a place, when runs were started last or asked about. Alert where it stays near the depth.',
    labelNames,
    registers,
    collect() {
      forget(this);
    },
  });
  const running = new Gauge({
    name: 'agent_queue_running',
    help: 'Runs that have a place, when runs were started last or asked about.',
    labelNames,
    registers,
    collect() {
      forget(this);
    },
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
      seen.set(`${queue}/${shard}`, { queue, shard, at: now() });
      waiting.set({ queue, shard }, waits);
      running.set({ queue, shard }, runs);
      if (change?.begun) begun.inc({ queue, degraded: 'no' }, change.begun);
      if (change?.degraded) begun.inc({ queue, degraded: 'yes' }, change.degraded);
      for (const failure of change?.left ?? []) left.inc({ queue, failure });
    },
  };
}
