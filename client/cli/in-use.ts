// Which store and task queue a command uses: those of the `dev` that it meets, whose workers read no other, else its own settings'.
import type { Settings } from '../../workers/config';
import { withoutCredentials } from '../../workers/describe-settings';
import { ClientError } from '../errors';
import { findTemporal, type FoundTemporal } from '../find-temporal';

/**
 * For commands that hand something to a server's workers.
 * @throws ClientError `misconfigured` when the command line names another store than those workers read
 */
export function settingsFor(settings: Settings, { store, taskQueue }: Omit<FoundTemporal, 'server'>): Settings {
  if (settings.isStoreTyped && store !== undefined && store !== settings.store) {
    const message = `the running longhaul of this folder uses the store ${withoutCredentials(store)}, and its workers read no other: leave --store away, or stop it first.`;
    throw new ClientError('misconfigured', message);
  }
  return { ...settings, store: store ?? settings.store, taskQueue: taskQueue ?? settings.taskQueue };
}

/** For commands that look: one that was typed is meant, whatever runs. */
export function storeInUse(settings: Settings, env: { readonly [name: string]: string | undefined }): string {
  if (settings.isStoreTyped) return settings.store;
  try {
    return findTemporal({ env, stateDir: settings.stateDir }).store ?? settings.store;
  } catch {
    // That no server is named or runs is told where one is needed.
    return settings.store;
  }
}
