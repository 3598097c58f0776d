// What a scaler goes by: how much waits in the task queues of a worker, for how long, and what the worker itself is busy with. Asked for when it
// is scraped, so nothing is asked where nobody looks.
import { Gauge, type Registry } from 'prom-client';
import type { Backlog, TaskKind } from '../infra/temporal/task-queue-backlog';
import type { WorkerLoad } from './start-worker';

export interface QueueMetricsOptions {
  /** Those that this process serves. */
  queues: readonly { taskQueue: string; kind: TaskKind }[];
  /** @throws where Temporal does not answer: then nothing is said of the queue, and not that it is empty */
  backlogOf(queue: { taskQueue: string; kind: TaskKind }): Promise<Backlog>;
  /** Undefined of a process that serves toolboxes alone. */
  load(): WorkerLoad | undefined;
}

/** All gauges of one scrape are filled by one look. */
const LOOK_MS = 1_000;

/** Labels are bounded by the configuration: names of task queues, and two kinds. */
export function queueMetrics(registry: Registry, { queues, backlogOf, load }: QueueMetricsOptions): void {
  const registers = [registry];
  let looked: { at: number; found: ReturnType<typeof look> } | undefined;
  const look = async () => {
    const told = await Promise.allSettled(queues.map(async (queue) => ({ queue, backlog: await backlogOf(queue) })));
    return told.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  };
  const found = (): ReturnType<typeof look> => {
    if (!looked || looked.at + LOOK_MS < Date.now()) looked = { at: Date.now(), found: look() };
    return looked.found;
  };
  const gauge = (name: string, help: string, valueOf: (backlog: Backlog) => number): void =>
    void new Gauge({
      ...{ name, help, registers },
      labelNames: ['task_queue', 'kind'],
      async collect() {
        this.reset();
        for (const { queue, backlog } of await found())
          this.set({ task_queue: queue.taskQueue, kind: queue.kind }, valueOf(backlog));
      },
    });
  gauge(
    'agent_task_queue_backlog_tasks',
    'Tasks that wait for a worker, as Temporal counts them: steps of runs, or calls.',
    ({ tasks }) => tasks,
  );
  gauge(
    'agent_task_queue_backlog_age_seconds',
    'How long the oldest task has been waiting for a worker: 0 where none does. Add workers where it grows.',
    ({ ageSeconds }) => ageSeconds,
  );
  new Gauge({
    name: 'agent_worker_slots_used',
    help: 'What this worker has under way: steps of runs, or calls.',
    labelNames: ['kind'],
    registers,
    collect() {
      const now = load();
      if (!now) return;
      // By what is not told an alert knows that no worker takes it.
      if (now.calls !== undefined) this.set({ kind: 'calls' }, now.calls);
      if (now.steps !== undefined) this.set({ kind: 'steps' }, now.steps);
    },
  });
  new Gauge({
    name: 'agent_worker_runs_held',
    help: 'Runs that this worker has in memory.',
    registers,
    collect() {
      this.set(load()?.held ?? 0);
    },
  });
}
