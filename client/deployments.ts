// The builds of the orchestration code that serve a task queue: which is current, which drain, what is left on each, and who is there for it.
import type { Client } from '@temporalio/client';
import { deploymentNamed, setCurrentBuild, type Deployment, type KnownBuild } from '../infra/temporal/deployments';
import { quoted } from '../infra/temporal/quoted';
import {
  polledQueue,
  stoppedWorkers,
  type DeployedBuild,
  type Poller,
  type Routing,
} from '../infra/temporal/task-queue-pollers';
import { controlQueue } from '../workflows/contract/names';
import { ClientError } from './errors';

export interface AskedQueue {
  temporal: Client;
  taskQueue: string;
  /** @default Date.now() */
  now?: number;
}

/** Workers that are alive: those that decide for runs, that make their calls, and that serve what all runs share. */
export interface BuildWorkers {
  steps: number;
  calls: number;
  control: number;
}

export interface StandingBuild extends KnownBuild {
  /** Runs that are pinned to it and have not ended. */
  runs: number;
  workers: BuildWorkers;
}

export interface StandingDeployment {
  name: string;
  /** Builds. */
  current?: string;
  ramping?: { build: string; percent: number };
  /** The newest first. */
  builds: StandingBuild[];
}

export interface QueueStanding {
  routing: Routing;
  /** Those that nobody else knows: they take no work once a build is current. */
  unversioned: number;
  deployments: StandingDeployment[];
}

/** @param name of one deployment, and of no other @default those that the workers of the queue, or its route, name */
export async function standingOf(asked: AskedQueue, name?: string): Promise<QueueStanding> {
  const { temporal, taskQueue } = asked;
  const { namespace } = temporal.options;
  const polled = await polledQueues(asked);
  const { current, ramping } = polled.steps.routing;
  const named =
    name !== undefined
      ? [name]
      : [
          ...[current, ramping].flatMap((build) => build?.deployment ?? []),
          ...[...polled.steps.pollers, ...polled.calls.pollers].flatMap(({ build }) => build?.deployment ?? []),
        ];
  const found = await Promise.all(
    [...new Set(named)].map((one) => deploymentNamed(temporal.connection, namespace, one)),
  );
  const deployments = await Promise.all(
    found.flatMap((one) => (one ? [withRuns({ temporal, taskQueue }, one, polled)] : [])),
  );
  const unversioned = polled.steps.pollers.filter(({ build }) => !build).length;
  return { routing: polled.steps.routing, unversioned, deployments };
}

interface Polled {
  steps: { routing: Routing; pollers: Poller[] };
  calls: { pollers: Poller[] };
  control: { pollers: Poller[] };
}

async function polledQueues({ temporal, taskQueue, now }: AskedQueue): Promise<Polled> {
  const { connection, options } = temporal;
  const { namespace } = options;
  const stopped = await stoppedWorkers(connection, namespace);
  const ask = (queue: string, kind: 'steps' | 'calls') =>
    polledQueue(connection, { namespace, taskQueue: queue, kind }, stopped, now);
  const [steps, calls, control] = await Promise.all([
    ask(taskQueue, 'steps'),
    ask(taskQueue, 'calls'),
    ask(controlQueue(taskQueue), 'steps'),
  ]);
  return { steps, calls, control };
}

const isOf = (of: DeployedBuild, { build }: Poller): boolean =>
  build?.deployment === of.deployment && build.build === of.build;

async function withRuns(
  asked: AskedQueue,
  { conflictToken: _, ...deployment }: Deployment,
  polled: Polled,
): Promise<StandingDeployment> {
  const builds = deployment.builds.map(async (known): Promise<StandingBuild> => {
    const of = { deployment: deployment.name, build: known.build };
    const aliveIn = ({ pollers }: { pollers: Poller[] }): number => pollers.filter((one) => isOf(of, one)).length;
    const workers = { steps: aliveIn(polled.steps), calls: aliveIn(polled.calls), control: aliveIn(polled.control) };
    return { ...known, runs: await runsOn(asked, of), workers };
  });
  return { ...deployment, builds: await Promise.all(builds) };
}

/** What Temporal's index is asked for: runs that are pinned to the build and have not ended. */
export const pinnedTo = (taskQueue: string, { deployment, build }: DeployedBuild): string =>
  [
    `TemporalWorkerDeploymentVersion = ${quoted(`${deployment}:${build}`)}`,
    `TemporalWorkflowVersioningBehavior = 'Pinned'`,
    `TaskQueue = ${quoted(taskQueue)}`,
    `ExecutionStatus = 'Running'`,
  ].join(' AND ');

const runsOn = async ({ temporal, taskQueue }: AskedQueue, of: DeployedBuild): Promise<number> =>
  (await temporal.workflow.count(pinnedTo(taskQueue, of))).count;

export interface StrandedBuild extends DeployedBuild {
  runs: number;
  /** Where they can be moved to: the current build, where that has workers and is another. */
  to?: string;
}

