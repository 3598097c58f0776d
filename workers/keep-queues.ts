// Looks after the queues of a task queue, from every worker that serves their workflows: a queue that somebody has ended is begun again with all
// that it knew, and a run that is recorded as waiting and that no queue knows of is asked for once more. Repeated, or done by several
// workers at once, it changes nothing.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { allRefs, type ContentStore } from '../activities/store';
import { publishedQueues } from '../activities/store/queue-settings';
import { OPEN_PREFIX, headsOf, runRecordName } from '../activities/store/ref-names';
import { askQueue, beginQueue, queueStateOf } from '../infra/temporal/ask-queue';
import { queueId, queueIdPrefix } from '../workflows/contract/names';
import {
  ITEMS_MOST,
  type FoundQueue,
  type QueueItem,
  type QueueSettings,
  type QueueState,
} from '../workflows/contract/queue';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { startKeeper, type Keeper } from './start-keeper';

export interface QueuePace {
  /** Whether each queue's workflow is there is asked so often, in milliseconds: one small request a shard. */
  lookMs: number;
  /** Whether each recorded run that waits is known to its queue is asked so often: the store is read for all open runs. */
  sweepMs: number;
  /** A run that was recorded so lately is still being asked for by its caller. */
  settledMs: number;
}

export const QUEUE_PACE: QueuePace = { lookMs: 15_000, sweepMs: 600_000, settledMs: 60_000 };
/** Each takes Temporal or the store some milliseconds. */
const AT_ONCE = 16;

export interface QueueKeeperOptions {
  temporal: Client;
  store: ContentStore;
  taskQueue: string;
  pace?: QueuePace;
}

export function startQueueKeeper(options: QueueKeeperOptions): Keeper {
  const { temporal, pace = QUEUE_PACE } = options;
  let sweptAt = -Infinity;
  return startKeeper({
    ...{ temporal, what: 'queues', lookMs: pace.lookMs },
    look: async () => {
      const isSweep = sweptAt + pace.sweepMs <= Date.now();
      await lookAfter(options, isSweep);
      if (isSweep) sweptAt = Date.now();
    },
  });
}

/** @param isSweep whether the store is read for runs that no queue knows of, too */
export async function lookAfter(options: QueueKeeperOptions, isSweep: boolean): Promise<void> {
  const published = await publishedQueues(options.store, options.taskQueue);
  for (const { name, settings } of published) {
    for (let shard = 0; shard < settings.shards; shard += 1) {
      const workflow = queueId(options.taskQueue, name, shard);
      if ((await standingOf(options, workflow)) === 'ended')
        await beginQueue(options, { name, shard, workflow, settings }, []);
    }
  }
  if (!isSweep) return;
  const settingsOf = new Map(published.map(({ name, settings }) => [name, settings]));
  for (const waiting of await waitingByQueue(options)) await takeUp(options, waiting, settingsOf);
}

async function standingOf({ temporal }: QueueKeeperOptions, workflow: string): Promise<'open' | 'ended' | 'unknown'> {
  try {
    const { status } = await temporal.workflow.getHandle(workflow).describe();
    return status.name === 'RUNNING' ? 'open' : 'ended';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'unknown';
    throw error;
  }
}

interface Waiting {
  /** Id of the queue's workflow. */
  workflow: string;
  name: string;
  records: RunRecord[];
}

/** Runs whose records say that they wait, or have begun and not ended. */
async function waitingByQueue({ store, taskQueue, pace = QUEUE_PACE }: QueueKeeperOptions): Promise<Waiting[]> {
  const before = Date.now() - pace.settledMs;
  const found = new Map<string, Waiting>();
  const ids = (await allRefs(store, OPEN_PREFIX)).map(({ name }) => decodeURIComponent(name.slice(OPEN_PREFIX.length)));
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const refs = await Promise.all(ids.slice(at, at + AT_ONCE).map((id) => store.readRef(runRecordName(id))));
    for (const ref of refs) {
      const record = runRecordSchema.safeParse(ref?.value).data;
      if (!record?.queue || record.ended || record.erased || record.startedAt > before) continue;
      const { name, workflow } = record.queue;
      if (!workflow.startsWith(queueIdPrefix(taskQueue))) continue;
      const waiting = found.get(workflow) ?? { workflow, name, records: [] };
      waiting.records.push(record);
      found.set(workflow, waiting);
    }
  }
  return [...found.values()];
}

/** Its workflow may be one that no shard of today is: then it is there until it is empty. */
async function takeUp(
  options: QueueKeeperOptions,
  { workflow, name, records }: Waiting,
  settingsOf: ReadonlyMap<string, QueueSettings>,
): Promise<void> {
  const state = await queueStateOf(options.temporal, workflow);
  const settings = settingsOf.get(name) ?? state?.settings;
  // Nobody says any more how many of them may begin: a worker that has the queue in its configuration does.
  if (!settings) return;
  const shard = Number(workflow.slice(workflow.lastIndexOf('/') + 1));
  const queue: FoundQueue = { name, shard, workflow, settings };
  const lost = await lostOf(options, records, state);
  if (lost.length === 0 && state && (await standingOf(options, workflow)) === 'ended')
    await beginQueue(options, queue, []);
  for (let at = 0; at < lost.length; at += ITEMS_MOST) {
    const items = lost.slice(at, at + ITEMS_MOST).map(({ id, tenant, queue: of }): QueueItem => ({
      ...{ run: id, tenant },
      priority: of?.priority ?? 'normal',
    }));
    // One that is full takes them at a later look.
    await askQueue(options, queue, items);
  }
}

/** Oldest first, so that they wait in the order in which they were asked for. */
async function lostOf(
  options: QueueKeeperOptions,
  records: readonly RunRecord[],
  state: QueueState | undefined,
): Promise<RunRecord[]> {
  const known = new Set([
    ...[state?.waiting ?? [], state?.slots ?? [], state?.leaving ?? []].flat().map(({ run }) => run),
    ...(state?.gone ?? []),
  ]);
  const unknown = records.filter(({ id }) => !known.has(id));
  const lost: RunRecord[] = [];
  for (let at = 0; at < unknown.length; at += AT_ONCE) {
    const some = unknown.slice(at, at + AT_ONCE);
    const isLost = await Promise.all(some.map(({ id }) => hasNeverBegun(options, id)));
    lost.push(...some.filter((_, nth) => isLost[nth]));
  }
  return lost.sort((one, other) => one.startedAt - other.startedAt);
}

/** One that somebody has deleted from Temporal is not run a second time. */
async function hasNeverBegun(options: QueueKeeperOptions, run: string): Promise<boolean> {
  if ((await standingOf(options, run)) !== 'unknown') return false;
  return (await options.store.listRefs(headsOf(run), { limit: 1 })).length === 0;
}
