// `longhaul worker`: one more worker process, against the server that the environment names or the `dev` of this folder.
import type { ServedAgents } from '../../workers/serve-agents';
import { toolboxSpecs } from '../../workers/toolbox/toolbox-specs';
import { toolboxQueue } from '../../workflows/contract/names';
import { ClientError } from '../errors';
import { findTemporal } from '../find-temporal';
import { reportProblems, reportUnfinished, servedAgents } from './announce';
import type { CliContext } from './context';
import { EXIT } from './exit-codes';
import { openWorkerHost } from './host';

export interface WorkerOptions {
  /** Their names: these alone, and no runs. */
  toolbox?: string[];
  /** False for none. */
  toolboxes?: boolean;
}

export async function workerCommand(context: CliContext, options: WorkerOptions): Promise<number> {
  const { settings, env, output } = context;
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  const found = findTemporal({ env, stateDir: settings.stateDir });
  const { toolbox: only } = options;
  const host = await openWorkerHost(
    {
      settings,
      env,
      note: (line) => output.note(line),
      ...(only ? { toolboxes: only, toolboxesOnly: true } : options.toolboxes === false ? { toolboxes: [] } : {}),
    },
    found,
  );
  try {
    const { served, address, namespace } = host;
    if (!served) throw new Error('a worker has no worker.');
    reportProblems(context, served.loaded.problems);
    await reportUnfinished(context, host);
    const taskQueue = found.taskQueue ?? settings.taskQueue;
    const { identity } = served.worker;
    if (only) requireToolboxes(only, served);
    output.json({
      ready: true,
      pid: process.pid,
      identity,
      address,
      namespace,
      taskQueue,
      agents: servedAgents(served),
    });
    const queues = only ? only.map((name) => toolboxQueue(taskQueue, name)) : [taskQueue];
    output.line(`worker    ${identity} on task queue ${queues.join(', ')} at ${address}`);
    // One that ends by itself rejects both.
    await Promise.race([stopped, host.broken]);
    return EXIT.completed;
  } finally {
    await host.stop();
  }
}

/** One that nobody uses would wait for calls that cannot come: a typing error, as a rule. */
function requireToolboxes(names: readonly string[], { loaded }: ServedAgents): void {
  const used = toolboxSpecs(loaded.agents).map(({ name }) => name);
  const unknown = names.find((name) => !used.includes(name));
  if (unknown === undefined) return;
  const message = `no agent here uses a toolbox "${unknown}" (there are: ${used.join(', ') || 'none'}).`;
  throw new ClientError('misconfigured', message);
}
