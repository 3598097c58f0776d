// Temporal's Worker Deployments, as they are asked for and changed: which builds of the orchestration code there are, which one new runs begin
// on, and runs moved from one build to another.
import type { Connection } from '@temporalio/client';
import { millisOf, type DeployedBuild } from './task-queue-pollers';

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

type Service = Pick<Connection, 'workflowService'>;

const STATES: Readonly<Record<number, BuildState>> = { 2: 'current', 3: 'ramping', 4: 'draining', 5: 'drained' };
const NOT_FOUND = 5;

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
