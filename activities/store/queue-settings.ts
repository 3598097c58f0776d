// The settings of queues, which workers publish: a caller knows no configuration, and a queue's workflow reads no store.
import { createHash } from 'node:crypto';
import { queueId } from '../../workflows/contract/names';
import type { FoundQueue, QueueSettings } from '../../workflows/contract/queue';
import { publishedQueueSchema, type PublishedQueue } from '../../workflows/contract/schemas/queue';
import { allRefs } from './all-refs';
import { canonicalJson } from './canonical-json';
import type { ContentStore } from './port';
import { queueSettingsName } from './ref-names';

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

/** Undefined where no worker has published the queue, or what it has cannot be read by this version. */
export async function readQueueSettings(
  store: Pick<ContentStore, 'readRef'>,
  taskQueue: string,
  queue: string,
): Promise<QueueSettings | undefined> {
  const ref = await store.readRef(queueSettingsName(taskQueue, queue));
  const published = publishedQueueSchema.safeParse(ref?.value);
  return ref && published.success ? { ...published.data, version: ref.version } : undefined;
}

/** All that workers of the task queue have published and this version can read. */
export async function publishedQueues(
  store: ContentStore,
  taskQueue: string,
): Promise<{ name: string; settings: QueueSettings }[]> {
  const prefix = queueSettingsName(taskQueue, '');
  return (await allRefs(store, prefix)).flatMap(({ name, value, version }) => {
    const { data } = publishedQueueSchema.safeParse(value);
    return data ? [{ name: decodeURIComponent(name.slice(prefix.length)), settings: { ...data, version } }] : [];
  });
}

const textOf = (value: unknown): string => new TextDecoder().decode(canonicalJson(value));

/** What is published already is not written again: each version is another. */
export async function publishQueue(
  store: ContentStore,
  { taskQueue, queue }: { taskQueue: string; queue: string },
  settings: PublishedQueue,
): Promise<void> {
  const name = queueSettingsName(taskQueue, queue);
  const known = await store.readRef(name);
  const published = publishedQueueSchema.safeParse(known?.value);
  if (published.success && textOf(published.data) === textOf(settings)) return;
  // Of several workers that start at once with different settings any one may be the last.
  await store.commit({ refs: [{ op: 'put', name, value: settings }] });
}
