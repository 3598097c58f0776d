// Needs: nothing. What a store looks like from below: compressed, sealed, and never believed.
import { randomBytes } from 'node:crypto';
import { openKeyRing } from '../../activities/keys/key-ring';
import { objectHash, type ContentStore } from '../../activities/store';
import type { StoreBackend } from '../../activities/store/backend';
import { createMemoryBackend } from '../../activities/store/memory-store';
import { sealedStore } from '../../activities/store/sealed-store';

const first = randomBytes(32).toString('base64');
const keys = openKeyRing(`first:${first}`);
const text = Buffer.from(
  JSON.stringify({
    role: 'user',
    parts: [{ type: 'text', text: 'Please move booking QX7LM2 to Friday. '.repeat(20) }],
  }),
);
let backend: StoreBackend;
let plain: ContentStore;
let sealed: ContentStore;
beforeEach(() => {
  backend = createMemoryBackend();
  plain = sealedStore(backend);
  sealed = sealedStore(backend, keys);
});

const stored = async (name: string): Promise<Buffer> => Buffer.from((await backend.get([name]))[0] ?? []);
const storedRef = async (name: string): Promise<Buffer> => Buffer.from((await backend.readRef(name))?.value ?? []);
const place = (name: string, bytes: Uint8Array) => backend.commit({ objects: [{ name, bytes }], refs: [] });
const put = async (store: ContentStore, bytes: Uint8Array): Promise<string> =>
  (await store.commit({ objects: [bytes] })).hashes[0] ?? '';

describe('compression', () => {
  test('is used where it gains, and costs one byte where it does not', async () => {
    expect((await stored(await put(plain, text))).length).toBeLessThan(text.length / 3);
    for (const bytes of [Buffer.from('short'), randomBytes(2_000), randomBytes(400_000)]) {
      const name = await put(plain, bytes);
      expect(name).toBe(objectHash(bytes));
      expect(await stored(name)).toEqual(Buffer.concat([Buffer.of(0), bytes]));
    }
    const large = Buffer.alloc(1_000_000, text);
    expect((await stored(await put(plain, large))).length).toBeLessThan(large.length / 10);
  });

  test('comes before sealing, or it would gain nothing', async () => {
    expect((await stored(await put(sealed, text))).length).toBeLessThan(text.length / 3);
  });
});

describe('with keys', () => {
  test('objects and values of refs are stored sealed, names of refs in the clear', async () => {
    const bytes = Buffer.from('booking QX7LM2');
    await sealed.commit({ objects: [bytes], refs: [{ op: 'put', name: 'call/1', value: { secret: 'QX7LM2' } }] });
    expect((await stored(objectHash(bytes))).includes('QX7LM2')).toBe(false);
    expect((await storedRef('call/1')).includes('QX7LM2')).toBe(false);
    expect((await sealed.listRefs('call/')).map(({ value }) => value)).toEqual([{ secret: 'QX7LM2' }]);
  });

  test('putting the same object again changes no stored byte; writing the same value again does', async () => {
    const write = { op: 'put', name: 'call/1', value: 1 } as const;
    const { hashes } = await sealed.commit({ objects: [text], refs: [write] });
    const before = [await stored(hashes[0] ?? ''), await storedRef('call/1')] as const;
    await sealed.commit({ objects: [text], refs: [write] });
    expect(await stored(hashes[0] ?? '')).toEqual(before[0]);
    expect(await storedRef('call/1')).not.toEqual(before[1]);
  });

  test('a tenant’s objects have names of its own; without keys a tenant sees the store itself', async () => {
    const [ours, theirs] = [await put(sealed.of('ours'), text), await put(sealed.of('theirs'), text)];
    expect(new Set([ours, theirs, objectHash(text)]).size).toBe(3);
    expect(sealed.nameOf(text)).toBe(objectHash(text));
    expect(plain.of('ours')).toBe(plain);
  });

  test('what was stored before there were any is read; what was stored with them is not read without', async () => {
    const older = (await plain.commit({ objects: [text], refs: [{ op: 'put', name: 'older', value: 1 }] })).hashes;
    const younger = [await put(sealed.of('acme'), text)];
    await sealed.commit({ refs: [{ op: 'put', name: 'younger', value: 2 }] });
    expect((await sealed.get([...older, ...younger])).map((bytes) => Buffer.from(bytes))).toEqual([text, text]);
    expect(await sealed.listRefs('')).toMatchObject([{ value: 1 }, { value: 2 }]);
    const missing = { type: 'Store.KeyMissing', nonRetryable: true };
    const says = (...parts: string[]) => ({ ...missing, message: expect.stringMatching(parts.join('.*')) as string });
    await expect(plain.get(younger)).rejects.toMatchObject(says(younger[0] ?? '', '"first"', 'LONGHAUL_KEYS'));
    await expect(plain.readRef('younger')).rejects.toMatchObject(says('ref younger', '"first"', 'LONGHAUL_KEYS'));
    const other = sealedStore(backend, openKeyRing(`first:${randomBytes(32).toString('base64')}`));
    await expect(other.get(younger)).rejects.toMatchObject(says(younger[0] ?? '', 'another key "first"'));
    await expect(other.listRefs('')).rejects.toMatchObject(says('ref younger', 'another key "first"'));
    // Names, times and deletion need no key: garbage is collected without.
    expect(await plain.has(younger)).toEqual([true]);
    expect(await plain.deleteObjects(younger, Date.now() + 60_000)).toEqual(younger);
    expect(await plain.deleteRef('younger')).toBe(true);
  });

  test('a new key in front changes no name, where the old one goes on naming; what is put again is sealed with it', async () => {
    const name = await put(sealed.of('acme'), text);
    const rotated = sealedStore(
      backend,
      openKeyRing(`second:${randomBytes(32).toString('base64')},first:${first},names:${first}`),
    );
    expect(await put(rotated.of('acme'), text)).toBe(name);
    await expect(sealed.get([name])).rejects.toMatchObject({
      type: 'Store.KeyMissing',
      message: expect.stringContaining('"second"') as string,
    });
  });
});

