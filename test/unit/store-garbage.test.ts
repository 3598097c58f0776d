// Needs: a scratch folder; Postgres where there is one. Only what nobody names is deleted, also beside writers.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { openKeyRing } from '../../activities/keys/key-ring';
import { createMemoryStore, encodeNode, type ContentStore } from '../../activities/store';
import { createMemoryBackend } from '../../activities/store/memory-store';
import { openStore } from '../../activities/store/open-store';
import { sealedStore } from '../../activities/store/sealed-store';
import { collectGarbage } from '../../activities/store/garbage/collect-garbage';
import { describeWithPostgres, startPostgres, type TestPostgres } from '../stack/postgres';

const put = async (store: ContentStore, bytes: Uint8Array): Promise<string> =>
  (await store.commit({ objects: [bytes] })).hashes[0] ?? '';
const linkedSchema = z.object({ head: z.string() });
const hour = 60 * 60 * 1_000;

describe('on a clock of its own', () => {
  let now: number;
  let store: ContentStore;
  beforeEach(() => {
    now = 1_000 * hour;
    store = createMemoryStore(() => now);
  });
  const collect = (dryRun = false) => collectGarbage(store, { dryRun });

  test('what a ref names stays, through chains too; the rest goes with the second mark, a grace after the first', async () => {
    const message = await put(store, Buffer.from('"said"'));
    const first = await put(store, encodeNode({ parent: null, message }));
    const head = await put(store, encodeNode({ parent: first, message }));
    const dead = await put(store, Buffer.from('"unsaid"'));
    await store.commit({ refs: [{ op: 'put', name: 'head/a/b', value: { head, request: 'f'.repeat(64) } }] });
    now += 1;
    // With the clock: of what looks like a name, only objects that there are.
    expect(await collect()).toMatchObject({ alive: 4, freed: { objects: 0 }, waiting: { objects: 1 } });
    now += 23 * hour;
    expect(await collect()).toMatchObject({ freed: { objects: 0 }, nextAt: 1_024 * hour + 1 });
    now += hour;
    expect(await collect(true)).toMatchObject({ freed: { objects: 1 } });
    expect(await store.has([dead])).toEqual([true]);
    expect(await collect()).toMatchObject({ freed: { objects: 1 } });
    expect(await store.has([message, first, head, dead])).toEqual([true, true, true, false]);
  });

  test('what was put again since, or is named by then, stays', async () => {
    const again = await put(store, Buffer.from('"again"'));
    const named = await put(store, Buffer.from('"named"'));
    now += 1;
    await collect();
    now += 25 * hour;
    await put(store, Buffer.from('"again"'));
    await store.commit({ refs: [{ op: 'put', name: 'x', value: [named] }] });
    expect(await collect()).toMatchObject({ freed: { objects: 0 } });
    expect(await store.has([again, named])).toEqual([true, true]);
  });
});

test('what cannot be read may name anything: nothing is deleted', async () => {
  let now = hour;
  const backend = createMemoryBackend(() => now);
  const plain = sealedStore(backend);
  const sealed = sealedStore(backend, openKeyRing(`one:${randomBytes(32).toString('base64')}`));
  const dead = await put(plain, Buffer.from('"dead"'));
  const secret = await put(sealed, Buffer.from('"secret"'));
  await plain.commit({ refs: [{ op: 'put', name: 'x', value: secret }] });
  await expect(collectGarbage(plain)).rejects.toMatchObject({ type: 'Store.KeyMissing' });
  now += 1;
  await collectGarbage(sealed);
  now += 25 * hour;
  await expect(collectGarbage(plain)).rejects.toMatchObject({ type: 'Store.KeyMissing' });
  expect(await plain.has([dead])).toEqual([true]);
});

/**
 * Writers put the same few objects again and again, name some for a while, and look at once whether they are there. Others put theirs
 * once, and then only link and name what they find by a ref, as activities do.
 */
async function besideWriters(open: () => ContentStore): Promise<void> {
  const [writing, collecting, other] = [open(), open(), open()];
  let freed = 0;
  let done = false;
  const write = async (writer: number): Promise<void> => {
    for (let round = 0; round < 150; round++) {
      const message = await put(writing, Buffer.from(`"message ${(round * 7 + writer) % 10}"`));
      const node = encodeNode({ parent: null, message });
      const name = `head/${writer}`;
      await writing.commit({
        objects: [Buffer.from(`"message ${(round * 7 + writer) % 10}"`), node],
        refs: [{ op: 'put', name, value: { head: writing.nameOf(node) } }],
      });
      expect(await writing.has([message, writing.nameOf(node)])).toEqual([true, true]);
      if (round % 3 === 0) await writing.deleteRef(name);
    }
  };
  const link = async (linker: number): Promise<void> => {
    const name = (at: number): string => `head/linker ${linker}/${(at * 7) % 10}`;
    const said = Buffer.from(`"said once, by ${linker}"`);
    const message = writing.nameOf(said);
    const first = encodeNode({ parent: null, message });
    const root = writing.nameOf(first);
    let before: string[] = [];
    await writing.commit({ objects: [said, first], refs: [{ op: 'put', name: name(0), value: { head: root } }] });
    for (let round = 0; round < 150; round++) {
      const { head } = linkedSchema.parse((await writing.readRef(name(round)))?.value);
      // A head moves on by one node and now and then begins anew; then its ref is copied, and the copied one goes.
      const isLong = before.length === 8;
      const node = encodeNode({ parent: isLong ? root : head, message });
      const value = { head: writing.nameOf(node) };
      before = isLong ? [root] : [...before, head];
      await writing.commit({ objects: [node], refs: [{ op: 'put', name: name(round), value }] });
      await writing.commit({ refs: [{ op: 'put', name: name(round + 1), value }] });
      await writing.deleteRef(name(round));
      const named = [message, ...before, value.head];
      expect(await writing.has(named)).toEqual(named.map(() => true));
    }
  };
  const collect = async (store: ContentStore): Promise<void> => {
    // As short as it can be and still longer than what the writers do between a put and its ref.
    while (!done) {
      const collected = await collectGarbage(store, { graceMs: 20 });
      // Added only now: `freed += await` would forget what the other has counted meanwhile.
      freed += collected.freed.objects;
    }
  };
  const collectors = [collect(collecting), collect(other)];
  await Promise.all([write(1), write(2), write(3), link(1), link(2)]).finally(() => (done = true));
  await Promise.all(collectors);
  expect(freed).toBeGreaterThan(0);
  await Promise.all([writing.close(), collecting.close(), other.close()]);
}

test('beside writers, on the embedded store', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-test-'));
  await besideWriters(() => openStore(`lmdb:${folder}`));
  await rm(folder, { recursive: true });
}, 60_000);

describeWithPostgres('with Postgres', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.remove());
  test('beside writers', async () => {
    const url = postgres.freshUrl();
    await besideWriters(() => openStore(url));
  }, 60_000);
});
