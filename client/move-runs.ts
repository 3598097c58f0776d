// Runs moved from one build of the orchestration code to another: the way on for those whose build nobody serves any more.
import type { Client } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils';
import { pinRun } from '../infra/temporal/deployments';
import { messageOf } from '../infra/temporal/error-reason';
import { quoted } from '../infra/temporal/quoted';
import type { DeployedBuild } from '../infra/temporal/task-queue-pollers';
import { pinnedTo, standingOf, type AskedQueue } from './deployments';
import { ClientError } from './errors';

/** What is moved: all that is pinned to a build, or one run with the runs of its sub-agents. */
export type MovedRuns = { allOf: string } | { run: string };

/** Undefined where the code of the target cannot be asked here. @returns why a history is not its own, in words */
export type ReplayCheck = (run: { id: string; history: History }) => Promise<string | undefined>;

export interface Moved {
  /** Ids. */
  moved: string[];
  /** Those that stay where they are. */
  stayed: { run: string; why: string }[];
}

/** @throws ClientError `invalid-input` where the target is none; `no-worker` where nobody would go on with them; `refused` where nothing is to be moved */
export async function moveRuns(
  asked: AskedQueue,
  what: MovedRuns,
  to: DeployedBuild & { identity: string },
  check?: ReplayCheck,
): Promise<Moved> {
  await requireServed(asked, to);
  const runs = await pinnedRuns(asked, what, to.deployment);
  if (runs.length === 0)
    throw new ClientError(
      'refused',
      'allOf' in what
        ? `no run is pinned to build ${what.allOf} of deployment ${to.deployment}.`
        : `run ${what.run} is not open, or is pinned to no build: there is nothing to move.`,
    );
  const done: Moved = { moved: [], stayed: [] };
  for (const run of runs) {
    const why = await moveOne(asked.temporal, run, to, check);
    if (why === undefined) done.moved.push(run);
    else done.stayed.push({ run, why });
  }
  return done;
}

async function requireServed(asked: AskedQueue, { deployment, build }: DeployedBuild): Promise<void> {
  const { deployments } = await standingOf(asked, deployment);
  const target = deployments.find(({ name }) => name === deployment)?.builds.find((one) => one.build === build);
  if (!target)
    throw new ClientError(
      'invalid-input',
      `there is no build "${build}" of deployment ${deployment}: longhaul deploy lists them.`,
    );
  if (target.workers.steps === 0)
    throw new ClientError(
      'no-worker',
      `no worker of build ${build} is up: what is moved there would wait as it does now. Start one: longhaul worker --deployment ${deployment} --build-id ${build}`,
    );
}

async function pinnedRuns({ temporal, taskQueue }: AskedQueue, what: MovedRuns, deployment: string): Promise<string[]> {
  const open = `TemporalWorkflowVersioningBehavior = 'Pinned' AND ExecutionStatus = 'Running'`;
  const query =
    'allOf' in what
      ? pinnedTo(taskQueue, { deployment, build: what.allOf })
      : `(WorkflowId = ${quoted(what.run)} OR RootWorkflowId = ${quoted(what.run)}) AND ${open}`;
  const found = new Set<string>();
  for await (const { workflowId } of temporal.workflow.list({ query })) found.add(workflowId);
  return [...found];
}

/** @returns why it was left where it is */
async function moveOne(
  temporal: Client,
  id: string,
  to: DeployedBuild & { identity: string },
  check: ReplayCheck | undefined,
): Promise<string | undefined> {
  try {
    const differs = check && (await check({ id, history: await temporal.workflow.getHandle(id).fetchHistory() }));
    if (differs !== undefined) return `build ${to.build} cannot go on with it: ${differs}`;
    await pinRun(temporal.connection, temporal.options.namespace, { ...to, id });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
