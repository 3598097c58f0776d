// The library's way in: finds the server and the store that the workers of a project use.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Client, type Connection } from '@temporalio/client';
import { privateKeyOf } from '../activities/keys/decision-signature';
import { dataConverterFor, openKeyRing, type KeyRing } from '../activities/keys';
import type { ContentStore } from '../activities/store';
import { openTextReader } from '../activities/stream/open-streams';
import { connectTemporal } from '../infra/temporal/connect';
import { DEFAULT_TASK_QUEUE } from '../workflows/contract/names';
import { createAgentClient, type AgentClient } from './agent-client';
import { ClientError } from './errors';
import { findTemporal } from './find-temporal';
import { openStoreAt } from './open-store-at';
import type { Signer } from './run-requests';
import { projectStateDir } from './project-state';

export interface CreateClientOptions {
  /** `host:port`. @default what `TEMPORAL_ADDRESS` or a Temporal profile names, else the running `longhaul dev` of the folder */
  address?: string;
  /** @default `TEMPORAL_NAMESPACE` or the profile's, else `default` */
  namespace?: string;
  /** `lmdb:<folder>`, or an open store, which `close` then closes. @default `LONGHAUL_STORE`, else the running `dev`'s, else the folder's */
  store?: string | ContentStore;
  /** `id:key` pairs as in `LONGHAUL_KEYS`: those of the workers. An open store has its own; Temporal is given what these seal. @default `LONGHAUL_KEYS`, else none */
  keys?: string;
  /** @default `LONGHAUL_STATE_DIR`, else `.longhaul` of the nearest folder upward with a longhaul.config or package.json */
  stateDir?: string;
  /** Who starts runs, unless `start` says so. @default 'default' */
  tenant?: string;
  user?: string;
  /** @default `LONGHAUL_TASK_QUEUE`, else the running `dev`'s, else `agents` */
  taskQueue?: string;
  /** Who decides what runs ask: a person of `longhaul.config.ts` with the file of their private key. @default nobody: unsigned */
  signAs?: { person: string; keyFile: string };
}

/**
 * Connects to the server and opens the store that the workers use. Reads the environment, never `longhaul.config.ts`:
 * a caller runs no code of the project. Close it when done.
 * @throws ClientError `temporal-unreachable`, `misconfigured`
 * @throws TemporalUnreachableError, TemporalConfigError
 */
export async function createClient(options: CreateClientOptions = {}): Promise<AgentClient> {
  const env = process.env;
  const cwd = process.cwd();
  const stateDir = path.resolve(cwd, options.stateDir ?? (env['LONGHAUL_STATE_DIR'] || projectStateDir(cwd)));
  const keys = keysOf(options.keys ?? (env['LONGHAUL_KEYS'] || undefined));
  const found = findTemporal({
    env: {
      ...env,
      ...(options.address === undefined ? {} : { TEMPORAL_ADDRESS: options.address }),
      ...(options.address === undefined || options.namespace === undefined
        ? {}
        : { TEMPORAL_NAMESPACE: options.namespace }),
    },
    stateDir,
  });
  const server = options.namespace === undefined ? found.server : { ...found.server, namespace: options.namespace };
  const connection = await connectTemporal(server);
  try {
    const store = options.store ?? (env['LONGHAUL_STORE'] || found.store);
    return createAgentClient({
      temporal: temporalClient(connection, server.namespace, keys),
      store: storeOf(store, stateDir, keys),
      texts: openTextReader({ store: typeof store === 'string' ? store : '', stateDir, keys }),
      taskQueue: options.taskQueue ?? (env['LONGHAUL_TASK_QUEUE'] || found.taskQueue || DEFAULT_TASK_QUEUE),
      tenant: options.tenant ?? 'default',
      ...(options.user === undefined ? {} : { user: options.user }),
      ...(options.signAs ? { signer: signerOf(options.signAs) } : {}),
    });
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** @throws ClientError `misconfigured`, which holds no key */
function signerOf({ person, keyFile }: { person: string; keyFile: string }): Signer {
  try {
    return { by: person, key: privateKeyOf(readFileSync(keyFile, 'utf8')) };
  } catch {
    throw new ClientError('misconfigured', `signAs: ${keyFile} is no private key: "longhaul identity" makes one.`);
  }
}

/** A client of Temporal that seals and opens what workers with these keys do. */
export const temporalClient = (connection: Connection, namespace: string, keys: KeyRing | undefined): Client =>
  new Client({ connection, namespace, dataConverter: dataConverterFor(keys) });

function storeOf(store: string | ContentStore | undefined, stateDir: string, keys: KeyRing | undefined): ContentStore {
  if (typeof store === 'object') return store;
  const url = store ?? `lmdb:${path.join(stateDir, 'store')}`;
  return openStoreAt(url.startsWith('lmdb:') ? `lmdb:${path.resolve(url.slice('lmdb:'.length))}` : url, keys);
}

/** @throws ClientError `misconfigured`, which holds no key */
function keysOf(text: string | undefined): KeyRing | undefined {
  try {
    return text === undefined ? undefined : openKeyRing(text);
  } catch (error) {
    throw new ClientError('misconfigured', `keys: ${error instanceof Error ? error.message : String(error)}`);
  }
}
