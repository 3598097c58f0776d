// Runs are asked for of a queue's workflow, which the first request starts: the one place where that is done, by callers, by sessions and by
// workers that look after queues.
import { createHash } from 'node:crypto';
import { WithStartWorkflowOperation, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { QUERY_NAMES, UPDATE_NAMES, WORKFLOW_TYPES, controlQueue, queueId } from '../../workflows/contract/names';
import type {
  EnqueueAnswer,
  EnqueueRequest,
  QueueInput,
  QueueItem,
  QueueSettings,
  QueueState,
} from '../../workflows/contract/queue';

/** A worker answers in milliseconds, and takes over from one that has died within a second or two; going on as new takes as long. */
const ANSWER_MS = 15_000;
/** Of a workflow that has ended: its history is read by a worker. */
const LEFT_MS = 10_000;
/** It went on as new, or was ended, between two questions: so many times in a row somebody does it on purpose. */
const ROUNDS = 5;
/** One that its worker has died with is given to another after so long; on a machine that is busy beyond measure a task takes seconds. */
const TASK_TIMEOUT = '10s';

export interface FoundQueue {
  name: string;
  shard: number;
  /** Id of its workflow. */
  workflow: string;
  settings: QueueSettings;
}

interface Asker {
  temporal: Client;
  taskQueue: string;
}

/** The part of a queue that takes a run: the same run always comes to the same one, whoever asks for it. */
export function partOf(
  taskQueue: string,
  { name, settings }: Pick<FoundQueue, 'name' | 'settings'>,
  run: string,
): FoundQueue {
  const { shards } = settings;
  const shard = shards === 1 ? 0 : createHash('sha256').update(run).digest().readUInt32BE(0) % shards;
  return { name, shard, workflow: queueId(taskQueue, name, shard), settings };
}

type QueueWorkflow = (input: QueueInput) => Promise<never>;

/**
 * Asked twice for the same runs it answers alike, so whatever is not known to be taken is asked again.
 * @throws what Temporal's client throws where no server or worker answers
 */
export async function askQueue(asker: Asker, queue: FoundQueue, items: QueueItem[]): Promise<EnqueueAnswer[]> {
  const { temporal } = asker;
  const handle = temporal.workflow.getHandle(queue.workflow);
  const args: [EnqueueRequest] = [{ settings: queue.settings, items }];
  for (let round = 1; ; round += 1) {
    try {
      return await temporal.connection.withDeadline(Date.now() + ANSWER_MS, () =>
        handle.executeUpdate<EnqueueAnswer[], [EnqueueRequest]>(UPDATE_NAMES.enqueue, { args }),
      );
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError) || round === ROUNDS) throw error;
    }
    const begun = await beginQueue(asker, queue, items);
    if (begun) return begun;
  }
}

/**
 * The workflow of a queue whose one before has ended, or never was. One that goes on meanwhile is asked.
 * @returns undefined where it has ended again meanwhile
 */
export async function beginQueue(
  { temporal, taskQueue }: Asker,
  { name, shard, workflow, settings }: FoundQueue,
  items: QueueItem[],
): Promise<EnqueueAnswer[] | undefined> {
  const args: [EnqueueRequest] = [{ settings, items }];
  const carried = await queueStateOf(temporal, workflow);
  const input: QueueInput = { schemaVersion: 1, queue: name, shard, settings, ...(carried ? { carried } : {}) };
  const startWorkflowOperation = new WithStartWorkflowOperation<QueueWorkflow>(WORKFLOW_TYPES.runQueue, {
    workflowId: workflow,
    taskQueue: controlQueue(taskQueue),
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowTaskTimeout: TASK_TIMEOUT,
    args: [input],
    staticSummary: settings.shards === 1 ? `queue ${name}` : `queue ${name}, shard ${shard}`,
  });
  try {
    return await temporal.connection.withDeadline(Date.now() + ANSWER_MS, () =>
      temporal.workflow.executeUpdateWithStart<QueueWorkflow, EnqueueAnswer[], [EnqueueRequest]>(UPDATE_NAMES.enqueue, {
        args,
        startWorkflowOperation,
      }),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/**
 * Of one that has ended, too: whoever waits in a queue that somebody has ended waits in the one after it.
 * @returns undefined where there is none, or its history is deleted
 */
export async function queueStateOf(temporal: Client, workflow: string): Promise<QueueState | undefined> {
  try {
    return await temporal.connection.withDeadline(Date.now() + LEFT_MS, () =>
      temporal.workflow.getHandle(workflow).query<QueueState>(QUERY_NAMES.waiting),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
