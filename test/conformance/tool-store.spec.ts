// What the narrow view of the store keeps to, directly or through the broker. Run by tool-store.test.ts for both.
import { randomBytes } from 'node:crypto';
import {
  canonicalJson,
  createMemoryStore,
  objectHash,
  type ContentStore,
  type ToolStore,
} from '../../activities/store';
import { callRecordName } from '../../activities/store/ref-names';

export interface ToolStoreUnderTest {
  view: ToolStore;
  close(): Promise<void>;
}

const record = callRecordName({ run: 'a run/with a slash', fork: 0, turn: 3, index: 1 });

export function toolStoreSuite(name: string, open: (store: ContentStore) => Promise<ToolStoreUnderTest>): void {
  describe(`tool store: ${name}`, () => {
    let store: ContentStore;
    let under: ToolStoreUnderTest;
    let view: ToolStore;
    beforeEach(async () => {
      store = createMemoryStore();
      under = await open(store);
      view = under.view;
    });
    afterEach(() => under.close());

    test('objects and the record of a call go in together, and come back', async () => {
      const objects = [canonicalJson({ role: 'tool' }), new Uint8Array(), randomBytes(300_000)];
      const value = { result: 'ü', list: [1, null, { deep: true }] };
      expect(await view.readCallRecord(record)).toBeUndefined();
      await view.commitCall({ objects, record: { name: record, value } });
      expect(await view.readCallRecord(record)).toEqual({ value, version: expect.any(Number) as number });
      for (const bytes of objects) {
        expect(Buffer.from(await view.getObject(objectHash(bytes))).equals(bytes)).toBe(true);
      }
      expect((await store.readRef(record))?.value).toEqual(value);
    });

    test('a record replaces the version that its writer has read, and no other', async () => {
      const commit = (value: number, version?: number) =>
        view.commitCall({
          objects: [canonicalJson({ value })],
          record: { name: record, value, ...(version === undefined ? {} : { version }) },
        });
      expect(await commit(1)).toBe(true);
      const first = (await view.readCallRecord(record))?.version ?? 0;
      expect(await commit(2)).toBe(false);
      expect(await view.readCallRecord(record)).toEqual({ value: 1, version: first });
      expect(await commit(3, first)).toBe(true);
      expect(await commit(4, first)).toBe(false);
      expect(await view.readCallRecord(record)).toMatchObject({ value: 3 });
      expect(Buffer.from(await view.getObject(objectHash(canonicalJson({ value: 4 })))).toString()).toBe('{"value":4}');
      expect(await view.commitCall({ objects: [] })).toBe(true);
    });

    test('a file of 40 MB goes in and comes back', async () => {
      const file = randomBytes(40_000_000);
      await view.commitCall({ objects: [file], record: { name: record, value: objectHash(file) } });
      expect(Buffer.from(await view.getObject(objectHash(file))).equals(file)).toBe(true);
    });

    test('many requests at once are each answered with their own', async () => {
      const objects = Array.from({ length: 200 }, (_, at) => randomBytes(at * 50));
      await Promise.all(objects.map((object) => view.commitCall({ objects: [object] })));
      const read = await Promise.all(objects.map((object) => view.getObject(objectHash(object))));
      expect(read.map((bytes, at) => objects[at]?.equals(bytes))).toEqual(objects.map(() => true));
    });

    test('what is missing or no hash has a typed failure, and the next request is answered', async () => {
      const absent = objectHash(Buffer.from('absent'));
      await expect(view.getObject(absent)).rejects.toMatchObject({
        type: 'Store.ObjectMissing',
        message: expect.stringContaining(absent) as string,
        nonRetryable: true,
      });
      await expect(view.getObject('x'.repeat(5_000))).rejects.toThrow();
      expect(await view.readCallRecord(record)).toBeUndefined();
    });

    test('any other ref is refused, and not written', async () => {
      await store.commit({ refs: [{ op: 'put', name: 'run/secret', value: 1 }] });
      for (const name of ['run/secret', 'callx/1', '/call/1', '']) {
        await expect(view.readCallRecord(name)).rejects.toThrow('records of calls and effects only');
        await expect(
          view.commitCall({ objects: [Buffer.from(name)], record: { name, value: 2 } }),
        ).rejects.toMatchObject({
          type: 'Runtime.Unexpected',
          message: expect.stringContaining('records of calls and effects only') as string,
        });
      }
      expect((await store.listRefs('')).map(({ name: stored, value }) => [stored, value])).toEqual([['run/secret', 1]]);
    });

    test('a closed store has its own failure, which Temporal retries', async () => {
      await store.close();
      await expect(view.getObject(objectHash(Buffer.from('x')))).rejects.toMatchObject({
        type: 'Store.Unavailable',
        nonRetryable: false,
      });
    });
  });
}
