// Needs: a scratch folder. A database that was damaged or cut short is refused: never read as if it held less.
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContentStore } from '../../activities/store';
import { allRefs } from '../../activities/store';
import { collectGarbage } from '../../activities/store/garbage/collect-garbage';
import { openStore } from '../../activities/store/open-store';
import { readThrough } from '../../activities/store/read-through';
import { copyStore, damagePages, emptied, KINDS } from '../stack/damaged-pages';

const RUNS = 12;
const CALLS = 40;
const callsOf = (run: number): string => `call/${String(run).padStart(2, '0')}/`;
const object = (run: number, call: number): Buffer => Buffer.from(`"${run} ${call} ${'x'.repeat(call * 30)}"`);

let folder: string;
let whole: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-test-'));
  whole = join(folder, 'whole');
  const store = openStore(`lmdb:${whole}`);
  for (let run = 0; run < RUNS; run++) {
    const objects = Array.from({ length: CALLS }, (_, call) => object(run, call));
    const refs = objects.map((bytes, call) => ({
      op: 'put' as const,
      name: `${callsOf(run)}${String(call).padStart(4, '0')}`,
      // Some on pages of their own.
      value: { of: store.nameOf(bytes), text: 'y'.repeat(call % 9 === 0 ? 6_000 : 300) },
    }));
    await store.commit({ objects, refs });
  }
  await store.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

let copies = 0;
const copy = (): string => copyStore(whole, join(folder, `copy-${(copies += 1)}`));

async function on<T>(path: string, work: (store: ContentStore) => Promise<T>): Promise<T> {
  const store = openStore(`lmdb:${path}`);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const IS_LEAF = 0x02;
const isLeaf = (page: Buffer): boolean => page.readUInt16LE(18) === IS_LEAF;
const isLeafOf = (page: Buffer, text: string): boolean => isLeaf(page) && page.includes(text);
const corrupt = {
  type: 'Store.ObjectCorrupt',
  message: expect.stringMatching(/^the store lmdb:.* is damaged: .*data\.mdb/),
};

test('the copies are whole before they are damaged', async () => {
  await on(whole, async (store) => {
    await readThrough(store);
    expect(await allRefs(store, '')).toHaveLength(RUNS * CALLS);
    expect(await store.listObjects()).toHaveLength(RUNS * CALLS);
  });
});

describe.each(KINDS.map((to, kind) => ({ kind, to })))('damage of kind $kind', ({ to }) => {
  test('in one leaf after another: listings are whole or refused', async () => {
    const pages = readFileSync(join(whole, 'data.mdb'));
    const leaves: number[] = [];
    for (let at = 2; at < pages.length / 4096; at++) if (isLeaf(pages.subarray(at * 4096))) leaves.push(at);
    let refused = 0;
    for (const leaf of leaves.filter((_, nth) => nth % 5 === 0)) {
      const damaged = copy();
      expect(damagePages(damaged, { of: (_, at) => at === leaf, to })).toBe(1);
      const lists = (store: ContentStore): Promise<number>[] => [
        allRefs(store, '').then(({ length }) => length),
        store.listObjects().then(({ length }) => length),
      ];
      const listed = await on(damaged, (store) => Promise.allSettled(lists(store))).catch(() => []);
      for (const one of listed) {
        if (one.status === 'fulfilled') expect(one.value).toBe(RUNS * CALLS);
        else expect(one.reason).toMatchObject(corrupt);
      }
      refused += listed.length === 0 || listed.some(({ status }) => status === 'rejected') ? 1 : 0;
      rmSync(damaged, { recursive: true });
    }
    expect(refused).toBeGreaterThan(3);
  }, 60_000);

  test('in all records of a run: they are not said to be none', async () => {
    const damaged = copy();
    expect(damagePages(damaged, { of: (page) => isLeafOf(page, callsOf(7)), to })).toBeGreaterThan(3);
    await on(damaged, async (store) => {
      await expect(store.listRefs(callsOf(7))).rejects.toMatchObject(corrupt);
      await expect(store.listRefs(callsOf(7), { limit: 1 })).rejects.toMatchObject(corrupt);
      expect(await store.listRefs(callsOf(2))).toHaveLength(CALLS);
    });
  });

  test('garbage collection refuses, and leaves every byte as it is', async () => {
    const damaged = copy();
    damagePages(damaged, { of: (page) => isLeafOf(page, callsOf(3)), to });
    const before = readFileSync(join(damaged, 'data.mdb'));
    await on(damaged, (store) => expect(collectGarbage(store)).rejects.toMatchObject(corrupt));
    expect(readFileSync(join(damaged, 'data.mdb')).equals(before)).toBe(true);
  });
});

test('what LMDB does not find on a damaged page is not said to be missing', async () => {
  const damaged = copy();
  const name = await on(damaged, (store) => Promise.resolve(store.nameOf(object(5, 3))));
  const key = Buffer.from(name, 'hex');
  const of = (page: Buffer): boolean => isLeaf(page) && (page.includes(callsOf(5)) || page.includes(key));
  damagePages(damaged, { of, to: emptied });
  await on(damaged, async (store) => {
    await expect(store.readRef(`${callsOf(5)}0003`)).rejects.toMatchObject(corrupt);
    await expect(store.has([name])).rejects.toMatchObject(corrupt);
    await expect(store.get([name])).rejects.toMatchObject(corrupt);
  });
});

test.each([100, 5_000, 8_192, 100_000, -4_096, -1])('a file cut to %d bytes is one clear line', (bytes) => {
  const cut = copy();
  const path = join(cut, 'data.mdb');
  truncateSync(path, bytes < 0 ? statSync(path).size + bytes : bytes);
  expect(() => openStore(`lmdb:${cut}`)).toThrow(
    expect.objectContaining({
      type: 'Store.Unavailable',
      message: expect.stringMatching(/^the store lmdb:.*data\.mdb is cut short: it has \d+ of \d+ bytes/),
    }) as Error,
  );
});

test('a file whose last pages were never written is whole: LMDB leaves them out where they are free', async () => {
  const short = copy();
  const path = join(short, 'data.mdb');
  const file = readFileSync(path);
  for (const meta of [0, 4096]) {
    const lastPage = meta + 24 + 120;
    file.writeUInt32LE(file.readUInt32LE(lastPage) + 50, lastPage);
  }
  writeFileSync(path, file);
  await on(short, async (store) => {
    await readThrough(store);
    await store.commit({ objects: [Buffer.alloc(20_000, 1)], refs: [{ op: 'put', name: 'more', value: 1 }] });
    expect(await allRefs(store, '')).toHaveLength(RUNS * CALLS + 1);
  });
});
