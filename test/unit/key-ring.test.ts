// Needs: nothing. Keys: what is sealed opens under its name alone, and a key that is wrong is told from bytes that are.
import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { openKeyRing, sealedWith } from '../../activities/keys/key-ring';

const key = (): string => randomBytes(32).toString('base64');
const [first, second, third] = [key(), key(), key()];
const ring = openKeyRing(`a:${first}`);
const plain = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = Buffer.from('Ada Lovelace, 12 St James’s Square');

/** @returns the failure's type, or undefined */
function failureOf(act: () => unknown): { type: string; message: string } | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return error as { type: string; message: string };
  }
}

describe('what cannot be a ring is one clear line that holds no key', () => {
  test.each([
    ['nothing', '', 'key 1 has no id'],
    ['no id', first, 'key 1 has no id'],
    ['an empty id', `:${first}`, 'key 1 has no id'],
    ['an id with a space', `a:${first},b c:${second}`, 'key 2 has no id'],
    ['a comma too many', `a:${first},`, 'key 2 has no id'],
    ['a short key', `a:${first.slice(0, 40)}`, 'key "a" is not 32 bytes in base64'],
    ['a long key', `a:${randomBytes(33).toString('base64')}`, 'key "a" is not 32 bytes in base64'],
    ['a passphrase', 'a:correct horse battery staple, and more of it', 'key "a" is not 32 bytes in base64'],
    ['an id twice', `a:${first},a:${second}`, 'two keys have the same id'],
    ['several that seal and none that names', `a:${first},b:${second}`, 'several keys want an entry "names:key"'],
    ['one that names alone', `names:${first}`, 'there is no key that seals'],
  ])('%s', (_, given, message) => {
    const failed = failureOf(() => openKeyRing(given));
    expect(failed?.message).toContain(message);
    for (const secret of [first.slice(0, 8), second.slice(0, 8), 'horse'])
      expect(failed?.message).not.toContain(secret);
  });

  test('base64 may be of the kind for URLs, unpadded, and there may be spaces between keys', () => {
    const url = Buffer.from(first, 'base64').toString('base64url');
    const same = openKeyRing(`names:${third}, b:${second} , a:${url}`);
    expect(plain(same.open(ring.seal(text, 'x'), 'x'))).toBe(plain(text));
    expect([same.current, same.ids]).toEqual(['b', ['b', 'a']]);
  });
});

describe('sealed bytes', () => {
  test('come back, whatever they are, and show nothing of themselves', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.boolean(), (bytes, context, repeatable) => {
        const sealed = ring.seal(bytes, context, { repeatable });
        expect(plain(ring.open(sealed, context))).toBe(plain(bytes));
        expect(sealedWith(sealed)).toBe('a');
      }),
    );
    expect(Buffer.from(ring.seal(text, 'x')).includes('Ada')).toBe(false);
  });

  test('open under no other name, and not with a byte changed, cut or added: never as other bytes', () => {
    const sealed = Buffer.from(ring.seal(text, 'object 1'));
    expect(failureOf(() => ring.open(sealed, 'object 2'))).toMatchObject({
      type: 'Store.ObjectCorrupt',
      nonRetryable: true,
      message: expect.stringContaining('object 2') as string,
    });
    for (let at = 0; at < sealed.length; at++) {
      const copy = Buffer.from(sealed);
      copy.writeUInt8(copy.readUInt8(at) ^ 0x10, at);
      expect(failureOf(() => ring.open(copy, 'object 1'))?.type).toMatch(/^Store\.(ObjectCorrupt|KeyMissing)$/);
      expect(failureOf(() => ring.open(sealed.subarray(0, at), 'object 1'))?.type).toBe('Store.ObjectCorrupt');
    }
    expect(failureOf(() => ring.open(Buffer.concat([sealed, Buffer.of(0)]), 'object 1'))?.type).toBe(
      'Store.ObjectCorrupt',
    );
    expect(sealedWith(Buffer.from('{"not":"sealed"}'))).toBeUndefined();
  });

  test('are equal where they may be, and only of equal bytes under one name', () => {
    const sealed = (bytes: Uint8Array, context: string, repeatable = true): string =>
      plain(ring.seal(bytes, context, { repeatable }));
    expect(sealed(text, 'x')).toBe(sealed(Buffer.from(text), 'x'));
    // The salt, which follows the header: another content or name never has the same key and nonce.
    const salt = (of: string): string => of.slice(14, 14 + 32);
    expect(salt(sealed(text, 'x'))).not.toBe(salt(sealed(text, 'y')));
    expect(salt(sealed(text, 'x'))).not.toBe(salt(sealed(text.subarray(1), 'x')));
    expect(sealed(text, 'x', false)).not.toBe(sealed(text, 'x', false));
  });

  // Of an earlier version: what is stored must open for ever.
  test('of long ago still open, and contents still have their names', () => {
    const old = openKeyRing(`old:${Buffer.alloc(32, 7).toString('base64')}`);
    expect(Buffer.from(old.open(Buffer.from(SEALED_LONG_AGO, 'base64'), 'object 1')).toString()).toBe('kept');
    const naming = createHmac('sha256', Buffer.alloc(32, 7)).update('naming').digest();
    const tenant = createHmac('sha256', naming).update('acme').digest();
    expect(old.nameOf('acme', text)).toBe(createHmac('sha256', tenant).update(text).digest('hex'));
  });
});

