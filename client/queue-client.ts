// How callers reach queues: by updates to their workflows. What comes within one update's time goes with the next: a burst of a thousand runs
// is a few updates, and there is never more than one on its way from one process to one workflow.
import type { Client } from '@temporalio/client';
import { partOf, readQueueSettings } from '../activities/store/queue-settings';
import type { ContentStore } from '../activities/store/port';
import { askQueue } from '../infra/temporal/ask-queue';
import {
  ITEMS_MOST,
  type EnqueueAnswer,
  type FoundQueue,
  type QueueItem,
  type QueueSettings,
} from '../workflows/contract/queue';
import { ClientError } from './errors';
import { isUnanswered } from './unanswered';

/** Settings are read again after so long. */
const SETTINGS_MS = 500;

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
          { temporal, taskQueue },
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
      return partOf(taskQueue, { name, settings }, run);
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

/** @throws ClientError `no-worker` */
async function ask(
  options: { temporal: Client; taskQueue: string },
  queue: FoundQueue,
  items: QueueItem[],
): Promise<EnqueueAnswer[]> {
  try {
    return await askQueue(options, queue, items);
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    const message = `no worker answered for the queue "${queue.name}". Start one: "longhaul dev" or "longhaul worker".`;
    throw new ClientError('no-worker', message, { cause: error });
  }
}
