// Keys for what is kept: the store seals its objects and records with them, and Temporal's payload codec its payloads.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { failure } from '../failure';

/** Bytes that were sealed under a name, and can be opened under that name alone. */
export interface KeyRing {
  /** Id of the key that new bytes are sealed with. Ids are shown to people and stored in the clear. */
  readonly current: string;
  /** Of all keys, `current` first. */
  readonly ids: readonly string[];
  /**
   * AES-256-GCM.
   * @param context bound to the bytes as additional data, and named by errors: "object 12ab...", "ref run/a"
   * @param repeatable equal bytes of one context seal to equal bytes, for what is stored by its content: the name of an object says
   * already which content is equal. Not for anything else, where it would tell. @default false
   */
  seal(bytes: Uint8Array, context: string, options?: { repeatable?: boolean }): Uint8Array;
  /**
   * @throws ApplicationFailure `Store.KeyMissing` naming the key id, when the ring lacks the key or has another one of that id;
   * `Store.ObjectCorrupt` when the bytes were altered or moved to another context
   */
  open(sealed: Uint8Array, context: string): Uint8Array;
  /**
   * HMAC-SHA-256 by a key of this tenant's own, as 64 lower-case hex digits: equal content of two tenants has different names.
   * By the entry `names` of the ring, so that no change of the others changes a name; by the only key where there is one.
   */
  nameOf(tenant: string, bytes: Uint8Array): string;
}

// Sealed bytes: [version: 1] [length of the id: 1] [id] [fingerprint of the key: 4] [salt: 16] [tag: 16] [ciphertext].
const VERSION = 1;
/** Tells another key of the same id from altered bytes. */
const FINGERPRINT_BYTES = 4;
/** With the context it makes a key of these bytes' own, so that no number of them uses up a key's 2^32 random nonces. */
const SALT_BYTES = 16;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

const KEY_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;
/** 32 bytes in base64, also in the alphabet for URLs. */
const KEY_TEXT = /^[A-Za-z0-9+/_-]{43}=?$/;

interface MasterKey {
  id: string;
  fingerprint: Buffer;
  /** Each use has a key of its own, so that none can be turned against another. */
  sealing: Buffer;
  salting: Buffer;
  naming: Buffer;
}

/** Id of the entry that names objects and seals nothing: a name must outlive the key that seals what it names. */
const NAMES = 'names';

/**
 * @param text `id:key` pairs, separated by commas; a key is 32 random bytes in base64. The first seals, all of them open. To change
 * keys, add the new one behind the first in every process, then put it in front; the old one stays as long as anything it sealed.
 * Several keys want an entry `names:key` beside them, which stays for ever: a copy of the key that was the only one before.
 * @throws Error that names the place in the text, and never a key
 */
export function openKeyRing(text: string): KeyRing {
  const entries = text.split(',').map((entry, at) => parseKey(entry.trim(), at + 1));
  const byId = new Map(entries.map((key) => [key.id, key]));
  if (byId.size < entries.length) throw new Error('two keys have the same id.');
  const { naming } = byId.get(NAMES) ?? entries[0] ?? {};
  const keys = new Map([...byId].filter(([id]) => id !== NAMES));
  const [current] = keys.values();
  if (!current || !naming)
    throw new Error(`there is no key that seals: write id:key, with another id than "${NAMES}".`);
  if (keys.size > 1 && !byId.has(NAMES)) {
    const why = 'a name must not change with the key that seals';
    throw new Error(`several keys want an entry "${NAMES}:key", a copy of the one that was alone before: ${why}.`);
  }

  return {
    current: current.id,
    ids: [...keys.keys()],
    seal: (bytes, context, { repeatable = false } = {}) => {
      const salt = repeatable ? contentSalt(current, context, bytes) : randomBytes(SALT_BYTES);
      const header = Buffer.concat([
        Buffer.of(VERSION, current.id.length),
        Buffer.from(current.id),
        current.fingerprint,
      ]);
      const { key, nonce } = derived(current, salt, context);
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.concat([header, salt, Buffer.from(context)]));
      const ciphertext = cipher.update(bytes);
      cipher.final();
      return Buffer.concat([header, salt, cipher.getAuthTag(), ciphertext]);
    },
    open: (sealed, context) => {
      const parts = partsOf(sealed);
      if (!parts) throw failure('Store.ObjectCorrupt', `${context} holds no sealed bytes that this version knows.`);
      const master = keys.get(parts.id);
      if (!master?.fingerprint.equals(parts.fingerprint)) throw keyMissing(context, parts.id, master !== undefined);
      const { key, nonce } = derived(master, parts.salt, context);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.concat([parts.header, parts.salt, Buffer.from(context)]));
      decipher.setAuthTag(parts.tag);
      const bytes = decipher.update(parts.ciphertext);
      try {
        decipher.final();
      } catch {
        throw failure('Store.ObjectCorrupt', `${context} holds other bytes than were sealed under its name.`);
      }
      return bytes;
    },
    nameOf: (tenant, bytes) => createHmac('sha256', hmac(naming, tenant)).update(bytes).digest('hex'),
  };
}