describe('a ring of several keys', () => {
  const sealed = ring.seal(text, 'object 1');

  test('seals with the first, opens with each, and keeps the names of the one that was alone', () => {
    const staged = openKeyRing(`a:${first},b:${second},names:${first}`);
    const rotated = openKeyRing(`b:${second},a:${first},names:${first}`);
    const done = openKeyRing(`b:${second},names:${first}`);
    expect(rotated.current).toBe('b');
    expect(sealedWith(rotated.seal(text, 'x'))).toBe('b');
    expect(plain(rotated.open(sealed, 'object 1'))).toBe(plain(text));
    for (const each of [staged, rotated, done]) expect(each.nameOf('acme', text)).toBe(ring.nameOf('acme', text));
    expect(plain(staged.open(rotated.seal(text, 'x'), 'x'))).toBe(plain(text));
    expect(failureOf(() => done.open(sealed, 'object 1'))?.type).toBe('Store.KeyMissing');
    expect(openKeyRing(`b:${second}`).nameOf('acme', text)).not.toBe(ring.nameOf('acme', text));
  });

  test('that lacks a key says which, and one that has another of that id says so: neither takes it for damage', () => {
    const lacking = failureOf(() => openKeyRing(`b:${second},c:${third},names:${first}`).open(sealed, 'object 1'));
    expect(lacking).toMatchObject({ type: 'Store.KeyMissing', nonRetryable: true });
    expect(lacking?.message).toMatch(/object 1 .*"a".* not among the keys given/);
    const wrong = failureOf(() => openKeyRing(`a:${second}`).open(sealed, 'object 1'));
    expect(wrong).toMatchObject({ type: 'Store.KeyMissing', nonRetryable: true });
    expect(wrong?.message).toMatch(/object 1 .*another key "a"/);
  });

  test('names equal content of two tenants differently, and that of one alike', () => {
    expect(ring.nameOf('acme', text)).toMatch(/^[0-9a-f]{64}$/);
    expect(ring.nameOf('acme', text)).toBe(openKeyRing(`other-id:${first}`).nameOf('acme', text));
    expect(ring.nameOf('acme', text)).not.toBe(ring.nameOf('acme2', text));
    expect(ring.nameOf('acme', text)).not.toBe(ring.nameOf('acme', text.subarray(1)));
  });
});

const SEALED_LONG_AGO = 'AQNvbGTmV500YK1trl6EtDo1abIXhE86mIsZfHE+OWW42SWDpWohDEJRprD9';
