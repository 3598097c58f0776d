// Runs are asked for of a queue's workflow, which the first request starts: the one place where that is done, by callers, by sessions and by
// workers that look after queues.
import {
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import { QUERY_NAMES, UPDATE_NAMES, WORKFLOW_TYPES, controlQueue } from '../../workflows/contract/names';
import { hasCode } from './error-reason';
import type {
  EnqueueAnswer,
  EnqueueRequest,
  FoundQueue,
  QueueInput,
  QueueItem,
  QueueState,
  WaitingRun,
} from '../../workflows/contract/queue';

/** A worker answers in milliseconds, and takes over from one that has died within a second or two; going on as new takes as long. */
const ANSWER_MS = 15_000;
/** Of a workflow that has ended: its history is read by a worker. */
const LEFT_MS = 10_000;
/** It went on as new, or was ended, between two questions: so many times in a row somebody does it on purpose. */
const ROUNDS = 5;
/** One that its worker has died with is given to another after so long; on a machine that is busy beyond measure a task takes seconds. */
const TASK_TIMEOUT = '10s';

interface Asker {
  temporal: Client;
  taskQueue: string;
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
  const left = await queueStateOf(temporal, workflow);
  const input: QueueInput = {
    schemaVersion: 1,
    queue: name,
    shard,
    settings,
    ...(left ? { carried: takenUp(left) } : {}),
  };
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
 * Runs that were being started when somebody ended the queue: nobody has told whether they were. They stand in the line once more, before all
 * others: one that was started is found.
 */
export function takenUp(state: QueueState): QueueState {
  const again = state.slots
    .filter(({ starting }) => starting)
    .map(({ run, at }): WaitingRun => ({ run, at, tenant: '', class: 0 }));
  return {
    ...state,
    slots: state.slots.filter(({ starting }) => !starting),
    // In the order of their times, as those that wait are.
    waiting: [...state.waiting, ...again].sort((one, other) => one.at - other.at),
  };
}

/**
 * Of one that has ended, too: whoever waits in a queue that somebody has ended waits in the one after it.
 * @returns undefined where there is none, its history is deleted, or no worker has ever held it
 */
export async function queueStateOf(temporal: Client, workflow: string): Promise<QueueState | undefined> {
  const handle = temporal.workflow.getHandle(workflow);
  for (let round = 1; ; round += 1) {
    try {
      return await temporal.connection.withDeadline(Date.now() + LEFT_MS, () =>
        handle.query<QueueState>(QUERY_NAMES.waiting),
      );
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      // The server asks no worker about one that ended before any had it.
      if (!(await wasHeld(handle))) return undefined;
      // Somebody else has begun the one after it since it was asked.
      if (!isEndedUnheld(error) || round === ROUNDS) throw error;
    }
  }
}

/** Of gRPC's statuses the one by which the server says so. */
const FAILED_PRECONDITION = 9;
const isEndedUnheld = (error: unknown): boolean =>
  hasCode(error, FAILED_PRECONDITION) || (error instanceof Error && hasCode(error.cause, FAILED_PRECONDITION));

async function wasHeld(handle: WorkflowHandle): Promise<boolean> {
  if ((await handle.describe()).status.name === 'RUNNING') return true;
  const { events } = await handle.fetchHistory();
  return (events ?? []).some(({ workflowTaskStartedEventAttributes: task }) => task);
}
