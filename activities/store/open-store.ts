// The one place that knows every adapter. Apart from the index of this folder, so that who needs no database loads none.
import type { KeyRing } from '../keys/key-ring';
import type { StoreBackend } from './backend';
import { openLmdbBackend } from './lmdb-store';
import { createMemoryBackend } from './memory-store';
import type { ContentStore } from './port';
import type * as postgresStore from './postgres-store';
import { sealedStore } from './sealed-store';

/** Object storage for large objects has its place here too: an adapter around one that keeps the refs. */
const KNOWN = '"lmdb:<folder>", "postgres://<host>/<database>" or "memory:"';

/**
 * @param url `lmdb:<folder>`, relative to the working directory or absolute; `postgres://...`; or `memory:`
 * @param options.keys seals what is stored, and opens what was
 * @throws Error for any other URL; ApplicationFailure `Store.Unavailable` when the store cannot be opened. Neither holds a password.
 */
export function openStore(url: string, { keys }: { keys?: KeyRing | undefined } = {}): ContentStore {
  return sealedStore(openBackend(url), keys);
}

function openBackend(url: string): StoreBackend {
  const [, scheme, place = ''] = /^([a-z]+):(.*)$/s.exec(url) ?? [];
  if (scheme === 'memory' && place === '') return createMemoryBackend();
  if (scheme === 'lmdb' && place !== '') return openLmdbBackend({ path: place });
  if (scheme === 'postgres' || scheme === 'postgresql') {
    // Its driver is loaded where it is used: who has the embedded store does not wait for it, and opening stays synchronous.
    const { openPostgresBackend } = require('./postgres-store') as typeof postgresStore;
    return openPostgresBackend(url);
  }
  // The scheme alone: the rest of an unknown URL may hold a password.
  throw new Error(`store "${(scheme ?? url).slice(0, 40)}" is not known. Write ${KNOWN}.`);
}
