// Needs: a scratch folder; Postgres where there is one. Every store keeps to the same contract, whatever is behind it, with keys and
// without, as itself and as a tenant sees it.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { openKeyRing } from '../../activities/keys/key-ring';
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { shareLmdbTables } from '../../activities/store/lmdb-database';
import { openStore } from '../../activities/store/open-store';
import { describeWithPostgres, startPostgres, type TestPostgres } from '../stack/postgres';
import { contentStoreSuite, durableStoreSuite } from './content-store.spec';

const [now, before, names] = [1, 2, 3].map(() => randomBytes(32).toString('base64'));
const keys = openKeyRing(`now:${now},before:${before},names:${names}`);

const WAYS = [
  { way: '', keys: undefined, seen: (store: ContentStore) => store },
  { way: ', with keys', keys, seen: (store: ContentStore) => store },
  { way: ', with keys, as a tenant sees it', keys, seen: (store: ContentStore) => store.of('a tenant') },
];

function altered(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8((copy.at(-1) ?? 0) ^ 1, copy.length - 1);
  return copy;
}

async function damageLmdb(folder: string, hash: string): Promise<void> {
  const [file] = (await readdir(join(folder, 'large'))).filter((name) => name.startsWith(hash));
  if (file !== undefined) {
    const path = join(folder, 'large', file);
    await writeFile(path, altered(await readFile(path)));
    return;
  }
  const { objects, close } = shareLmdbTables(folder);
  const key = Buffer.from(hash, 'hex');
  await objects.put(key, altered(objects.getBinary(key) ?? Buffer.alloc(1)));
  await close();
}

async function damagePostgres(url: string, hash: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const table = `${new URL(url).searchParams.get('schema')}.objects`;
  const name = Buffer.from(hash, 'hex');
  const { rows } = await client.query<{ bytes: Buffer }>(`SELECT bytes FROM ${table} WHERE name = $1`, [name]);
  await client.query(`UPDATE ${table} SET bytes = $2 WHERE name = $1`, [
    name,
    altered(rows[0]?.bytes ?? Buffer.alloc(1)),
  ]);
  await client.end();
}

for (const { way, seen, keys: ring } of WAYS) {
  contentStoreSuite(`memory${way}`, () =>
    Promise.resolve({ store: seen(createMemoryStore(Date.now, ring)), remove: () => Promise.resolve() }),
  );

  durableStoreSuite(`lmdb${way}`, async () => {
    // A dot in the name, which lmdb-js by itself takes for a file's.
    const folder = join(await mkdtemp(join(tmpdir(), 'longhaul-test-')), 'a.store');
    const open = (): ContentStore => seen(openStore(`lmdb:${folder}`, { keys: ring }));
    return {
      store: open(),
      again: open,
      damage: (hash) => damageLmdb(folder, hash),
      remove: () => rm(join(folder, '..'), { recursive: true }),
    };
  });
}

describeWithPostgres('with Postgres', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.remove());

  for (const { way, seen, keys: ring } of WAYS) {
    durableStoreSuite(`postgres${way}`, () => {
      const url = postgres.freshUrl();
      const open = (): ContentStore => seen(openStore(url, { keys: ring }));
      return Promise.resolve({
        store: open(),
        again: open,
        damage: (hash) => damagePostgres(url, hash),
        remove: () => Promise.resolve(),
      });
    });
  }
});
