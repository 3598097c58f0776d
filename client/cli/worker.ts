// `longhaul worker`: one more worker process, against the server that the environment names or the `dev` of this folder.
import type { Server } from 'node:http';
import { polledQueue, type DeployedBuild } from '../../infra/temporal/task-queue-pollers';
import type { WorkerRole } from '../../workers/create-worker';
import type { QueueMetricsOptions } from '../../workers/queue-metrics';
import { ownBuildId } from '../../workers/orchestration-code';
import type { ServedAgents } from '../../workers/serve-agents';
import { toolboxSpecs } from '../../workers/toolbox/toolbox-specs';
import { toolboxQueue } from '../../workflows/contract/names';
import { ClientError } from '../errors';
import { findTemporal, type FoundTemporal } from '../find-temporal';
import { managedLines, reportProblems, reportUnfinished, servedAgents } from './announce';
import type { CliContext } from './context';
import { requireBuildId, requireDeploymentName } from './deployment-name';
import { createClosing } from './closing';
import { cannotListen } from './cannot-listen';
import { EXIT } from './exit-codes';
import { openWorkerHost, type Host } from './host';
import { metricsUrl, serveProcess } from './process-server';
import { checkReach, tellState, withCoreMetrics, type ScrapedOptions } from './scraped-state';

export interface WorkerOptions {
  /** Their names: these alone, and no runs. */
  toolbox?: string[];
  /** False for none. */
  toolboxes?: boolean;
  role?: Exclude<WorkerRole, 'both'>;
  strict?: boolean;
  deployment?: string;
  buildId?: string;
  /** 0 for a free one. @default not served */
  metricsPort?: number;
  /** @default '127.0.0.1' */
  metricsHost?: string;
}

export async function workerCommand(context: CliContext, options: WorkerOptions): Promise<number> {
  const { settings, env, output } = context;
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  const found = findTemporal({ env, stateDir: settings.stateDir });
  const { toolbox: only, role } = options;
  if (only && role)
    throw new ClientError('misconfigured', '--role is of runs, and --toolbox serves none: give one of them.');
  const build = await buildOf(options, found);
  const host = await openWorkerHost(
    {
      settings: await withCoreMetrics(settings, options.metricsPort !== undefined),
      env,
      note: (line) => output.note(line),
      ...(only
        ? { toolboxes: only, toolboxesOnly: true }
        : role || options.toolboxes === false
          ? { toolboxes: [] }
          : {}),
      ...(role ? { role } : {}),
      ...(build ? { build } : {}),
      ...(options.strict ? { strict: true } : {}),
    },
    found,
  );
  const closing = createClosing();
  closing.add(() => host.stop());
  try {
    const { served, address, namespace } = host;
    if (!served) throw new Error('a worker has no worker.');
    reportProblems(context, served.loaded.problems);
    for (const line of managedLines(served.published)) output.note(line);
    await reportUnfinished(context, host);
    const taskQueue = found.taskQueue ?? settings.taskQueue;
    const { identity } = served.worker;
    if (only) requireToolboxes(only, served);
    const queues = queuesOf(taskQueue, options);
    const told = await servedProcess(
      host,
      { settings, taskQueue, queues, ...(build ? { deployment: build.deployment } : {}) },
      options,
    );
    if (told) closing.add(() => void told.server.close());
    output.json({
      ready: true,
      pid: process.pid,
      identity,
      address,
      namespace,
      taskQueue,
      ...(role ? { role } : {}),
      ...(build ?? {}),
      ...(told ? { metricsUrl: told.url } : {}),
      agents: servedAgents(served),
    });
    const names = [...new Set(queues.map((queue) => queue.taskQueue))];
    output.line(
      `worker    ${identity} on task queue ${names.join(', ')}${role ? `, ${role} alone` : ''} at ${address}`,
    );
    if (build) await showBuild(context, host, build, taskQueue);
    if (told) output.line(`metrics   ${told.url}, and /healthz and /readyz beside it`);
    // One that ends by itself rejects both.
    await Promise.race([stopped, host.broken]);
    output.note(`stopping: calls under way may finish, for ${settings.tuning.drainMs / 1_000} s at most ...`);
    // Still told of while it drains: a platform asks.
    await host.stop();
    return EXIT.completed;
  } finally {
    await closing.close();
  }
}

