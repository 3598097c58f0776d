// What a scrape of this process tells beyond what it has counted: task queues, queues, quotas, what waits for people, and who answers.
import { createServer } from 'node:net';
import { allRefs } from '../../activities/store';
import { INBOX_PREFIX } from '../../activities/store/ref-names';
import { rolloutsUnderWay } from '../../activities/store/rollouts';
import { backlogOf } from '../../infra/temporal/task-queue-backlog';
import type { Settings } from '../../workers/config';
import { deploymentMetrics, type DeploymentMetricsOptions } from '../../workers/deployment-metrics';
import { queueMetrics, type QueueMetricsOptions } from '../../workers/queue-metrics';
import { stateMetrics, type StateMetricsOptions } from '../../workers/state-metrics';
import { standingOf } from '../deployments';
import { queueViews } from '../queue-view';
import { quotaViews } from '../quota-views';
import { stillAsked } from '../still-asked';
import type { Host } from './host';

/** No record has this name: that the store says so is what is asked for. */
const PROBE = 'probe';
/** Whose records are read for one scrape: of more than that the rest is not told. */
const ASKED_MOST = 1_000;

export interface ScrapedOptions {
  settings: Settings;
  taskQueue: string;
  queues: QueueMetricsOptions['queues'];
  /** That this process belongs to. */
  deployment?: string;
}

/** Once for each process that serves its metrics. */
export function tellState(host: Host, { settings, taskQueue, queues, deployment }: ScrapedOptions): void {
  const { served, namespace, temporal } = host;
  if (!served) return;
  const { registry } = served.metrics;
  const { connection } = temporal;
  queueMetrics(registry, {
    queues,
    backlogOf: (queue) => backlogOf(connection, namespace, queue),
    load: () => served.worker.load(),
  });
  stateMetrics(registry, stateOf(host, settings, taskQueue));
  if (deployment !== undefined)
    deploymentMetrics(registry, { deployment: () => standingDeployment(host, taskQueue, deployment) });
}

async function standingDeployment(
  { temporal }: Host,
  taskQueue: string,
  name: string,
): ReturnType<DeploymentMetricsOptions['deployment']> {
  const { deployments, routing } = await standingOf({ temporal, taskQueue }, name);
  const builds = deployments.find((one) => one.name === name)?.builds ?? [];
  return {
    name,
    takesNewRuns: routing.current?.deployment === name,
    builds: builds.map(({ build, state, runs, workers }) => ({ build, state, runs, workers: workers.steps })),
  };
}

/** @throws with the reason where Temporal or the store does not answer */
export async function checkReach({ temporal, store }: Host): Promise<void> {
  await Promise.all([temporal.connection.workflowService.getSystemInfo({}), store.readRef(PROBE)]);
}

function stateOf({ temporal, store }: Host, settings: Settings, taskQueue: string): StateMetricsOptions {
  return {
    approvals: async () => {
      const entries = (await allRefs(store, INBOX_PREFIX)).slice(0, ASKED_MOST);
      const asked = await Promise.all(entries.map(({ value }) => stillAsked(store, value)));
      return asked.flatMap((one) => {
        if (!one) return [];
        const { agent, release, request } = one.record;
        return [{ agent, release, askedAt: request.askedAt }];
      });
    },
    rollouts: async () =>
      (await rolloutsUnderWay(store)).map(({ agent, release, steps, paused }) => ({
        ...{ agent, release, share: steps.at(-1)?.share ?? 0 },
        ...(paused ? { pausedAt: paused.at } : {}),
      })),
    queues: () =>
      Promise.all(
        Object.entries(settings.queues).map(async ([queue, { depth, shards }]) => ({
          ...{ queue, depth },
          views: await queueViews(temporal, { taskQueue, queue, shards }),
        })),
      ),
    quotas: async () => {
      const routes = Object.entries(settings.quotas).map(([route, { key, limits }]) => ({ route, key, limits }));
      const shown = await quotaViews({ temporal, taskQueue }, { routes });
      return shown.flatMap(({ route, view }) => (view ? [{ model: route, view }] : []));
    },
    temporal: () => temporal.connection.workflowService.getSystemInfo({}),
    store: async () => {
      await store.readRef(PROBE);
      return true;
    },
  };
}

/**
 * Settings under which Temporal's Core counts too: its metrics are told with ours.
 * @returns them as they are where it has an address, or nobody scrapes
 */
export async function withCoreMetrics(settings: Settings, isScraped: boolean): Promise<Settings> {
  if (!isScraped || settings.process.coreMetricsAddress !== undefined) return settings;
  const coreMetricsAddress = `127.0.0.1:${await freePort()}`;
  return { ...settings, process: { ...settings.process, coreMetricsAddress } };
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound ? bound.port : 0));
    });
  });
