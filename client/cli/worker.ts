// `longhaul worker`: one more worker process, against the server that the environment names or the `dev` of this folder.
import { findTemporal } from '../find-temporal';
import { reportProblems, reportUnfinished, servedAgents } from './announce';
import type { CliContext } from './context';
import { EXIT } from './exit-codes';
import { openWorkerHost } from './host';

export async function workerCommand(context: CliContext): Promise<number> {
  const { settings, env, output } = context;
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  const found = findTemporal({ env, stateDir: settings.stateDir });
  const host = await openWorkerHost({ settings, env, note: (line) => output.note(line) }, found);
  try {
    const { served, address, namespace } = host;
    if (!served) throw new Error('a worker has no worker.');
    reportProblems(context, served.loaded.problems);
    reportUnfinished(context, host);
    const taskQueue = found.taskQueue ?? settings.taskQueue;
    const { identity } = served.worker;
    output.json({
      ready: true,
      pid: process.pid,
      identity,
      address,
      namespace,
      taskQueue,
      agents: servedAgents(served),
    });
    output.line(`worker    ${identity} on task queue ${taskQueue} at ${address}`);
    // One that ends by itself rejects both.
    await Promise.race([stopped, host.broken]);
    return EXIT.completed;
  } finally {
    await host.stop();
  }
}
