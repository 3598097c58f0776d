// What every command is handed. The store and connections are opened when first asked for, and closed together at the end.
import { existsSync } from 'node:fs';
import type { Client } from '@temporalio/client';
import { createMemoryStore, type ContentStore } from '../../activities/store';
import type { Settings } from '../../workers/config';
import type { AgentClient } from '../agent-client';
import { ClientError } from '../errors';
import { findTemporal, type FoundTemporal } from '../find-temporal';
import { openStoreAt } from '../open-store-at';
import { createClosing } from './closing';
import { settingsFor, storeInUse } from './in-use';
import { ownSigner } from './own-identity';
import { readingTold } from './reading-told';
import type { Output } from './output';
import type * as temporalPartsModule from './temporal-parts';

export interface Connected {
  temporal: Client;
  client: AgentClient;
  address: string;
  namespace: string;
  /** That runs are started on. */
  taskQueue: string;
  /** Known of a running `dev`. */
  uiUrl?: string;
  /** Closes the connection; the store stays open until the context is closed. */
  close(): Promise<void>;
}

export interface CliContext {
  readonly settings: Settings;
  /** What of the configuration cannot be used, a line each. Empty for all commands but `doctor`, which are refused before. */
  readonly misconfigured: readonly string[];
  readonly output: Output;
  readonly env: { readonly [name: string]: string | undefined };
  /** URL of the store that the command reads: that of a running `dev`, unless the command line names one. */
  storeUrl(): string;
  /** Where the command was typed. Absolute. */
  readonly cwd: string;
  /** Makes the store where there is none. */
  openStore(): ContentStore;
  /** For commands that only look: an empty store where there is none, and nothing is made. */
  readStore(): ContentStore;
  /** @throws ClientError `temporal-unreachable`, `misconfigured`; TemporalUnreachableError; TemporalConfigError */
  connect(): Promise<Connected>;
  /** Undefined where no server answers; `why` is told. For commands that can do with the store alone. */
  connectIfPossible(why?: (reason: unknown) => void): Promise<Connected | undefined>;
  close(): Promise<void>;
}

export interface CreateContextOptions {
  settings: Settings;
  /** @default none */
  misconfigured?: readonly string[];
  output: Output;
  env: CliContext['env'];
  cwd: string;
}

export function createContext({ settings, misconfigured = [], output, env, cwd }: CreateContextOptions): CliContext {
  let store: ContentStore | undefined;
  const connections = new Set<Connected>();
  let url: string | undefined;
  const storeUrl = (): string => (url ??= storeInUse(settings, env));
  const openStore = (): ContentStore => (store ??= openStoreAt(storeUrl(), settings.keys));
  const absent = toldOnce(output);
  const telling = readingTold((text) => output.wait(text));
  const readStore = (): ContentStore => {
    const folder = /^lmdb:(.+)$/s.exec(storeUrl())?.[1];
    if (store || folder === undefined || existsSync(folder)) return telling(store ?? openStore());
    absent(folder);
    return telling(createMemoryStore());
  };
  const connectTo = async ({ server, uiUrl, taskQueue = settings.taskQueue }: FoundTemporal): Promise<Connected> => {
    // First, because it is the quickest to fail.
    const opened = openStore();
    const { connectTemporal, temporalClient, createAgentClient, openTextReader } = temporalParts();
    const connection = await connectTemporal(server);
    const temporal = temporalClient(connection, server.namespace, settings.keys);
    const signer = ownSigner(settings.approvers, env);
    const texts = openTextReader({ store: storeUrl(), stateDir: settings.stateDir, keys: settings.keys });
    const connected: Connected = {
      temporal,
      client: createAgentClient({
        temporal,
        store: opened,
        texts,
        taskQueue,
        ...settings.identity,
        ...(signer ? { signer } : {}),
      }),
      address: server.connectionOptions.address,
      namespace: server.namespace,
      taskQueue,
      ...(uiUrl === undefined ? {} : { uiUrl }),
      close: async () => {
        if (!connections.delete(connected)) return;
        await texts.close();
        await connection.close();
      },
    };
    connections.add(connected);
    return connected;
  };
  const found = (): FoundTemporal => findTemporal({ env, stateDir: settings.stateDir });
  return {
    settings,
    misconfigured,
    output,
    env,
    cwd,
    storeUrl,
    openStore,
    readStore,
    connect: async () => {
      const server = found();
      settingsFor(settings, server);
      return await connectTo(server);
    },
    connectIfPossible: async (why) => {
      try {
        return await connectTo(found());
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        why?.(error);
        return undefined;
      }
    },
    close: async () => {
      output.close();
      const closing = createClosing();
      const opened = store;
      store = undefined;
      closing.add(() => opened?.close());
      for (const connected of connections) closing.add(() => connected.close());
      await closing.close();
    },
  };
}

/** Half a second, which commands that only read the store need not wait for. */
const temporalParts = (): typeof temporalPartsModule => require('./temporal-parts') as typeof temporalPartsModule;

/** Of a store that was mistyped "no runs" alone would be a lie. */
function toldOnce(output: Output): (folder: string) => void {
  let isTold = false;
  return (folder) => {
    if (!isTold) output.note(`there is no store at ${output.safeLine(folder)} yet: nothing is recorded there.`);
    isTold = true;
  };
}

const isUnreachable = (error: unknown): boolean =>
  (ClientError.isInstance(error) && error.code === 'temporal-unreachable') ||
  (error instanceof Error && error.name === 'TemporalUnreachableError');
