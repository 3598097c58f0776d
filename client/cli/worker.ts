// `longhaul worker`: one more worker process, against the server that the environment names or the `dev` of this folder.
import { openStore } from '../../activities/store';
import { connectTemporal, resolveTemporal } from '../../infra/temporal/connect';
import { readFolderLock } from '../../infra/temporal/folder-lock';
import { ensureSearchAttributes } from '../../infra/temporal/search-attributes';
import { serveAgents } from '../../workers/serve-agents';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { ClientError } from '../errors';
import type { CliContext } from './context';
import { EXIT } from './exit-codes';

export async function workerCommand(context: CliContext): Promise<number> {
  const { settings, env, output } = context;
  const server = serverOf(context);
  const connection = await connectTemporal(server);
  await ensureSearchAttributes(connection, server.namespace, SEARCH_ATTRIBUTES);
  await connection.close();
  const store = openStore(settings.store);
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  try {
    const served = await serveAgents({
      settings,
      store,
      env,
      connection: server.connectionOptions,
      namespace: server.namespace,
      strict: false,
    });
    for (const { file, message } of served.loaded.problems) output.note(`problem  ${file}: ${message}`);
    output.line(
      `worker    ${served.worker.identity} on task queue ${settings.taskQueue} at ${server.connectionOptions.address}`,
    );
    await Promise.race([stopped, served.worker.finished]);
    await served.stop();
    return EXIT.completed;
  } finally {
    await store.close();
  }
}

function serverOf({
  settings,
  env,
}: CliContext): { connectionOptions: { address: string }; namespace: string } & Parameters<typeof connectTemporal>[0] {
  const choice = resolveTemporal({ env });
  if (choice.kind === 'external') return choice;
  const dev = readFolderLock(settings.stateDir);
  const { address, namespace } = dev?.info ?? {};
  if (typeof address === 'string' && typeof namespace === 'string')
    return { kind: 'external', connectionOptions: { address }, namespace };
  throw new ClientError(
    'temporal-unreachable',
    'no Temporal server to work for: set TEMPORAL_ADDRESS, or start "longhaul dev" in this folder.',
  );
}
