// Which Temporal server a caller talks to: the one that the environment names, or the one that `longhaul dev` keeps up for the folder.
import { resolveTemporal, type ExternalTemporal } from '../infra/temporal/connect';
import { readFolderLock } from '../infra/temporal/folder-lock';
import { ClientError } from './errors';

export interface FoundTemporal {
  server: ExternalTemporal;
  /** Known of a running `dev`. */
  uiUrl?: string;
  taskQueue?: string;
  store?: string;
}

/**
 * Nothing is connected yet.
 * @throws ClientError `temporal-unreachable` when no server is named and no `dev` is running
 * @throws TemporalConfigError when the environment contradicts itself
 */
export function findTemporal(options: {
  env: { readonly [name: string]: string | undefined };
  /** Absolute. */
  stateDir: string;
}): FoundTemporal {
  const choice = resolveTemporal({ env: options.env });
  if (choice.kind === 'external') return { server: choice };
  const dev = readFolderLock(options.stateDir);
  const told = (name: string): string | undefined => {
    const value = dev?.info[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const address = told('address');
  if (address === undefined) throw new ClientError('temporal-unreachable', dev ? starting(dev.pid) : NOT_RUNNING);
  const [uiUrl, taskQueue, store] = [told('uiUrl'), told('taskQueue'), told('store')];
  return {
    server: { kind: 'external', connectionOptions: { address }, namespace: told('namespace') ?? 'default' },
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
