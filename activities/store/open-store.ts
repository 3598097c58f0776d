import { openLmdbStore } from './lmdb-store';
import { createMemoryStore } from './memory-store';
import type { ContentStore } from './port';

/**
 * @param url `lmdb:<folder>`, or `memory:` for what need not outlive the process
 * @throws Error in one line for any other
 */
export function openStore(url: string): ContentStore {
  if (url === 'memory:') return createMemoryStore();
  const folder = /^lmdb:(.+)$/.exec(url)?.[1];
  if (folder !== undefined) return openLmdbStore({ path: folder });
  throw new Error(`the store "${url}" is not known: write lmdb:<folder>.`);
}
