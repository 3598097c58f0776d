// Which Temporal server a caller talks to: the one that the environment names, or the one that `longhaul dev` keeps up for the folder.
import { resolveTemporal, type ExternalTemporal } from '../infra/temporal/resolve-temporal';
import { readFolderLock, type FolderLockHolder } from '../infra/temporal/folder-lock';
import { ClientError } from './errors';

export interface FoundTemporal {
  server: ExternalTemporal;
  /** Known of a running `dev`. */
  uiUrl?: string;
  taskQueue?: string;
  store?: string;
  /** The process that keeps it up, unless the environment named the server: with that process its address ends to mean it. */
  dev?: FolderLockHolder;
}

/**
 * Nothing is connected yet. A `dev` that is named by its address is known for what it is.
 * @throws ClientError `temporal-unreachable` when no server is named and no `dev` is running
 * @throws TemporalConfigError when the environment contradicts itself
 */
export function findTemporal(options: {
  env: { readonly [name: string]: string | undefined };
  /** Absolute. */
  stateDir: string;
}): FoundTemporal {
  const choice = resolveTemporal({ env: options.env });
  const holder = readFolderLock(options.stateDir);
  const dev = holder && devTemporal(holder);
  if (choice.kind === 'external') {
    const isDev =
      choice.connectionOptions.address === dev?.server.connectionOptions.address &&
      choice.namespace === dev.server.namespace;
    if (!isDev) return { server: choice };
    const { dev: _process, ...known } = dev;
    return { ...known, server: choice };
  }
  if (dev) return dev;
  throw new ClientError('temporal-unreachable', holder ? starting(holder.pid) : NOT_RUNNING);
}

/** What the process that holds a folder keeps up; undefined while it is still starting. */
export function devTemporal(dev: FolderLockHolder): FoundTemporal | undefined {
  const { info } = dev;
  const told = (name: string): string | undefined => {
    const value = info[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [address, uiUrl, taskQueue, store] = [told('address'), told('uiUrl'), told('taskQueue'), told('store')];
  if (address === undefined) return undefined;
  return {
    server: { kind: 'external', connectionOptions: { address }, namespace: told('namespace') ?? 'default' },
    dev,
    ...(uiUrl === undefined ? {} : { uiUrl }),
    ...(taskQueue === undefined ? {} : { taskQueue }),
    ...(store === undefined ? {} : { store }),
  };
}

const NOT_RUNNING =
  'no Temporal server is running for this folder: start one with "longhaul dev", or set TEMPORAL_ADDRESS to one that runs.';
const starting = (pid: number): string =>
  `longhaul is starting in this folder (pid ${pid}) and has no server yet: try again in a moment.`;

/** The page of a run in Temporal's Web UI. */
export const webUiLink = (uiUrl: string, namespace: string, id: string): string =>
  `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(id)}`;
