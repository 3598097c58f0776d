// The store that a caller names.
import type { KeyRing } from '../activities/keys';
import type { ContentStore } from '../activities/store';
import { openStore } from '../activities/store/open-store';
import { ClientError } from './errors';

/** @throws ClientError `misconfigured` for a URL that names no store; ApplicationFailure `Store.Unavailable` */
export function openStoreAt(url: string, keys: KeyRing | undefined): ContentStore {
  try {
    return openStore(url, { keys });
  } catch (error) {
    // A store that cannot be opened has a failure of its own; a plain error is what its URL was answered with.
    if (!(error instanceof Error) || error.name !== 'Error') throw error;
    throw new ClientError('misconfigured', error.message, { cause: error });
  }
}
