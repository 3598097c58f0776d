// What a server gives out and takes back, and nobody else can read or make: the ends of pages, and the sessions of the dashboard.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { ContentStore } from '../../activities/store';

/** In the store, so that every server of it reads what another has given. */
const KEY_NAME = 'api/cursor-key';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';

const keySchema = z.object({ schemaVersion: z.literal(1), key: z.string() });
const known = new WeakMap<object, Promise<Buffer>>();

function keyOf(store: ContentStore): Promise<Buffer> {
  const kept = known.get(store);
  if (kept) return kept;
  const key = readKey(store);
  known.set(store, key);
  key.catch(() => known.delete(store));
  return key;
}

async function readKey(store: ContentStore): Promise<Buffer> {
  const value = { schemaVersion: 1, key: randomBytes(KEY_BYTES).toString('base64url') };
  await store.commit({ refs: [{ op: 'create', name: KEY_NAME, value }] });
  return Buffer.from(keySchema.parse((await store.readRef(KEY_NAME))?.value).key, 'base64url');
}

/** @param purpose what is sealed for one says nothing for another */
export async function sealed(store: ContentStore, purpose: string, text: string): Promise<string> {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, await keyOf(store), nonce).setAAD(Buffer.from(purpose));
  const parts = [nonce, cipher.update(text, 'utf8'), cipher.final()];
  return Buffer.concat([...parts, cipher.getAuthTag()]).toString('base64url');
}

/** Undefined where it was not sealed here, or for another purpose. @throws what keeps the store from telling */
export async function unsealed(store: ContentStore, purpose: string, given: string): Promise<string | undefined> {
  const key = await keyOf(store);
  try {
    const bytes = Buffer.from(given, 'base64url');
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(purpose))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}
