// Queues: what waits in them, what has a place, and how long a run that came now would wait. They are set up by the configuration alone.
import { QUEUE_NAME } from '../../../activities/define/queue';
import { readQueueSettings } from '../../../activities/store/queue-settings';
import { allRefs } from '../../../activities/store';
import { queuesOf } from '../../../activities/store/ref-names';
import type { QueueCounts, QueueSettings, QueueView } from '../../../workflows/contract/queue';
import { queueViews } from '../../queue-view';
import { seesTenant, type Caller } from '../caller';
import { Problem } from '../problem';
import { queueNameShape, queueShape, queuesShape, type ShownQueue } from '../queue-shapes';
import { defineRoute, type ApiDeps } from '../route';
import { shownDegraded } from '../run-status';

async function shownQueue(
  { temporal, taskQueue }: ApiDeps,
  caller: Caller,
  { name, settings }: { name: string; settings: QueueSettings },
): Promise<ShownQueue> {
  const { depth, concurrency, ttlMs, shards } = settings;
  const views = await queueViews(temporal, { taskQueue, queue: name, shards });
  const oldest = Math.min(...views.map(({ oldestAt = Infinity }) => oldestAt));
  const served = views.flatMap(({ serviceMs }) => serviceMs ?? []);
  // Of several shards which one takes a run follows from its id.
  const waits = views.flatMap(({ wait }) => wait ?? []);
  const isKnown = views.length > 0 && waits.length === views.length;
  const [most] = views.flatMap(({ degraded }) => degraded ?? []).sort((one, other) => other.above - one.above);
  return {
    ...{ name, depth, concurrency },
    ...(ttlMs === undefined ? {} : { ttlMs }),
    waiting: sum(views, (view) => view.depth),
    running: sum(views, (view) => view.running),
    ...(oldest === Infinity ? {} : { oldestAt: oldest }),
    ...(served.length === 0 ? {} : { serviceMs: served.reduce((all, one) => all + one, 0) / served.length }),
    ...(isKnown
      ? {
          wait: {
            fromMs: Math.min(...waits.map(({ fromMs }) => fromMs)),
            toMs: Math.max(...waits.map(({ toMs }) => toMs)),
          },
        }
      : {}),
    ...(most ? { degraded: shownDegraded(most) } : {}),
    tenants: tenantsOf(views, caller),
    counts: countsOf(views),
  };
}

const sum = (views: readonly QueueView[], of: (view: QueueView) => number): number =>
  views.reduce((all, view) => all + of(view), 0);

function tenantsOf(views: readonly QueueView[], caller: Caller): ShownQueue['tenants'] {
  const found = new Map<string, ShownQueue['tenants'][number]>();
  for (const { tenant, priority, count } of views.flatMap(({ waiting }) => waiting)) {
    if (!seesTenant(caller, tenant)) continue;
    const key = JSON.stringify([tenant, priority]);
    found.set(key, { tenant, priority, waiting: (found.get(key)?.waiting ?? 0) + count });
  }
  return [...found.values()];
}

const NONE: QueueCounts = {
  ...{ accepted: 0, refused: 0, begun: 0, expired: 0, withdrawn: 0, degraded: 0, within: 0, told: 0 },
};
const countsOf = (views: readonly QueueView[]): QueueCounts =>
  views.reduce<QueueCounts>(
    (all, { counts }) => ({
      accepted: all.accepted + counts.accepted,
      refused: all.refused + counts.refused,
      begun: all.begun + counts.begun,
      expired: all.expired + counts.expired,
      withdrawn: all.withdrawn + counts.withdrawn,
      degraded: all.degraded + counts.degraded,
      within: all.within + counts.within,
      told: all.told + counts.told,
    }),
    NONE,
  );

const listRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/queues',
    group: 'queues',
    summary: 'The queues in which runs wait for a place',
    scopes: ['read'],
    answers: { 200: { description: 'By name.', schema: { name: 'Queues', shape: queuesShape } } },
  },
  async ({ caller, deps }) => {
    const prefix = queuesOf(deps.taskQueue);
    const names = (await allRefs(deps.store, prefix)).map(({ name }) => decodeURIComponent(name.slice(prefix.length)));
    const found = await Promise.all(
      names.map(async (name) => ({ name, settings: await readQueueSettings(deps.store, deps.taskQueue, name) })),
    );
    const queues = await Promise.all(
      found.flatMap(({ name, settings }) => (settings ? [shownQueue(deps, caller, { name, settings })] : [])),
    );
    return { status: 200, body: { queues } };
  },
);

const getRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/queues/{name}',
    group: 'queues',
    summary: 'One queue, as it stands',
    description: 'Where one run stands GET /v1/runs/{id} says.',
    scopes: ['read'],
    params: queueNameShape,
    answers: { 200: { description: 'The queue.', schema: { name: 'Queue', shape: queueShape } } },
  },
  async ({ params: { name }, caller, deps }) => {
    const settings = QUEUE_NAME.test(name) ? await readQueueSettings(deps.store, deps.taskQueue, name) : undefined;
    if (!settings) throw new Problem('Queue.NotFound', `there is no queue "${name.slice(0, 80)}".`);
    return { status: 200, body: await shownQueue(deps, caller, { name, settings }) };
  },
);

export const queueRoutes = [listRoute, getRoute];
