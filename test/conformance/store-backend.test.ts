// Needs: a scratch folder; Postgres where there is one. Every adapter of the store keeps to the same contract.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbBackend } from '../../activities/store/lmdb-store';
import { createMemoryBackend } from '../../activities/store/memory-store';
import { openPostgresBackend } from '../../activities/store/postgres-store';
import { describeWithPostgres, startPostgres, type TestPostgres } from '../stack/postgres';
import { storeBackendSuite } from './store-backend.spec';

storeBackendSuite('memory', () => Promise.resolve({ backend: createMemoryBackend(), remove: () => Promise.resolve() }));

storeBackendSuite('lmdb', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-test-'));
  return {
    backend: openLmdbBackend({ path: folder }),
    again: () => openLmdbBackend({ path: folder }),
    remove: () => rm(folder, { recursive: true }),
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
