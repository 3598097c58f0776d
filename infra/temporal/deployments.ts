// Temporal's Worker Deployments, as they are asked for and changed: which builds of the orchestration code there are, which one new runs begin
// on, who polls, and runs moved from one build to another.
import type { Connection } from '@temporalio/client';
import type { TaskKind } from './task-queue-backlog';

/** A version of the orchestration code, as its workers name it. */
export interface DeployedBuild {
  deployment: string;
  build: string;
}

/** `inactive`: it has never been current, or Temporal has not looked yet whether runs are left on it. */
export type BuildState = 'inactive' | 'current' | 'ramping' | 'draining' | 'drained';

export interface KnownBuild {
  build: string;
  state: BuildState;
  /** Milliseconds since the epoch. */
  createdAt: number;
}

export interface Deployment {
  name: string;
  /** Builds. Absent where new runs of its queues begin on none of it. */
  current?: string;
  ramping?: { build: string; percent: number };
  /** The newest first. */
  builds: KnownBuild[];
  /** Of a change that was made for how it stands now. */
  conflictToken: Uint8Array;
}

export interface Poller {
  identity: string;
  /** Absent of a worker that is not versioned. */
  build?: DeployedBuild;
}

type Service = Pick<Connection, 'workflowService'>;
interface Timestamp {
  seconds?: { toString(): string } | null;
  nanos?: number | null;
}

const STATES: Readonly<Record<number, BuildState>> = { 2: 'current', 3: 'ramping', 4: 'draining', 5: 'drained' };
/** Of Temporal's TaskQueueType, WorkerVersioningMode and WorkerStatus. */
const TYPES: Readonly<Record<TaskKind, number>> = { steps: 1, calls: 2 };
const VERSIONED = 2;
const RUNNING = 1;
/** A poll is asked again after a minute: who has not asked for longer is gone, though the server lists it for five. */
export const POLLED_WITHIN_MS = 75_000;
const WORKERS_A_PAGE = 1_000;
const NOT_FOUND = 5;

const millisOf = (time: Timestamp | null | undefined): number =>
  Number(time?.seconds?.toString() ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;

/** @returns undefined where no worker of it has ever asked for work */
export async function deploymentNamed(
  { workflowService }: Service,
  namespace: string,
  deploymentName: string,
): Promise<Deployment | undefined> {
  const answer = await workflowService.describeWorkerDeployment({ namespace, deploymentName }).catch(unlessNotFound);
  const info = answer?.workerDeploymentInfo;
  if (!answer || !info) return undefined;
  const { currentDeploymentVersion: current, rampingDeploymentVersion: ramping } = info.routingConfig ?? {};
  const builds = (info.versionSummaries ?? []).map((one): KnownBuild => ({
    build: one.deploymentVersion?.buildId ?? '',
    state: STATES[Number(one.status)] ?? 'inactive',
    createdAt: millisOf(one.createTime),
  }));
  return {
    name: deploymentName,
    ...(current?.buildId ? { current: current.buildId } : {}),
    ...(ramping?.buildId
      ? { ramping: { build: ramping.buildId, percent: info.routingConfig?.rampingVersionPercentage ?? 0 } }
      : {}),
    builds: builds.sort((one, other) => other.createdAt - one.createdAt),
    conflictToken: answer.conflictToken,
  };
}

function unlessNotFound(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === NOT_FOUND) return undefined;
  throw error;
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
    taskQueueType: TYPES[kind],
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

/** New runs, and what all runs share, go to the build from now on. @throws ServiceError where Temporal refuses it */
export async function setCurrentBuild(
  { workflowService }: Service,
  namespace: string,
  { deployment, build, conflictToken, identity }: DeployedBuild & { conflictToken: Uint8Array; identity: string },
): Promise<void> {
  const named = { namespace, deploymentName: deployment, buildId: build, identity };
  await workflowService.setWorkerDeploymentCurrentVersion({ ...named, conflictToken });
}

/** Of Temporal's PinnedOverrideBehavior. */
const PINNED = 1;

/** The run's next step is decided by that build, and all after it. @throws ServiceError */
export async function pinRun(
  { workflowService }: Service,
  namespace: string,
  { id, deployment, build, identity }: DeployedBuild & { id: string; identity: string },
): Promise<void> {
  const version = { deploymentName: deployment, buildId: build };
  await workflowService.updateWorkflowExecutionOptions({
    ...{ namespace, identity },
    workflowExecution: { workflowId: id },
    workflowExecutionOptions: { versioningOverride: { pinned: { behavior: PINNED, version } } },
    updateMask: { paths: ['versioning_override'] },
  });
}
