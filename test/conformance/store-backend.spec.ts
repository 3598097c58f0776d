// What every adapter of the store keeps to: named bytes and small records, of any content. Run by store-backend.test.ts for each.
import { createHash, randomBytes } from 'node:crypto';
import type { BackendObject, BackendRefWrite, StoreBackend } from '../../activities/store/backend';

export interface BackendUnderTest {
  backend: StoreBackend;
  /** The same place once more, as another process would open it; absent where there is no such thing. */
  again?(): StoreBackend;
  /** Copies of the place as it is on disk, each damaged in another spot; absent where what lies on disk is another program's. */
  damaged?(): (() => StoreBackend)[];
  remove(): Promise<void>;
}

const text = (value: string): Uint8Array => Buffer.from(value);
/** A name says nothing to an adapter: these are no hashes of the bytes. */
const named = (name: string, bytes: Uint8Array): BackendObject => ({ name: nameOf(name), bytes });
const nameOf = (name: string): string => createHash('sha256').update(name).digest('hex');
const plain = (bytes: Uint8Array | undefined): Buffer | undefined => bytes && Buffer.from(bytes);
const hour = 3_600_000;

export function storeBackendSuite(name: string, open: () => Promise<BackendUnderTest>): void {
  describe(`store backend: ${name}`, () => {
    let under: BackendUnderTest;
    let backend: StoreBackend;
    beforeEach(async () => {
      under = await open();
      backend = under.backend;
    });
    afterEach(async () => {
      await backend.close();
      await under.remove();
    });
    const put = (...objects: BackendObject[]) => backend.commit({ objects, refs: [] });
    const write = (...refs: BackendRefWrite[]) => backend.commit({ objects: [], refs });
    const allNames = async (): Promise<string[]> =>
      (await backend.listObjects({ limit: 1_000 })).map((one) => one.name);

    describe('objects', () => {
      test('of any bytes and size come back in the order asked, and what is not there is undefined', async () => {
        const objects = [
          ...Array.from({ length: 6 }, (_, first) => named(`first ${first}`, Uint8Array.of(first, 1, 2))),
          ...[0, 1, 262_143, 262_144, 262_145, 3_000_000].map((size) => named(`size ${size}`, randomBytes(size))),
        ];
        expect(await put(...objects)).toEqual({ conflicts: [] });
        const asked = [...objects.map((object) => object.name), nameOf('nobody'), objects[0]?.name ?? ''];
        const wanted = [...objects.map(({ bytes }) => plain(bytes)), undefined, plain(objects[0]?.bytes)];
        const found = (await backend.get(asked)).map(plain);
        expect(found.map((bytes) => bytes?.length)).toEqual(wanted.map((bytes) => bytes?.length));
        expect(found.map((bytes, at) => bytes === wanted[at] || bytes?.equals(wanted[at] ?? Buffer.of(9)))).toEqual(
          wanted.map(() => true),
        );
        expect(await backend.has(asked)).toEqual(wanted.map((bytes) => bytes !== undefined));
        expect(await backend.get([])).toEqual([]);
        expect(await backend.has([])).toEqual([]);
      });

      test('put again under their name with other bytes have the other bytes', async () => {
        for (const size of [10, 300_000]) {
          await put(named('again', randomBytes(size)));
          const bytes = randomBytes(size);
          await put(named('again', bytes));
          expect(plain((await backend.get([nameOf('again')]))[0])?.equals(bytes)).toBe(true);
        }
      });

      test('are the caller’s own when they come back', async () => {
        await put(named('mine', text('mine')));
        (await backend.get([nameOf('mine')]))[0]?.fill(0);
        expect(plain((await backend.get([nameOf('mine')]))[0])?.toString()).toBe('mine');
      });

      test('are listed by name, page by page, with their size and the time of the last put', async () => {
        const from = Date.now() - 60_000;
        const objects = Array.from({ length: 7 }, (_, at) =>
          named(`listed ${at}`, randomBytes(at === 3 ? 400_000 : at)),
        );
        await put(...objects);
        const listed = await backend.listObjects({ limit: 100 });
        const wanted = objects.map((object) => [object.name, object.bytes.length]).sort();
        expect(listed.map((object) => [object.name, object.bytes])).toEqual(wanted);
        for (const { lastPut } of listed) {
          expect(lastPut).toBeGreaterThan(from);
          expect(lastPut).toBeLessThan(from + hour);
        }
        const paged: string[] = [];
        for (let after: string | undefined; ; after = paged.at(-1)) {
          const page = await backend.listObjects({ limit: 3, ...(after === undefined ? {} : { after }) });
          paged.push(...page.map((object) => object.name));
          if (page.length < 3) break;
        }
        expect(paged).toEqual(wanted.map(([of]) => of));
        expect(await backend.listObjects({ after: 'f'.repeat(64), limit: 5 })).toEqual([]);
      });

      test('are deleted only where nobody put them since, small and large', async () => {
        await put(named('old', text('old')), named('old and large', randomBytes(400_000)), named('other', text('o')));
        const names = [nameOf('old'), nameOf('old and large'), nameOf('nobody')];
        const lastPut = Math.min(...(await backend.listObjects({ limit: 10 })).map((object) => object.lastPut));
        expect(await backend.deleteObjects(names, lastPut)).toEqual([]);
        expect(await backend.deleteObjects([], lastPut + hour)).toEqual([]);
        expect((await backend.deleteObjects(names, lastPut + hour)).sort()).toEqual(names.slice(0, 2).sort());
        expect(await allNames()).toEqual([nameOf('other')]);
        expect(await backend.has(names)).toEqual([false, false, false]);
        expect(await backend.get(names)).toEqual([undefined, undefined, undefined]);
        expect(await backend.deleteObjects(names, lastPut + hour)).toEqual([]);
        const bytes = randomBytes(400_000);
        await put(named('old and large', bytes));
        expect(plain((await backend.get([nameOf('old and large')]))[0])?.equals(bytes)).toBe(true);
      });

      test('that are put again are as young as those that are new, although nothing of them changes', async () => {
        const objects = [named('small', text('s')), named('large', randomBytes(400_000))];
        await put(...objects);
        const times = async (): Promise<number[]> =>
          (await backend.listObjects({ limit: 10 })).map((one) => one.lastPut);
        const first = Math.max(...(await times()));
        while (Math.min(...(await times())) <= first) await put(...objects);
        expect(
          await backend.deleteObjects(
            objects.map((object) => object.name),
            first + 1,
          ),
        ).toEqual([]);
        expect(await allNames()).toHaveLength(2);
      });

      test('that are collected while they are put again are there afterwards', async () => {
        const other = under.again?.() ?? backend;
        const objects = [named('small', text('s')), named('large', randomBytes(400_000))];
        const names = objects.map((object) => object.name);
        try {
          for (let round = 0; round < 30; round++) {
            await put(...objects);
            const lastPut = Math.max(...(await backend.listObjects({ limit: 10 })).map((one) => one.lastPut));
            // What is put from now on has a later time, and so outlives the delete that runs beside it.
            while (Date.now() <= lastPut + 1) await new Promise(setImmediate);
            await Promise.all([other.deleteObjects(names, lastPut + 1), put(...objects)]);
            const found = await backend.get(names);
            expect(found.map((bytes, at) => plain(bytes)?.equals(objects[at]?.bytes ?? Buffer.of(9)))).toEqual([
              true,
              true,
            ]);
          }
        } finally {
          if (other !== backend) await other.close();
        }
      });
    });

    describe('refs', () => {
      test('hold any bytes, and versions grow with each write, even after a delete', async () => {
        const value = Uint8Array.from({ length: 256 }, (_, at) => at);
        await write({ op: 'put', name: 'a', value }, { op: 'create', name: 'empty', value: new Uint8Array() });
        const first = await backend.readRef('a');
        expect(plain(first?.value)?.equals(value)).toBe(true);
        expect(first).not.toHaveProperty('expiresAt');
        expect((await backend.readRef('empty'))?.value).toHaveLength(0);
        expect(await backend.deleteRef('a', (first?.version ?? 0) + 1)).toBe(false);
        expect(await backend.deleteRef('a', first?.version)).toBe(true);
        expect(await backend.deleteRef('a')).toBe(false);
        expect(await backend.readRef('a')).toBeUndefined();
        await write({ op: 'create', name: 'a', value });
        expect((await backend.readRef('a'))?.version).toBeGreaterThan(first?.version ?? Infinity);
      });

      test('of one commit are written together or not at all; its objects are written either way', async () => {
        await write({ op: 'put', name: 'taken', value: text('1') });
        const { conflicts } = await backend.commit({
          objects: [named('kept', text('kept'))],
          refs: [
            { op: 'put', name: 'free', value: text('1') },
            { op: 'create', name: 'taken', value: text('2') },
            { op: 'compare-and-set', name: 'none', version: 1, value: text('3') },
          ],
        });
        expect([...conflicts].sort()).toEqual(['none', 'taken']);
        expect(await backend.readRef('free')).toBeUndefined();
        expect(await backend.has([nameOf('kept')])).toEqual([true]);
        const { version = 0 } = (await backend.readRef('taken')) ?? {};
        expect(await write({ op: 'compare-and-set', name: 'taken', version, value: text('4') })).toEqual({
          conflicts: [],
        });
        expect(plain((await backend.readRef('taken'))?.value)?.toString()).toBe('4');
      });

      test('of one name, created by many at once, are created by one', async () => {
        const results = await Promise.all(
          Array.from({ length: 40 }, (_, at) => write({ op: 'create', name: 'race', value: text(String(at)) })),
        );
        const winners = results.flatMap(({ conflicts }, at) => (conflicts.length === 0 ? [String(at)] : []));
        expect(winners).toEqual([plain((await backend.readRef('race'))?.value)?.toString()]);
      });

      test('past their expiry are gone, and listed are the others in byte order', async () => {
        const names = [
          'p/Z',
          'p/a',
          'p/a/1',
          'p/a-b',
          'p/10',
          'p/9',
          'p/~',
          'p',
          'q/1',
          'P/1',
          'p/%2F',
          'p/a b',
          'p/_',
        ];
        const future = Date.now() + hour;
        await write(
          ...names.map((of): BackendRefWrite => ({ op: 'put', name: of, value: text(of), expiresAt: future })),
          { op: 'put', name: 'p/old', value: text('old'), expiresAt: Date.now() - 1 },
        );
        const wanted = names.filter((of) => of.startsWith('p/')).sort();
        const listed = await backend.listRefs('p/', { limit: 100 });
        expect(listed.map((ref) => [ref.name, plain(ref.value)?.toString(), ref.expiresAt])).toEqual(
          wanted.map((of) => [of, of, future]),
        );
        const page = await backend.listRefs('p/', { after: wanted[2] ?? '', limit: 2 });
        expect(page.map((ref) => ref.name)).toEqual(wanted.slice(3, 5));
        expect((await backend.listRefs('', { limit: 100 })).map((ref) => ref.name)).toEqual([...names].sort());
        expect(await backend.readRef('p/old')).toBeUndefined();
        expect(await backend.deleteRef('p/old')).toBe(false);
        expect(await write({ op: 'create', name: 'p/old', value: text('new') })).toEqual({ conflicts: [] });
        expect(await backend.readRef('p/old')).not.toHaveProperty('expiresAt');
      });

      test('past their expiry are deleted where that is asked, and no others; versions grow all the same', async () => {
        const value = text('1');
        const old = Array.from({ length: 2_500 }, (_, at) => `old/${at}`);
        const past = Date.now() - 1;
        await write({ op: 'put', name: 'stays', value }, { op: 'put', name: 'later', value, expiresAt: past + hour });
        for (let at = 0; at < old.length; at += 500)
          await write(
            ...old.slice(at, at + 500).map((of) => ({ op: 'put' as const, name: of, value, expiresAt: past })),
          );
        await write({ op: 'put', name: 'old/1', value, expiresAt: past + hour });
        const { version = Infinity } = (await backend.readRef('old/1')) ?? {};
        expect(await backend.deleteExpiredRefs()).toBe(old.length - 1);
        expect(await backend.deleteExpiredRefs()).toBe(0);
        expect((await backend.listRefs('', { limit: 10 })).map((ref) => ref.name)).toEqual(['later', 'old/1', 'stays']);
        expect(await write({ op: 'create', name: 'old/2', value })).toEqual({ conflicts: [] });
        expect((await backend.readRef('old/2'))?.version).toBeGreaterThan(version);
      });
    });

    test('a place that is damaged lists everything or throws, and never a part of it', async () => {
      const objects = Array.from({ length: 400 }, (_, at) => named(`object ${at}`, randomBytes(at)));
      const refs = Array.from({ length: 400 }, (_, at) => ({ name: `ref/${1_000 + at}`, value: randomBytes(at) }));
      await backend.commit({ objects, refs: refs.map((ref): BackendRefWrite => ({ op: 'put', ...ref })) });
      const damage = { type: expect.stringMatching(/^Store\.(ObjectCorrupt|Unavailable)$/) as string };
      let refused = 0;
      const list = async (open: () => StoreBackend, all: (of: StoreBackend) => Promise<unknown[]>): Promise<void> => {
        let copy: StoreBackend | undefined;
        try {
          copy = open();
          expect(await all(copy)).toHaveLength(400);
        } catch (error) {
          expect(error).toMatchObject(damage);
          refused += 1;
        } finally {
          await copy?.close();
        }
      };
      const copies = under.damaged?.() ?? [];
      for (const open of copies) {
        await list(open, (copy) => copy.listRefs('ref/', { limit: 1_000 }));
        await list(open, (copy) => copy.listObjects({ limit: 1_000 }));
      }
      expect(refused > 0).toBe(copies.length > 0);
    });

    test('once closed it says so', async () => {
      await put(named('here', text('here')));
      await Promise.all([backend.close(), backend.close()]);
      const closed = { type: 'Store.Unavailable', message: expect.stringContaining('closed') as string };
      for (const use of [
        () => put(named('late', text('late'))),
        () => backend.get([nameOf('here')]),
        () => backend.has([nameOf('here')]),
        () => backend.readRef('a'),
        () => backend.listRefs('', { limit: 1 }),
        () => backend.deleteRef('a'),
        () => backend.deleteExpiredRefs(),
        () => backend.listObjects({ limit: 1 }),
        () => backend.deleteObjects([nameOf('here')], 1),
      ]) {
        await expect(use()).rejects.toMatchObject(closed);
      }
    });
  });
}
