// Who takes what waits in a task queue, as Temporal knows it by who has asked, and where its new runs begin.
import type { Connection } from '@temporalio/client';
import { TASK_TYPES, type TaskKind } from './task-queue-backlog';

/** A version of the orchestration code, as its workers name it. */
export interface DeployedBuild {
  deployment: string;
  build: string;
}

export interface Poller {
  identity: string;
  /** Absent of a worker that is not versioned. */
  build?: DeployedBuild;
}

/** Where new runs of a task queue begin: nowhere versioned where it is empty. */
export interface Routing {
  current?: DeployedBuild;
  ramping?: DeployedBuild;
}

export interface PolledQueue {
  routing: Routing;
  /** Those that are alive. */
  pollers: Poller[];
}

type Service = Pick<Connection, 'workflowService'>;

/** Of Temporal's WorkerVersioningMode and WorkerStatus. */
const VERSIONED = 2;
const RUNNING = 1;
/** A poll is asked again after a minute: who has not asked for longer is gone, though the server lists it for five. */
const POLLED_WITHIN_MS = 75_000;
const WORKERS_A_PAGE = 1_000;

/** Of a time as Temporal tells it: milliseconds since the epoch. */
export const millisOf = (
  time: { seconds?: { toString(): string } | null; nanos?: number | null } | null | undefined,
): number => Number(time?.seconds?.toString() ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;

/**
 * @param stopped identities of workers that have said that they stop: `stoppedWorkers` tells them
 * @throws what Temporal's client throws where no server answers
 */
export async function polledQueue(
  { workflowService }: Service,
  { namespace, taskQueue, kind }: { namespace: string; taskQueue: string; kind: TaskKind },
  stopped: ReadonlySet<string> = new Set(),
  now = Date.now(),
): Promise<PolledQueue> {
  const { pollers, versioningInfo } = await workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: TASK_TYPES[kind],
  });
  const [current, ramping] = [
    buildOf(versioningInfo?.currentDeploymentVersion),
    buildOf(versioningInfo?.rampingDeploymentVersion),
  ];
  return {
    routing: { ...(current ? { current } : {}), ...(ramping ? { ramping } : {}) },
    pollers: (pollers ?? []).flatMap(({ identity, lastAccessTime, deploymentOptions }): Poller[] => {
      const name = identity ?? '';
      if (millisOf(lastAccessTime) + POLLED_WITHIN_MS < now || stopped.has(name)) return [];
      const build = Number(deploymentOptions?.workerVersioningMode) === VERSIONED && buildOf(deploymentOptions);
      return [{ identity: name, ...(build ? { build } : {}) }];
    }),
  };
}

function buildOf(
  version: { deploymentName?: string | null; buildId?: string | null } | null | undefined,
): DeployedBuild | undefined {
  const { deploymentName, buildId } = version ?? {};
  return deploymentName && buildId ? { deployment: deploymentName, build: buildId } : undefined;
}

/** Whether anybody takes what waits there. @throws what Temporal's client throws where no server answers */
export const isPolled = async (
  service: Service,
  namespace: string,
  queue: { taskQueue: string; kind: TaskKind },
): Promise<boolean> => (await polledQueue(service, { namespace, ...queue })).pollers.length > 0;

/** Identities of which every worker stops or has stopped. Nobody where the server keeps no heartbeats of workers: then time tells. */
export async function stoppedWorkers({ workflowService }: Service, namespace: string): Promise<ReadonlySet<string>> {
  const [running, stopping] = [new Set<string>(), new Set<string>()];
  try {
    for (let nextPageToken: Uint8Array = new Uint8Array(); ;) {
      const page = await workflowService.listWorkers({ namespace, pageSize: WORKERS_A_PAGE, nextPageToken });
      for (const { workerIdentity, status } of page.workers ?? [])
        (Number(status) === RUNNING ? running : stopping).add(workerIdentity ?? '');
      if (!page.nextPageToken?.length) break;
      ({ nextPageToken } = page);
    }
  } catch {
    return new Set();
  }
  return new Set([...stopping].filter((identity) => !running.has(identity)));
}