describe('bytes that a store returns are never believed', () => {
  const corrupt = (name: string) => ({
    type: 'Store.ObjectCorrupt',
    nonRetryable: true,
    message: expect.stringContaining(name) as string,
  });

  test.each(['plain', 'sealed'])('another object’s in its place, or any other: %s', async (kind) => {
    const store = kind === 'plain' ? plain : sealed.of('acme');
    const [name, other] = [await put(store, text), await put(store, randomBytes(200))];
    const bytes = await stored(name);
    const wrong = [
      await stored(other),
      Buffer.alloc(0),
      randomBytes(100),
      bytes.subarray(0, -1),
      bytes.subarray(1),
      ...[1, 2, 3, 4, 5, 6, 255].flatMap((bit) => {
        const copy = Buffer.from(bytes);
        copy.writeUInt8(copy.readUInt8(0) ^ bit, 0);
        return [copy];
      }),
    ];
    for (const one of wrong) {
      await place(name, one);
      await expect(store.get([name])).rejects.toMatchObject(corrupt(name));
      expect(await store.has([name])).toEqual([true]);
    }
    await put(store, text);
    expect(Buffer.from((await store.get([name]))[0] ?? [])).toEqual(text);
  });

  test('unsealed ones under a tenant’s name, whose content cannot be checked against it', async () => {
    const name = await put(sealed.of('acme'), text);
    await place(name, Buffer.concat([Buffer.of(0), Buffer.from('forged')]));
    await expect(sealed.get([name])).rejects.toMatchObject(corrupt(name));
  });

  test('a ref’s value under another ref’s name, or no value at all', async () => {
    await sealed.commit({ refs: ['a', 'b'].map((name) => ({ op: 'put', name, value: name }) as const) });
    const value = await storedRef('a');
    for (const wrong of [
      value,
      value.subarray(0, -1),
      Buffer.alloc(0),
      Buffer.from('{"cut":'),
      Buffer.from([0x22, 0xff]),
    ]) {
      await backend.commit({ objects: [], refs: [{ op: 'put', name: 'b', value: wrong }] });
      await expect(sealed.readRef('b')).rejects.toMatchObject(corrupt('ref b'));
    }
    expect(await sealed.readRef('a')).toMatchObject({ value: 'a' });
    await sealed.commit({ refs: [{ op: 'put', name: 'b', value: 'mended' }] });
    expect(await sealed.readRef('b')).toMatchObject({ value: 'mended' });
  });
});
