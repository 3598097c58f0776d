// Where a page of a list has ended, sealed: the last that was looked at for it may be somebody else's, and its name is not the caller's to know.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { ContentStore } from '../../activities/store';
import { Problem } from './problem';

/** In the store, so that every server of it reads what another has given. */
const KEY_NAME = 'api/cursor-key';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';

/** The longest name that a list goes by, and what seals it. */
export const CURSOR_CHARS = 1_000;

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

/** @param list its cursors say nothing to another one */
export async function sealedCursor(store: ContentStore, list: string, place: string): Promise<string> {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, await keyOf(store), nonce).setAAD(Buffer.from(list));
  const sealed = [nonce, cipher.update(place, 'utf8'), cipher.final()];
  return Buffer.concat([...sealed, cipher.getAuthTag()]).toString('base64url');
}

/** @throws Problem `Api.Invalid` */
export async function openedCursor(store: ContentStore, list: string, cursor: string): Promise<string> {
  const key = await keyOf(store);
  try {
    const sealed = Buffer.from(cursor, 'base64url');
    const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(list))
      .setAuthTag(sealed.subarray(-TAG_BYTES));
    const place = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([place, decipher.final()]).toString('utf8');
  } catch (error) {
    const errors = [{ parameter: 'cursor', detail: 'none that a page has given' }];
    throw new Problem('Api.Invalid', 'the cursor is none of this list.', { errors, cause: error });
  }
}
