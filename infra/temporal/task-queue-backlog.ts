// How much waits in a task queue, as Temporal counts it.
import type { Connection } from '@temporalio/client';

/** What a task queue holds: `steps` of runs, or the `calls` that they ask for. */
export type TaskKind = 'steps' | 'calls';

export interface Backlog {
  /** Counted approximately by the server. What is handed to a waiting worker at once is never among them. */
  tasks: number;
  /** Of the oldest: 0 where nothing waits. */
  ageSeconds: number;
}

/** Of Temporal's TaskQueueType. */
export const TASK_TYPES: Readonly<Record<TaskKind, number>> = { steps: 1, calls: 2 };
const NANOS = 1e9;

/** @throws what Temporal's client throws where no server answers */
export async function backlogOf(
  { workflowService }: Pick<Connection, 'workflowService'>,
  namespace: string,
  { taskQueue, kind }: { taskQueue: string; kind: TaskKind },
): Promise<Backlog> {
  const { stats } = await workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: TASK_TYPES[kind],
    reportStats: true,
  });
  const age = stats?.approximateBacklogAge;
  return {
    tasks: Number(stats?.approximateBacklogCount ?? 0),
    ageSeconds: Number(age?.seconds ?? 0) + (age?.nanos ?? 0) / NANOS,
  };
}
