// What every command is handed. The store and connections are opened when first asked for, and closed together at the end.
import { existsSync } from 'node:fs';
import { Client } from '@temporalio/client';
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { connectTemporal } from '../../infra/temporal/connect';
import type { Settings } from '../../workers/config';
import { createAgentClient, type AgentClient } from '../agent-client';
import { openStoreAt } from '../connect';
import { ClientError } from '../errors';
import { findTemporal } from '../find-temporal';
import type { Output } from './output';

export interface Connected {
  temporal: Client;
  client: AgentClient;
  address: string;
  namespace: string;
  /** Known of a running `dev`. */
  uiUrl?: string;
  /** Closes the connection; the store stays open until the context is closed. */
  close(): Promise<void>;
}

export interface CliContext {
  readonly settings: Settings;
  readonly output: Output;
  readonly env: { readonly [name: string]: string | undefined };
  /** Where the command was typed. Absolute. */
  readonly cwd: string;
  /** Makes the store where there is none. */
  openStore(): ContentStore;
  /** For commands that only look: an empty store where there is none, and nothing is made. */
  readStore(): ContentStore;
  /** @throws ClientError `temporal-unreachable`; TemporalUnreachableError; TemporalConfigError */
  connect(): Promise<Connected>;
  /** Undefined where no server answers; `why` is told. For commands that can do with the store alone. */
  connectIfPossible(why?: (reason: unknown) => void): Promise<Connected | undefined>;
  close(): Promise<void>;
}

export interface CreateContextOptions {
  settings: Settings;
  output: Output;
  env: CliContext['env'];
  cwd: string;
}

export function createContext({ settings, output, env, cwd }: CreateContextOptions): CliContext {
  let store: ContentStore | undefined;
  const connections = new Set<Connected>();
  const openStore = (): ContentStore => (store ??= openStoreAt(settings.store));
  const readStore = (): ContentStore => {
    const folder = /^lmdb:(.+)$/s.exec(settings.store)?.[1];
    return store ?? (folder === undefined || existsSync(folder) ? openStore() : createMemoryStore());
  };
  const connect = async (): Promise<Connected> => {
    const { server, uiUrl, taskQueue } = findTemporal({ env, stateDir: settings.stateDir });
    const connection = await connectTemporal(server);
    const { namespace } = server;
    const temporal = new Client({ connection, namespace });
    const { tenant, user } = settings.identity;
    const connected: Connected = {
      temporal,
      client: createAgentClient({
        temporal,
        store: openStore(),
        taskQueue: taskQueue ?? settings.taskQueue,
        tenant,
        ...(user === undefined ? {} : { user }),
      }),
      address: server.connectionOptions.address,
      namespace,
      ...(uiUrl === undefined ? {} : { uiUrl }),
      close: async () => {
        if (connections.delete(connected)) await connection.close();
      },
    };
    connections.add(connected);
    return connected;
  };
  return {
    settings,
    output,
    env,
    cwd,
    openStore,
    readStore,
    connect,
    connectIfPossible: async (why) => {
      try {
        return await connect();
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        why?.(error);
        return undefined;
      }
    },
    close: async () => {
      output.close();
      for (const connected of connections) await connected.close();
      await store?.close();
      store = undefined;
    },
  };
}

const isUnreachable = (error: unknown): boolean =>
  (ClientError.isInstance(error) && error.code === 'temporal-unreachable') ||
  (error instanceof Error && error.name === 'TemporalUnreachableError');