/** @throws ClientError `misconfigured`, `invalid-input` */
async function buildOf(
  { deployment, buildId, toolbox }: WorkerOptions,
  found: FoundTemporal,
): Promise<DeployedBuild | undefined> {
  if (deployment === undefined) {
    if (buildId === undefined) return undefined;
    throw new ClientError('misconfigured', '--build-id is of a deployment: give --deployment NAME with it.');
  }
  if (toolbox)
    throw new ClientError('misconfigured', 'toolboxes serve the runs of every build: --toolbox takes no --deployment.');
  if (found.dev)
    throw new ClientError(
      'misconfigured',
      'a deployment is for a server of its own: the worker of "longhaul dev" belongs to none, and goes on with any run. Name the server with TEMPORAL_ADDRESS.',
    );
  requireDeploymentName(deployment);
  const build = buildId ?? (await ownBuildId());
  requireBuildId(build);
  return { deployment, build };
}

/** Nobody makes a build current by starting it: so it is said what does. */
async function showBuild(
  { output }: CliContext,
  { temporal, namespace }: Host,
  { deployment, build }: DeployedBuild,
  taskQueue: string,
): Promise<void> {
  output.line(`build     ${build} of deployment ${deployment}`);
  const { routing } = await polledQueue(temporal.connection, { namespace, taskQueue, kind: 'steps' });
  const { current } = routing;
  if (current?.deployment === deployment && current.build === build) return;
  const now = current
    ? `new runs begin on build ${current.build} of ${current.deployment}`
    : 'it takes no new runs yet';
  output.note(`${now}; to let them begin here: longhaul deploy set-current ${deployment} ${build}`);
}

type ServedQueue = QueueMetricsOptions['queues'][number];

/** Whatever this process does of it: that nobody makes calls is told by those that hold runs, too. */
function queuesOf(taskQueue: string, { toolbox }: WorkerOptions): ServedQueue[] {
  if (toolbox) return toolbox.map((name) => ({ taskQueue: toolboxQueue(taskQueue, name), kind: 'calls' as const }));
  return [
    { taskQueue, kind: 'steps' },
    { taskQueue, kind: 'calls' },
  ];
}

/** @throws ClientError `misconfigured` where it cannot listen there */
async function servedProcess(
  host: Host,
  scraped: ScrapedOptions,
  { metricsPort, metricsHost }: WorkerOptions,
): Promise<{ server: Server; url: string } | undefined> {
  const { served } = host;
  if (!served || metricsPort === undefined) return undefined;
  tellState(host, scraped);
  const server = await serveProcess({
    served,
    port: metricsPort,
    ...(metricsHost === undefined ? {} : { host: metricsHost }),
    check: () => checkReach(host),
  }).catch((error: unknown) => {
    const flags = { port: '--metrics-port', host: '--metrics-host' };
    throw cannotListen(error, flags, { port: metricsPort, host: metricsHost });
  });
  return { server, url: metricsUrl(server) };
}

/** One that nobody uses would wait for calls that cannot come: a typing error, as a rule. */
function requireToolboxes(names: readonly string[], { loaded }: ServedAgents): void {
  const used = toolboxSpecs(loaded.agents).map(({ name }) => name);
  const unknown = names.find((name) => !used.includes(name));
  if (unknown === undefined) return;
  const message = `no agent here uses a toolbox "${unknown}" (there are: ${used.join(', ') || 'none'}).`;
  throw new ClientError('misconfigured', message);
}
