// What every content store keeps to, whatever is behind it. Run by content-store.test.ts for each adapter, with keys and without.
import { createHash, randomBytes } from 'node:crypto';
import type { ContentStore, RefWrite } from '../../activities/store';

export interface StoreUnderTest {
  store: ContentStore;
  /** The same place once more, as another process would open it. */
  again(): ContentStore;
  /** Changes the stored bytes of an object behind the store's back. */
  damage(hash: string): Promise<void>;
  remove(): Promise<void>;
}

/** What lives in a process alone cannot be opened twice, and nobody else can reach its bytes. */
export type InProcess = Pick<StoreUnderTest, 'store' | 'remove'>;

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const absent = sha256(text('nobody stored this'));

export function contentStoreSuite(name: string, open: () => Promise<InProcess>): void {
  describe(`content store: ${name}`, () => {
    let under: InProcess;
    let store: ContentStore;
    beforeEach(async () => {
      under = await open();
      store = under.store;
    });
    afterEach(async () => {
      await store.close();
      await under.remove();
    });
    const put = (...refs: RefWrite[]) => store.commit({ refs });

    describe('objects', () => {
      test('come back byte for byte, in the order asked, under the names foretold', async () => {
        const objects = [text('one'), text(''), Uint8Array.of(0, 255, 10), text('one')];
        const { hashes } = await store.commit({ objects });
        expect(hashes).toEqual(objects.map(store.nameOf));
        for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
        const asked = [...hashes].reverse();
        expect((await store.get(asked)).map((bytes) => Buffer.from(bytes))).toEqual(
          [...objects].reverse().map((bytes) => Buffer.from(bytes)),
        );
        expect(await store.get([])).toEqual([]);
      });

      test('of every size, a 12 MB one among small ones', async () => {
        const sizes = [1, 100, 2_000, 4_096, 131_072, 131_073, 262_144, 262_145];
        // What compresses, what does not, and what does only at its end, where no sample looks.
        const objects = sizes.flatMap((size) => [
          Buffer.alloc(size, size % 251),
          randomBytes(size),
          Buffer.concat([randomBytes(size), Buffer.alloc(size)]),
        ]);
        objects.push(randomBytes(12_000_000));
        const { hashes } = await store.commit({ objects });
        const read = await store.get(hashes);
        expect(read.map((bytes, at) => objects[at]?.equals(bytes))).toEqual(objects.map(() => true));
        expect(await store.has(hashes)).toEqual(objects.map(() => true));
      });

      test('are not changed by what a caller does to its buffers', async () => {
        const mine = text('mine');
        const large = Buffer.alloc(300_000, 1);
        const name = store.nameOf(large);
        const committing = store.commit({ objects: [mine, large] });
        mine.fill(0);
        large.fill(0);
        const [hash = '', largeHash = ''] = (await committing).hashes;
        expect(largeHash).toBe(name);
        expect((await store.get([largeHash]))[0]?.every((byte) => byte === 1)).toBe(true);
        (await store.get([hash]))[0]?.fill(1);
        expect(Buffer.from((await store.get([hash]))[0] ?? '').toString()).toBe('mine');
      });

      test('that are missing are named, and so is what is no hash at all', async () => {
        const [hash = ''] = (await store.commit({ objects: [text('here')] })).hashes;
        await expect(store.get([hash, absent])).rejects.toMatchObject({
          type: 'Store.ObjectMissing',
          message: expect.stringContaining(absent) as string,
        });
        await expect(store.get(['../etc/passwd'])).rejects.toMatchObject({ type: 'Store.ObjectMissing' });
        expect(await store.has([absent, hash])).toEqual([false, true]);
      });

      test('of every tenant are read under their name by all, and listed and deleted by all', async () => {
        const objects = [text('the same of both')];
        const [ours, theirs] = [store.of('ours'), store.of('theirs/é')] as const;
        const [[first = ''], [second = '']] = [
          (await ours.commit({ objects })).hashes,
          (await theirs.commit({ objects })).hashes,
        ];
        expect([first, second]).toEqual([ours, theirs].map((view) => view.nameOf(objects[0] ?? text(''))));
        expect(
          store
            .of('ours')
            .of('theirs/é')
            .nameOf(objects[0] ?? text('')),
        ).toBe(second);
        for (const view of [store, ours, theirs]) {
          const [bytes] = await view.get([second]);
          expect(Buffer.from(bytes ?? '').toString()).toBe('the same of both');
          expect(await view.has([first, second])).toEqual([true, true]);
          expect((await view.listObjects()).map(({ name }) => name)).toEqual([...new Set([first, second])].sort());
        }
        await theirs.commit({ refs: [{ op: 'put', name: 'shared', value: 1 }] });
        expect(await ours.readRef('shared')).toMatchObject({ value: 1 });
        const [{ lastPut } = { lastPut: 0 }] = await store.listObjects({ limit: 1 });
        expect(await ours.deleteObjects([second], lastPut - 60_000)).toEqual([]);
        expect(await ours.deleteObjects([second], lastPut + 60_000)).toEqual([second]);
        expect(await store.has([first, second])).toEqual([first !== second, false]);
        await expect(store.deleteObjects(['../large'], Infinity)).rejects.toMatchObject({
          type: 'Store.ObjectMissing',
        });
      });
    });

    describe('refs', () => {
      test('hold any JSON, and versions grow with each write, even after a delete', async () => {
        const value = { list: [1, null, 'ü', { deep: true }], ['__proto__']: 'a name like any other' };
        await put({ op: 'put', name: 'a/1', value });
        const first = await store.readRef('a/1');
        expect(JSON.stringify(first?.value)).toBe(
          JSON.stringify({ ['__proto__']: value['__proto__'], list: value.list }),
        );
        await put({ op: 'put', name: 'a/1', value: null });
        const second = await store.readRef('a/1');
        expect(second).toMatchObject({ name: 'a/1', value: null });
        await store.deleteRef('a/1');
        await put({ op: 'create', name: 'a/1', value: 0 });
        const third = await store.readRef('a/1');
        expect(first?.version).toBeLessThan(second?.version ?? 0);
        expect(second?.version).toBeLessThan(third?.version ?? 0);
        expect(await store.readRef('a/2')).toBeUndefined();
      });

      test('are not changed by what a caller does to its values', async () => {
        const value = { list: [1] };
        await put({ op: 'put', name: 'a', value });
        value.list.push(2);
        const read = await store.readRef('a');
        (read?.value as { list: number[] }).list.push(3);
        expect((await store.readRef('a'))?.value).toEqual({ list: [1] });
      });

      test('create writes only where nothing is; compare-and-set only over that version', async () => {
        expect(await put({ op: 'create', name: 'a', value: 1 })).toEqual({ hashes: [], conflicts: [] });
        expect((await put({ op: 'create', name: 'a', value: 2 })).conflicts).toEqual(['a']);
        const { version = 0 } = (await store.readRef('a')) ?? {};
        expect((await put({ op: 'compare-and-set', name: 'a', version: version + 1, value: 3 })).conflicts).toEqual([
          'a',
        ]);
        expect((await put({ op: 'compare-and-set', name: 'none', version: 1, value: 3 })).conflicts).toEqual(['none']);
        expect((await put({ op: 'compare-and-set', name: 'a', version, value: 4 })).conflicts).toEqual([]);
        expect((await put({ op: 'compare-and-set', name: 'a', version, value: 5 })).conflicts).toEqual(['a']);
        expect((await store.readRef('a'))?.value).toBe(4);
      });

      test('of one commit are written together or not at all; its objects are written either way', async () => {
        await put({ op: 'put', name: 'taken', value: 1 });
        const objects = [text('kept')];
        const { hashes, conflicts } = await store.commit({
          objects,
          refs: [
            { op: 'put', name: 'free', value: 1 },
            { op: 'create', name: 'taken', value: 2 },
          ],
        });
        expect(conflicts).toEqual(['taken']);
        expect(await store.readRef('free')).toBeUndefined();
        expect(await store.has(hashes)).toEqual([true]);
      });

      test('of one name, created by many at once, are created by one', async () => {
        const results = await Promise.all(
          Array.from({ length: 40 }, (_, value) => put({ op: 'create', name: 'race', value })),
        );
        const winners = results.flatMap(({ conflicts }, value) => (conflicts.length === 0 ? [value] : []));
        expect(winners).toHaveLength(1);
        expect((await store.readRef('race'))?.value).toBe(winners[0]);
      });

      test('are counted up by many at once without losing one', async () => {
        await put({ op: 'put', name: 'n', value: 0 });
        const add = async (): Promise<void> => {
          for (;;) {
            const ref = await store.readRef('n');
            const { conflicts } = await put({
              op: 'compare-and-set',
              name: 'n',
              version: ref?.version ?? 0,
              value: Number(ref?.value) + 1,
            });
            if (conflicts.length === 0) return;
          }
        };
        await Promise.all(Array.from({ length: 20 }, add));
        expect((await store.readRef('n'))?.value).toBe(20);
      });

      test('past their expiry are gone: not read, not listed, and free to create', async () => {
        const past = Date.now() - 1;
        const future = Date.now() + 3_600_000;
        await put({ op: 'put', name: 'e/old', value: 1, expiresAt: past });
        await put({ op: 'put', name: 'e/young', value: 1, expiresAt: future });
        expect(await store.readRef('e/old')).toBeUndefined();
        expect(await store.readRef('e/young')).toMatchObject({ expiresAt: future });
        expect((await store.listRefs('e/')).map(({ name }) => name)).toEqual(['e/young']);
        expect(await store.deleteRef('e/old')).toBe(false);
        const { version = 0 } = (await store.readRef('e/young')) ?? {};
        await put({ op: 'compare-and-set', name: 'e/young', version, value: 2, expiresAt: past });
        expect((await put({ op: 'create', name: 'e/young', value: 3 })).conflicts).toEqual([]);
        expect(await store.readRef('e/young')).not.toHaveProperty('expiresAt');
      });

      test('are deleted, where a version is given only in that version', async () => {
        await put({ op: 'put', name: 'a', value: 1 });
        const { version = 0 } = (await store.readRef('a')) ?? {};
        expect(await store.deleteRef('a', version + 1)).toBe(false);
        expect(await store.deleteRef('a', version)).toBe(true);
        expect(await store.deleteRef('a')).toBe(false);
        expect(await store.readRef('a')).toBeUndefined();
      });

      test('are listed by prefix in byte order, page by page', async () => {
        const names = ['p/Z', 'p/a', 'p/a/1', 'p/a-b', 'p/10', 'p/9', 'p/~', 'p', 'q/1', 'P/1', 'p/%2F', 'p/a b'];
        await put(...names.map((name): RefWrite => ({ op: 'put', name, value: name })));
        const wanted = names.filter((name) => name.startsWith('p/')).sort();
        expect((await store.listRefs('p/')).map(({ name }) => name)).toEqual(wanted);
        expect((await store.listRefs('')).map(({ name }) => name)).toEqual([...names].sort());
        const paged: string[] = [];
        for (let after: string | undefined; ; after = paged.at(-1)) {
          const page = await store.listRefs('p/', { limit: 2, ...(after === undefined ? {} : { after }) });
          paged.push(...page.map(({ name }) => name));
          if (page.length < 2) break;
        }
        expect(paged).toEqual(wanted);
        expect((await store.listRefs('p/', { after: 'p/a0' })).map(({ name }) => name)).toEqual(['p/~']);
        expect(await store.listRefs('p/', { after: 'q' })).toEqual([]);
      });

      test('are listed a thousand at a time, the expired not counted', async () => {
        const past = Date.now() - 1;
        await put(
          ...Array.from({ length: 1_100 }, (_, at): RefWrite => {
            const name = `l/${String(at).padStart(4, '0')}`;
            return at % 11 === 0 ? { op: 'put', name, value: at, expiresAt: past } : { op: 'put', name, value: at };
          }),
        );
        expect(await store.listRefs('l/')).toHaveLength(1_000);
        expect(await store.listRefs('l/', { limit: 5_000 })).toHaveLength(1_000);
        expect((await store.listRefs('l/', { limit: 12 })).at(-1)?.name).toBe('l/0013');
      });

      test('with a name or value that cannot be stored are refused, and nothing is written', async () => {
        for (const name of ['', 'ü', 'a\nb', 'x'.repeat(501)]) {
          await expect(store.commit({ objects: [text(name)], refs: [{ op: 'put', name, value: 1 }] })).rejects.toThrow(
            'cannot name a ref',
          );
        }
        await expect(put({ op: 'put', name: 'a', value: undefined })).rejects.toThrow('cannot say undefined');
        await expect(put({ op: 'put', name: 'a', value: { n: NaN } })).rejects.toThrow('cannot say NaN, at $.n');
        await expect(put({ op: 'put', name: 'a', value: 1 }, { op: 'put', name: 'a', value: 2 })).rejects.toThrow(
          'twice',
        );
        await put({ op: 'put', name: 'x'.repeat(500), value: 1 });
        expect((await store.listRefs('')).map(({ name }) => name)).toEqual(['x'.repeat(500)]);
        expect(await store.has([store.nameOf(text('ü'))])).toEqual([false]);
      });
    });

    test('closing waits for commits under way; afterwards it says that it is closed', async () => {
      const results = Promise.all(
        Array.from({ length: 10 }, (_, at) =>
          store.commit({ objects: [Buffer.alloc(500_000, at)], refs: [{ op: 'put', name: `w/${at}`, value: at }] }),
        ),
      );
      await store.close();
      expect(await results).toHaveLength(10);
      for (const use of [
        () => store.commit({ objects: [text('late')] }),
        () => store.get([absent]),
        () => store.readRef('w/1'),
        () => store.listRefs('w/'),
        () => store.deleteRef('w/1'),
        () => store.listObjects(),
        () => store.deleteObjects([absent], 1),
      ]) {
        await expect(use()).rejects.toMatchObject({
          type: 'Store.Unavailable',
          message: expect.stringContaining('closed') as string,
        });
      }
    });
  });
}

