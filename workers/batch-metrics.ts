// What a process counts of calls that tasks share.
import { Counter, Histogram, type Registry } from 'prom-client';
import type { ActivityMetrics } from '../activities';

const TASK_BUCKETS = [1, 2, 5, 10, 15, 20, 30, 50, 100];

export function batchMetrics(registers: Registry[]): Pick<ActivityMetrics, 'batchSent' | 'askedAlone'> {
  const batches = new Histogram({
    name: 'agent_batch_size',
    help: 'Tasks of one model call, of agents that batch: 1 where nothing joined in time.',
    labelNames: ['agent'],
    buckets: TASK_BUCKETS,
    registers,
  });
  const alone = new Counter({
    name: 'agent_batch_asked_alone_total',
    help: 'Tasks of shared calls that were asked again by themselves: missing, duplicated, invalid, or no-answer for the whole call.',
    labelNames: ['agent', 'reason'],
    registers,
  });
  return {
    batchSent: (agent, tasks) => batches.observe({ agent }, tasks),
    askedAlone: (agent, reason) => alone.inc({ agent, reason }),
  };
}
