// How callers reach queues: by updates to their workflows, each of which the first request starts. What comes within one update's time goes with
// the next: a burst of a thousand runs is a few updates, and there is never more than one on its way from one process to one workflow.
import { createHash } from 'node:crypto';
import {
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import { readQueueSettings } from '../activities/store/queue-settings';
import type { ContentStore } from '../activities/store/port';
import { QUERY_NAMES, UPDATE_NAMES, WORKFLOW_TYPES, controlQueue, queueId } from '../workflows/contract/names';
import {
  ITEMS_MOST,
  type EnqueueAnswer,
  type EnqueueRequest,
  type QueueInput,
  type QueueItem,
  type QueueSettings,
  type QueueState,
} from '../workflows/contract/queue';
import { ClientError } from './errors';
import { isUnanswered } from './unanswered';

/** Settings are read again after so long. */
const SETTINGS_MS = 500;
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

export interface QueueClient {
  /** The queue, and which part of it takes the run. @throws ClientError `misconfigured` where no worker has published it */
  find(queue: string, run: string): Promise<FoundQueue>;
  /** @throws ClientError `no-worker`, and what Temporal's client throws */
  enqueue(queue: FoundQueue, item: QueueItem): Promise<EnqueueAnswer>;
}

interface Asked {
  item: QueueItem;
  settle(answer: EnqueueAnswer): void;
  fail(error: unknown): void;
}

export function createQueueClient(options: { temporal: Client; store: ContentStore; taskQueue: string }): QueueClient {
  const { temporal, store, taskQueue } = options;
  const settingsOf = createSettingsCache(store, taskQueue);
  const lines = new Map<string, Asked[]>();
  const send = async (queue: FoundQueue, line: Asked[]): Promise<void> => {
    while (line.length > 0) {
      const batch = line.splice(0, ITEMS_MOST);
      try {
        const answers = await ask(
          temporal,
          taskQueue,
          queue,
          batch.map(({ item }) => item),
        );
        batch.forEach(({ settle, fail }, nth) => {
          const answer = answers[nth];
          if (answer) settle(answer);
          else fail(new Error(`queue ${queue.name} answered for ${answers.length} of ${batch.length} runs.`));
        });
      } catch (error) {
        for (const { fail } of batch) fail(error);
      }
    }
    lines.delete(queue.workflow);
  };
  return {
    find: async (name, run) => {
      const settings = await settingsOf(name);
      if (!settings)
        throw new ClientError(
          'misconfigured',
          `no worker has published the queue "${name}" yet: start one whose longhaul.config.ts has it.`,
        );
      const shard = shardOf(run, settings.shards);
      return { name, shard, workflow: queueId(taskQueue, name, shard), settings };
    },
    enqueue: (queue, item) =>
      new Promise((settle, fail) => {
        const line = lines.get(queue.workflow);
        const asked: Asked = { item, settle, fail };
        if (line) {
          line.push(asked);
          return;
        }
        const begun = [asked];
        lines.set(queue.workflow, begun);
        // Those that are asked for in the same breath go together.
        setImmediate(() => void send(queue, begun));
      }),
  };
}

function createSettingsCache(store: ContentStore, taskQueue: string) {
  const known = new Map<string, { at: number; settings: Promise<QueueSettings | undefined> }>();
  return (queue: string): Promise<QueueSettings | undefined> => {
    const kept = known.get(queue);
    if (kept && kept.at + SETTINGS_MS > Date.now()) return kept.settings;
    const settings = readQueueSettings(store, taskQueue, queue);
    known.set(queue, { at: Date.now(), settings });
    settings.catch(() => known.delete(queue));
    return settings;
  };
}

/** The same run always comes to the same shard, whoever asks for it. */
const shardOf = (run: string, shards: number): number =>
  shards === 1 ? 0 : createHash('sha256').update(run).digest().readUInt32BE(0) % shards;

type QueueWorkflow = (input: QueueInput) => Promise<never>;

/** Asked twice for the same runs it answers alike, so whatever is not known to be taken is asked again. */
async function ask(
  temporal: Client,
  taskQueue: string,
  queue: FoundQueue,
  items: QueueItem[],
): Promise<EnqueueAnswer[]> {
  const handle = temporal.workflow.getHandle(queue.workflow);
  const args: [EnqueueRequest] = [{ settings: queue.settings, items }];
  try {
    for (let round = 1; ; round += 1) {
      try {
        return await temporal.connection.withDeadline(Date.now() + ANSWER_MS, () =>
          handle.executeUpdate<EnqueueAnswer[], [EnqueueRequest]>(UPDATE_NAMES.enqueue, { args }),
        );
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError) || round === ROUNDS) throw error;
      }
      const begun = await begin(temporal, taskQueue, queue, args);
      if (begun) return begun;
    }
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    const message = `no worker answered for the queue "${queue.name}". Start one: "longhaul dev" or "longhaul worker".`;
    throw new ClientError('no-worker', message, { cause: error });
  }
}

/** @returns undefined where it has ended again meanwhile */
async function begin(
  temporal: Client,
  taskQueue: string,
  { name, shard, workflow, settings }: FoundQueue,
  args: [EnqueueRequest],
): Promise<EnqueueAnswer[] | undefined> {
  const left = await leftBy(temporal.workflow.getHandle(workflow), temporal);
  const input: QueueInput = { schemaVersion: 1, queue: name, shard, settings, ...left };
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

/** Whoever waits in a queue that somebody has ended waits in the one after it. Nobody does where its history is deleted. */
async function leftBy(before: WorkflowHandle, temporal: Client): Promise<Pick<QueueInput, 'carried'>> {
  try {
    const carried = await temporal.connection.withDeadline(Date.now() + LEFT_MS, () =>
      before.query<QueueState>(QUERY_NAMES.waiting),
    );
    return { carried };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return {};
    throw error;
  }
}
