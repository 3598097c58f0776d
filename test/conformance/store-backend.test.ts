// Needs: a scratch folder; Postgres where there is one. Every adapter of the store keeps to the same contract.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbBackend } from '../../activities/store/lmdb-store';
import { createMemoryBackend } from '../../activities/store/memory-store';
import { openPostgresBackend } from '../../activities/store/postgres-store';
import { describeWithPostgres, startPostgres, type TestPostgres } from '../stack/postgres';
import { copyStore, damagePages, KINDS } from '../stack/damaged-pages';
import { storeBackendSuite } from './store-backend.spec';

storeBackendSuite('memory', () => Promise.resolve({ backend: createMemoryBackend(), remove: () => Promise.resolve() }));

storeBackendSuite('lmdb', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'longhaul-test-'));
  const folder = join(scratch, 'store');
  return {
    backend: openLmdbBackend({ path: folder }),
    again: () => openLmdbBackend({ path: folder }),
    damaged: () =>
      KINDS.flatMap((to, kind) =>
        Array.from({ length: 5 }, (_, spot) => () => {
          const copy = copyStore(folder, join(scratch, `damaged-${kind}-${spot}-${randomUUID()}`));
          damagePages(copy, { of: (_page, at) => at % 5 === spot, to });
          return openLmdbBackend({ path: copy });
        }),
      ),
    remove: () => rm(scratch, { recursive: true }),
  };
});

describeWithPostgres('with Postgres', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.remove());

  storeBackendSuite('postgres', () => {
    const url = postgres.freshUrl();
    return Promise.resolve({
      backend: openPostgresBackend(url),
      again: () => openPostgresBackend(url),
      remove: () => Promise.resolve(),
    });
  });
});
