// What a command that needs a living system stands on: the server named by the environment, the `dev` of this folder, or an embedded
// server and worker of its own that end with it. The one place, with dev.ts, that joins client and workers.
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { ContentStore } from '../../activities/store';
import { openTextReader } from '../../activities/stream/open-streams';
import { connectTemporal } from '../../infra/temporal/connect';
import { resolveTemporal } from '../../infra/temporal/resolve-temporal';
import type { DeployedBuild } from '../../infra/temporal/task-queue-pollers';
import { findTemporalCli } from '../../infra/temporal/find-cli';
import { acquireFolderLock, type FolderLock, type FolderLockHolder } from '../../infra/temporal/folder-lock';
import { ensureSearchAttributes } from '../../infra/temporal/search-attributes';
import { startEmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { recoverRuns, type UnfinishedRun } from '../../workers/recover-runs';
import type { WorkerRole } from '../../workers/create-worker';
import { serveAgents, type ServedAgents, type ServeOptions } from '../../workers/serve-agents';
import type { Settings } from '../../workers/config';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { createAgentClient, type AgentClient } from '../agent-client';
import { temporalClient } from '../connect';
import { openStoreAt } from '../open-store-at';
import { devTemporal, findTemporal, type FoundTemporal } from '../find-temporal';
import { startDevCodecServer } from './commands/codec-server';
import { openOrClose, type Closing } from './closing';
import { devEnded } from './dev-ended';
import { settingsFor } from './in-use';
import { ownSigner } from './own-identity';
import { searchNotes } from './search-notes';

export interface HostOptions {
  settings: Settings;
  env: { readonly [name: string]: string | undefined };
  /** One line about something that takes longer than a second, or that is not as it should be. */
  note(text: string): void;
  /** Lifts time-outs, for a debugger. */
  debug?: boolean;
  /** As of `serveAgents`. */
  toolboxes?: readonly string[];
  toolboxesOnly?: boolean;
  role?: WorkerRole;
  build?: DeployedBuild;
  /** Runs no release with the code of another. @default false */
  strict?: boolean;
  keepsSaves?: boolean;
  /** Shows clear text to the Web UI and command line of a Temporal that is started here, where keys are set. @default false */
  codecServer?: boolean;
}

export interface Host {
  client: AgentClient;
  temporal: Client;
  store: ContentStore;
  address: string;
  namespace: string;
  uiUrl?: string;
  /** Of the codec server that runs here. */
  codecUrl?: string;
  /** Set where this process runs the worker. */
  served?: ServedAgents;
  /** Where nobody else's worker can be. */
  isOnlyWorker: boolean;
  /** Found unfinished, and picked up, when this process started. */
  unfinished: UnfinishedRun[];
  /** Rejects when the server or the worker ends by itself, and when the process ends whose server it is. */
  broken: Promise<never>;
  stop(): Promise<void>;
}

export type HostResult = { host: Host } | { heldBy: FolderLockHolder };

/** Uses the server that the environment names, else starts one here; `heldBy` when a `dev` of this folder runs already. */
export async function openHost(options: HostOptions): Promise<HostResult> {
  const { env, settings } = options;
  if (resolveTemporal({ env }).kind === 'external') {
    return { host: await openWorkerHost(options, findTemporal({ env, stateDir: settings.stateDir })) };
  }
  const lock = acquireFolderLock(settings.stateDir);
  if (!lock.acquired) return { heldBy: lock.heldBy };
  return {
    host: await openOrClose(async (closing) => {
      closing.add(() => lock.lock.release());
      return await openEmbedded(options, lock.lock, closing);
    }),
  };
}

/** A worker beside those that a server may have already. */
export async function openWorkerHost(options: HostOptions, found: FoundTemporal): Promise<Host> {
  const { env } = options;
  const settings = settingsFor(options.settings, found);
  return await openOrClose(async (closing) => {
    const store = openStoreAt(settings.store, settings.keys);
    closing.add(() => store.close());
    const { server, uiUrl } = found;
    const { connectionOptions, namespace } = server;
    const connection = await connectTemporal(server);
    closing.add(() => connection.close());
    await ensureSearchAttributes(connection, namespace, SEARCH_ATTRIBUTES);
    const temporal = temporalClient(connection, namespace, settings.keys);
    const unfinished = await recoverRuns({ temporal, namespace, store, alone: false });
    const system = { connection: connectionOptions, namespace, store, beside: true };
    const served = await serve({ ...options, settings }, system, closing);
    const address = connectionOptions.address;
    return assemble(settings, {
      ...{ closing, env, temporal, namespace, address, store, served, unfinished, isOnlyWorker: false },
      ...(found.dev ? { crashed: watchDev(settings, found.dev, closing) } : {}),
      ...(uiUrl === undefined ? {} : { uiUrl }),
    });
  });
}

async function serve(
  { settings, debug, note, toolboxes, toolboxesOnly, role, build, strict, keepsSaves }: HostOptions,
  server: Pick<ServeOptions, 'connection' | 'namespace' | 'store' | 'beside'>,
  closing: Closing,
): Promise<ServedAgents> {
  const served = await serveAgents({
    settings,
    ...server,
    strict: strict ?? false,
    note,
    ...(debug ? { debug } : {}),
    ...(toolboxes ? { toolboxes } : {}),
    ...(toolboxesOnly ? { toolboxesOnly } : {}),
    ...(role ? { role } : {}),
    ...(build ? { build } : {}),
    ...(keepsSaves ? { keepsSaves } : {}),
  });
  // Workers first, so that they can hand their work back. Of one that failed `broken` tells.
  closing.add(() => served.stop().catch(() => undefined));
  return served;
}

async function openEmbedded(options: HostOptions, lock: FolderLock, closing: Closing): Promise<Host> {
  const { settings, env, note } = options;
  // First, because it is the quickest to fail.
  const store = openStoreAt(settings.store, settings.keys);
  closing.add(() => store.close());
  const cli = await findTemporalCli({ env, cacheDir: join(settings.stateDir, 'bin'), onProgress: searchNotes(note) });
  let crash: (error: Error) => void = () => undefined;
  const crashed = new Promise<never>((_, reject) => (crash = reject));
  crashed.catch(() => undefined);
  const ui: { url?: string } = {};
  // Before the server, whose Web UI is told of it.
  const codec =
    options.codecServer && settings.keys ? await startDevCodecServer(settings.keys, env, () => ui.url) : undefined;
  closing.add(() => codec?.close());
  const server = await startEmbeddedTemporal({
    stateDir: settings.stateDir,
    cliPath: cli.path,
    searchAttributes: SEARCH_ATTRIBUTES,
    env,
    onExit: () =>
      crash(
        new Error(
          `the embedded Temporal server ended by itself; its log: ${join(settings.stateDir, 'logs', 'temporal.log')}`,
        ),
      ),
    synchronous: settings.process.sqliteSynchronous,
    ...(codec ? { uiCodecEndpoint: codec.url } : {}),
  });
  closing.add(() => server.stop());
  const { address, namespace, uiUrl } = server;
  ui.url = uiUrl;
  const connection = await connectTemporal({ kind: 'external', connectionOptions: { address }, namespace });
  closing.add(() => connection.close());
  const temporal = temporalClient(connection, namespace, settings.keys);
  const unfinished = await recoverRuns({ temporal, namespace, store, alone: true });
  const served = await serve(options, { connection: { address }, namespace, store }, closing);
  lock.publish({ address, namespace, uiUrl, taskQueue: settings.taskQueue, store: settings.store });
  return assemble(settings, {
    ...{ closing, env, temporal, namespace, address, uiUrl, store, served, unfinished, crashed, isOnlyWorker: true },
    ...(codec ? { codecUrl: codec.url } : {}),
  });
}

function watchDev({ stateDir }: Settings, dev: FolderLockHolder, closing: Closing): Promise<never> {
  const watched = new AbortController();
  closing.add(() => watched.abort());
  return devEnded(stateDir, dev, watched.signal);
}

interface Parts extends Omit<Host, 'client' | 'broken' | 'stop'>, Pick<HostOptions, 'env'> {
  closing: Closing;
  /** Of the server. */
  crashed?: Promise<never>;
}

function assemble(settings: Settings, { closing, crashed, env, ...parts }: Parts): Host {
  const { taskQueue, identity, approvers } = settings;
  const { temporal, store, served } = parts;
  const texts = openTextReader(settings);
  closing.add(() => texts.close());
  const { tenant, user } = identity;
  // Whoever sits at the terminal may be asked.
  const signer = ownSigner(approvers, env);
  const client = createAgentClient({
    ...{ temporal, store, texts, taskQueue, tenant },
    ...(user === undefined ? {} : { user }),
    ...(signer ? { signer } : {}),
  });
  const workerEnded = served?.worker.finished.then(() => new Promise<never>(() => undefined));
  const endings = [crashed, workerEnded].filter((ending) => ending !== undefined);
  const broken = endings.length === 0 ? new Promise<never>(() => undefined) : Promise.race(endings);
  broken.catch(() => undefined);
  return { ...parts, client, broken, stop: () => closing.close() };
}

/** Joins a `dev` that runs in this folder, as a client. Undefined while that one is still starting. */
export async function joinDev(
  { settings, env }: Pick<HostOptions, 'settings' | 'env'>,
  dev: FolderLockHolder,
): Promise<Host | undefined> {
  const found = devTemporal(dev);
  if (!found) return undefined;
  const joined = settingsFor(settings, found);
  return await openOrClose(async (closing) => {
    const { server, uiUrl } = found;
    const { namespace } = server;
    const connection = await connectTemporal(server);
    closing.add(() => connection.close());
    const store = openStoreAt(joined.store, joined.keys);
    closing.add(() => store.close());
    return assemble(joined, {
      ...{ closing, env, temporal: temporalClient(connection, namespace, joined.keys), namespace, store },
      address: server.connectionOptions.address,
      crashed: watchDev(settings, dev, closing),
      ...(uiUrl === undefined ? {} : { uiUrl }),
      isOnlyWorker: false,
      unfinished: [],
    });
  });
}
