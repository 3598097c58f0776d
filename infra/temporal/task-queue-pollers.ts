// Whether anybody takes what waits in a task queue, as Temporal knows it by who has asked.
import type { Connection } from '@temporalio/client';
import { TASK_TYPES, type TaskKind } from './task-queue-backlog';

/** A worker asks its queue again at least once a minute. */
const HEARD_MS = 90_000;

/** @throws what Temporal's client throws where no server answers */
export async function isPolled(
  { workflowService }: Pick<Connection, 'workflowService'>,
  namespace: string,
  { taskQueue, kind }: { taskQueue: string; kind: TaskKind },
): Promise<boolean> {
  const { pollers } = await workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: TASK_TYPES[kind],
  });
  const heardAt = (pollers ?? []).map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000);
  return heardAt.some((at) => at + HEARD_MS > Date.now());
}
