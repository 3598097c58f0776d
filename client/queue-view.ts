// A queue as its workflows tell it: what waits, what has a place, and how long a run that came now would wait.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { QUERY_NAMES, queueId } from '../workflows/contract/names';
import type { QueueView } from '../workflows/contract/queue';
import { ClientError } from './errors';
import { isUnanswered } from './unanswered';

/** A worker answers in milliseconds, and takes over from one that has just died within three seconds. */
const QUERY_MS = 6_000;

/** @returns one for each shard that was asked for anything yet @throws ClientError `no-worker` where none answers: then nobody knows */
export async function queueViews(
  temporal: Client,
  { taskQueue, queue, shards }: { taskQueue: string; queue: string; shards: number },
): Promise<QueueView[]> {
  const views = await Promise.all(
    Array.from({ length: shards }, (_, shard) => viewOf(temporal, queueId(taskQueue, queue, shard), queue)),
  );
  return views.flatMap((view) => view ?? []);
}

async function viewOf(temporal: Client, workflowId: string, queue: string): Promise<QueueView | undefined> {
  const handle = temporal.workflow.getHandle(workflowId);
  try {
    return await temporal.connection.withDeadline(Date.now() + QUERY_MS, () =>
      handle.query<QueueView, [number]>(QUERY_NAMES.queue, Date.now()),
    );
  } catch (error) {
    // Nothing has been asked of it.
    if (error instanceof WorkflowNotFoundError) return undefined;
    if (!isUnanswered(error)) throw error;
    const message = `no worker answered for the queue "${queue}". Start one: "longhaul dev" or "longhaul worker".`;
    throw new ClientError('no-worker', message, { cause: error });
  }
}
