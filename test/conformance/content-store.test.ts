// Needs: a scratch folder. Every adapter of the content store keeps to the same contract.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStore } from '../../activities/store';
import { openLmdbTables } from '../../activities/store/lmdb-database';
import { openStore } from '../../activities/store/open-store';
import { contentStoreSuite, durableStoreSuite } from './content-store.spec';

contentStoreSuite('memory', () => Promise.resolve({ store: createMemoryStore(), remove: () => Promise.resolve() }));

durableStoreSuite('lmdb', async () => {
  // A dot in the name, which lmdb-js by itself takes for a file's.
  const folder = join(await mkdtemp(join(tmpdir(), 'longhaul-test-')), 'a.store');
  return {
    store: openStore(`lmdb:${folder}`),
    again: () => openStore(`lmdb:${folder}`),
    damage: async (hash) => {
      const { root, objects } = openLmdbTables(folder);
      const key = Buffer.from(hash, 'hex');
      const stored = objects.getBinary(key) ?? Buffer.alloc(0);
      if (stored.length === 1) await writeFile(join(folder, 'large', hash), 'other bytes');
      else await objects.put(key, Buffer.concat([stored.subarray(0, -1), Buffer.of(0)]));
      await root.close();
    },
    remove: () => rm(join(folder, '..'), { recursive: true }),
  };
});