/** For stores that outlive a process. */
export function durableStoreSuite(name: string, open: () => Promise<StoreUnderTest>): void {
  contentStoreSuite(name, open);

  describe(`durable content store: ${name}`, () => {
    let under: StoreUnderTest;
    let store: ContentStore;
    beforeEach(async () => {
      under = await open();
      store = under.store;
    });
    afterEach(async () => {
      await store.close();
      await under.remove();
    });

    test('objects that were altered are named, and putting them again mends them', async () => {
      for (const bytes of [text('to be altered'), Buffer.alloc(4_000, 3), randomBytes(400_000)]) {
        const [hash = ''] = (await store.commit({ objects: [bytes] })).hashes;
        await under.damage(hash);
        await expect(store.get([hash])).rejects.toMatchObject({
          type: 'Store.ObjectCorrupt',
          message: expect.stringContaining(hash) as string,
        });
        await store.commit({ objects: [bytes] });
        expect(Buffer.from(bytes).equals((await store.get([hash]))[0] ?? Buffer.alloc(0))).toBe(true);
      }
    });

    test('what one opening of a place commits, another reads at once', async () => {
      const other = under.again();
      try {
        for (let at = 0; at < 20; at++) {
          const { hashes } = await store.commit({
            objects: [text(`object ${at}`)],
            refs: [{ op: 'put', name: 'shared', value: at }],
          });
          expect((await other.readRef('shared'))?.value).toBe(at);
          expect(await other.has(hashes)).toEqual([true]);
          await other.commit({ refs: [{ op: 'put', name: 'back', value: at }] });
          expect((await store.readRef('back'))?.value).toBe(at);
        }
      } finally {
        await other.close();
      }
      await store.commit({ refs: [{ op: 'put', name: 'after', value: 'the other closed' }] });
      expect((await store.readRef('after'))?.value).toBe('the other closed');
    });

    test('what was committed is there when the place is opened again', async () => {
      const big = randomBytes(300_000);
      const { hashes } = await store.commit({
        objects: [text('small'), big],
        refs: [{ op: 'create', name: 'kept', value: { a: 1 } }],
      });
      await store.close();
      store = under.again();
      expect((await store.get(hashes)).map((bytes) => bytes.length)).toEqual([5, 300_000]);
      expect((await store.readRef('kept'))?.value).toEqual({ a: 1 });
    });
  });
}
