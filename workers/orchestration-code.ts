// The orchestration code of this installation: the workflow bundle, and what a version of it is called where runs are pinned to one.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { WorkerOptions } from '@temporalio/worker';
import type { DeployedBuild } from '../infra/temporal/task-queue-pollers';
import { packageVersion } from './package-version';
import { workflowBundle } from './workflow-bundle';

const HASH_CHARS = 12;
/** Of workers that are not versioned: what they name is which code did something, and nobody goes by it. */
const UNVERSIONED = 'longhaul';

/**
 * Of the orchestration code: history names it with every task, three times a call, so it is short. The SDK's own default is 90 characters,
 * a sixth of a history.
 */
export async function orchestrationHash(): Promise<string> {
  const bundle = await workflowBundle();
  const code = 'code' in bundle ? bundle.code : await readFile(bundle.codePath);
  return createHash('sha256').update(code).digest('hex').slice(0, HASH_CHARS);
}

/** What this installation's code is called where nobody calls it something else: two that are called the same decide the same. */
export const ownBuildId = async (): Promise<string> => `${packageVersion()}-${await orchestrationHash()}`;

type VersionOptions = NonNullable<WorkerOptions['workerDeploymentOptions']>;

/**
 * How a worker of workflows names its code to Temporal. Where runs are pinned they end on the code that began them; what all runs share is
 * older and younger than any build, goes on with whichever is current, and keeps to `patched()`.
 * @param build of the production deployment that the worker belongs to; without it any worker may go on with any run
 */
export async function versionOptions(
  build: DeployedBuild | undefined,
  defaultVersioningBehavior: 'PINNED' | 'AUTO_UPGRADE',
): Promise<VersionOptions> {
  if (!build) return unversioned(await orchestrationHash());
  const version = { deploymentName: build.deployment, buildId: build.build };
  return { useWorkerVersioning: true, version, defaultVersioningBehavior };
}

/**
 * Of workers that make calls on queues of their own (toolboxes, webhooks): nothing that they do is replayed, and a toolbox checks its grant
 * against the release that a call names. So the runs of every build may call them, none has to be kept for an old one, and no deploy step
 * stands between a new tool and its runs.
 */
export const unversioned = (buildId = packageVersion()): VersionOptions => ({
  useWorkerVersioning: false,
  version: { deploymentName: UNVERSIONED, buildId },
});
