// A start through a queue: recorded first, as every start, then asked for; and taken back where the queue is full.
import type { ContentStore, RefWrite } from '../activities/store/port';
import { openRunName, runRecordName } from '../activities/store/ref-names';
import { runEntryName } from '../activities/store/run-index';
import type { FoundQueue, QueuePlace } from '../workflows/contract/queue';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';
import type { QueueClient } from './queue-client';
import { recordStart } from './start-workflow';

export type QueuedStart =
  | { kind: 'waiting'; place: QueuePlace }
  /** It has begun, or has ended; where it was started without a queue before, its record is given: it may not have begun. */
  | { kind: 'begun'; started?: RunRecord };

/** @throws ClientError `queue-full`, `id-in-use`, `no-worker` */
export async function startQueued(
  { store, queues }: { store: ContentStore; queues: QueueClient },
  record: RunRecord & Required<Pick<RunRecord, 'queue'>>,
  { objects, refs = [], found }: { objects: readonly Uint8Array[]; refs?: readonly RefWrite[]; found: FoundQueue },
): Promise<QueuedStart> {
  for (;;) {
    const known = await recordStart(store, record, { objects, refs });
    if (known?.ended) return { kind: 'begun' };
    if (known && !known.queue) return { kind: 'begun', started: known };
    // Somebody else may be taking it back at this moment: then it is recorded anew.
    if (known && !(await isAskedAgain(store, known.id))) continue;
    const { id, tenant, queue } = known ?? record;
    const answer = await queues.enqueue(known ? placeOf(found, known) : found, {
      ...{ run: id, tenant },
      priority: queue?.priority ?? 'normal',
    });
    if (answer.kind === 'begun') return { kind: 'begun' };
    if (answer.kind === 'waiting') {
      const { kind: _, ...place } = answer;
      return { kind: 'waiting', place };
    }
    if (!known) await takeBack(store, id, refs);
    throw queueFull(found.name, answer);
  }
}

function queueFull(name: string, { depth, retryAfterMs }: { depth: number; retryAfterMs: number }): ClientError {
  const seconds = Math.ceil(retryAfterMs / 1_000);
  const message = `the queue "${name}" is full: ${depth} runs wait in it. Nothing was started; try again in ${seconds} s.`;
  return new ClientError('queue-full', message, { retryAfterMs });
}

/** Where it was asked for first: the number of shards may have changed since. */
function placeOf(found: FoundQueue, { queue }: RunRecord): FoundQueue {
  if (!queue || queue.workflow === found.workflow) return found;
  const shard = Number(queue.workflow.slice(queue.workflow.lastIndexOf('/') + 1));
  return { ...found, name: queue.name, workflow: queue.workflow, shard };
}

/** @returns false where it is not there any more, or was written by somebody in between */
async function isAskedAgain(store: ContentStore, id: string): Promise<boolean> {
  const name = runRecordName(id);
  const ref = await store.readRef(name);
  const read = runRecordSchema.safeParse(ref?.value);
  if (!ref || !read.success || !read.data.queue) return false;
  if (read.data.ended) return true;
  const value = { ...read.data, queue: { ...read.data.queue, asked: read.data.queue.asked + 1 } };
  const { conflicts } = await store.commit({
    refs: [
      { op: 'compare-and-set', name, version: ref.version, value },
      { op: 'put', name: openRunName(id), value: { id } },
    ],
  });
  return conflicts.length === 0;
}

/** Only what nobody has asked for since: that may be waiting by now. */
async function takeBack(store: ContentStore, id: string, refs: readonly RefWrite[]): Promise<void> {
  const name = runRecordName(id);
  const ref = await store.readRef(name);
  const read = runRecordSchema.safeParse(ref?.value);
  if (!ref || !read.success || read.data.ended || read.data.queue?.asked !== 1) return;
  if (!(await store.deleteRef(name, ref.version))) return;
  for (const { name: stored } of refs) await store.deleteRef(stored);
  await store.deleteRef(openRunName(id));
  await store.deleteRef(runEntryName(read.data));
}