/** @returns the id of the key that sealed the bytes, without opening them; undefined when they are no sealed bytes */
export const sealedWith = (sealed: Uint8Array): string | undefined => partsOf(sealed)?.id;

function parseKey(entry: string, at: number): MasterKey {
  const [, id = '', key = ''] = /^([^:]*):(.*)$/s.exec(entry) ?? [];
  if (!KEY_ID.test(id)) {
    throw new Error(`key ${at} has no id: write id:key, the id in at most 32 letters, digits, dots, "-" and "_".`);
  }
  const master = Buffer.from(key, 'base64');
  // By its text too: Node reads over what is no base64, and gives other bytes without a word.
  if (!KEY_TEXT.test(key) || master.length !== KEY_BYTES) {
    throw new Error(`key "${id}" is not 32 bytes in base64: "openssl rand -base64 32" prints such a key.`);
  }
  return {
    id,
    fingerprint: hmac(master, 'fingerprint').subarray(0, FINGERPRINT_BYTES),
    sealing: hmac(master, 'sealing'),
    salting: hmac(master, 'salting'),
    naming: hmac(master, 'naming'),
  };
}

function partsOf(
  sealed: Uint8Array,
): { id: string; header: Buffer; fingerprint: Buffer; salt: Buffer; tag: Buffer; ciphertext: Buffer } | undefined {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
  const idEnd = 2 + (bytes[1] ?? 0);
  const headerEnd = idEnd + FINGERPRINT_BYTES;
  const saltEnd = headerEnd + SALT_BYTES;
  const tagEnd = saltEnd + TAG_BYTES;
  const id = bytes.toString('latin1', 2, idEnd);
  if (bytes[0] !== VERSION || bytes.length < tagEnd || !KEY_ID.test(id)) return undefined;
  return {
    id,
    header: bytes.subarray(0, headerEnd),
    fingerprint: bytes.subarray(idEnd, headerEnd),
    salt: bytes.subarray(headerEnd, saltEnd),
    tag: bytes.subarray(saltEnd, tagEnd),
    ciphertext: bytes.subarray(tagEnd),
  };
}

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

function derived({ sealing }: MasterKey, salt: Buffer, context: string): { key: Buffer; nonce: Buffer } {
  const bytes = createHmac('sha512', sealing).update(salt).update(context).digest();
  return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES) };
}

/** From the bytes and not the context alone: one key and nonce must never meet two contents, such as two compressions of one object. */
const contentSalt = ({ salting }: MasterKey, context: string, bytes: Uint8Array): Buffer =>
  createHmac('sha256', salting).update(hmac(salting, context)).update(bytes).digest().subarray(0, SALT_BYTES);

const keyMissing = (context: string, id: string, other: boolean): Error =>
  failure(
    'Store.KeyMissing',
    other
      ? `${context} is sealed with another key "${id}" than the one given: look at LONGHAUL_KEYS.`
      : `${context} is sealed with key "${id}", which is not among the keys given: add it to LONGHAUL_KEYS.`,
  );