/** Builds that runs are pinned to and that no worker decides for: they wait for ever. */
export const strandedOf = ({ deployments }: QueueStanding): StrandedBuild[] =>
  deployments.flatMap(({ name, current, builds }) => {
    const isAlive = builds.some(({ build, workers }) => build === current && workers.steps > 0);
    return builds
      .filter(({ runs, workers }) => runs > 0 && workers.steps === 0)
      .map(({ build, runs }) => ({
        ...{ deployment: name, build, runs },
        ...(current !== undefined && isAlive && current !== build ? { to: current } : {}),
      }));
  });

/** What keeps new runs from beginning, and the command that mends it. */
export interface Unrouted {
  why: string;
  mend: string;
}

/** Undefined where they begin, or no worker is up at all: that others say. */
export function unroutedOf({ routing, unversioned, deployments }: QueueStanding): Unrouted | undefined {
  const { current } = routing;
  const alive = deployments.flatMap(({ name, builds }) =>
    builds.filter(({ workers }) => workers.steps > 0).map(({ build }) => ({ deployment: name, build })),
  );
  const [newest] = alive;
  if (!newest) {
    if (!current || unversioned === 0) return undefined;
    return {
      why: `build ${current.build} of deployment ${current.deployment} is current and has no worker; the workers that are up belong to no deployment, and take no work`,
      mend: `longhaul worker --deployment ${current.deployment} --build-id ${current.build}`,
    };
  }
  const mend = `longhaul deploy set-current ${newest.deployment} ${newest.build}`;
  if (!current)
    return unversioned > 0
      ? undefined
      : { why: `workers of deployment ${newest.deployment} are up, and none of its builds is current`, mend };
  if (alive.some(({ deployment, build }) => deployment === current.deployment && build === current.build))
    return undefined;
  return { why: `build ${current.build} of deployment ${current.deployment} is current and has no worker`, mend };
}

/** Of a queue, for whoever has just started a run there: one question where new runs begin, and the others only where they may not. */
export async function unroutedNow({ temporal, taskQueue, now }: AskedQueue): Promise<Unrouted | undefined> {
  const { connection, options } = temporal;
  const asked = { namespace: options.namespace, taskQueue, kind: 'steps' } as const;
  const { routing, pollers } = await polledQueue(connection, asked, new Set(), now);
  if (isRouted(routing, pollers)) return undefined;
  return unroutedOf(await standingOf({ temporal, taskQueue, ...(now === undefined ? {} : { now }) }));
}

/** Or nobody is up at all. A worker that has just stopped counts for a minute: whoever looks again is told. */
const isRouted = ({ current }: Routing, pollers: readonly Poller[]): boolean =>
  current ? pollers.length === 0 || pollers.some((one) => isOf(current, one)) : pollers.every(({ build }) => !build);

export interface MadeCurrent {
  /** Build that new runs began on until now. */
  before?: string;
  /** Builds on which runs go on. */
  draining: { build: string; runs: number }[];
}

/**
 * New runs, queues, quotas and sessions go on with the build from now on; runs end on theirs.
 * @throws ClientError `invalid-input` where it is none that there is; `no-worker` where nobody would take what is sent there
 */
export async function makeCurrent(asked: AskedQueue, of: DeployedBuild & { identity: string }): Promise<MadeCurrent> {
  const { connection, options } = asked.temporal;
  const { deployment: name, build } = of;
  const found = await deploymentNamed(connection, options.namespace, name);
  if (!found)
    throw new ClientError(
      'invalid-input',
      `there is no deployment "${name}" here: workers make one, with longhaul worker --deployment ${name}`,
    );
  if (!found.builds.some((known) => known.build === build)) {
    const known = found.builds.map((one) => one.build).join(', ');
    throw new ClientError(
      'invalid-input',
      `no worker of deployment ${name} has named build "${build}" (there: ${known}).`,
    );
  }
  const polled = await polledQueues(asked);
  const lacking = [
    ['decides for its runs', polled.steps],
    ['makes their calls', polled.calls],
    ['serves its queues, quotas and sessions', polled.control],
  ] as const;
  const [absent] = lacking.filter(([, { pollers }]) => !pollers.some((one) => isOf(of, one)));
  if (absent)
    throw new ClientError(
      'no-worker',
      `no worker of build ${build} ${absent[0]}, and new runs would wait for one. Start it: longhaul worker --deployment ${name} --build-id ${build}`,
    );
  if (found.current !== build)
    await setCurrentBuild(connection, options.namespace, { ...of, conflictToken: found.conflictToken });
  const { deployments } = await standingOf(asked, name);
  const builds = deployments.find((one) => one.name === name)?.builds ?? [];
  return {
    ...(found.current === undefined ? {} : { before: found.current }),
    draining: builds
      .filter((one) => one.build !== build && one.runs > 0)
      .map(({ build: left, runs }) => ({ build: left, runs })),
  };
}
