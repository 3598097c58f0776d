import { openLmdbStore } from './lmdb-store';
import { createMemoryStore } from './memory-store';
import type { ContentStore } from './port';

/**
 * @param url `lmdb:<folder>`, relative to the working directory or absolute, or `memory:`
 * @throws Error for any other URL; ApplicationFailure `Store.Unavailable` when the store cannot be opened
 */
export function openStore(url: string): ContentStore {
  const [, scheme, place = ''] = /^([a-z]+):(.*)$/s.exec(url) ?? [];
  if (scheme === 'memory' && place === '') return createMemoryStore();
  if (scheme === 'lmdb' && place !== '') return openLmdbStore({ path: place });
  // The scheme alone: the rest of an unknown URL may hold a password.
  throw new Error(`store "${(scheme ?? url).slice(0, 40)}" is not known. Write "lmdb:<folder>" or "memory:".`);
}
