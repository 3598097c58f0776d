// Files on the store: bytes go in, a reference comes out, and the reference is what messages, inputs and histories hold.
import type { FileRef } from '../../workflows/contract/message';
import { fileRefSchema } from '../../workflows/contract/schemas/message';
import { failure } from '../failure';
import type { ContentStore } from './port';

/**
 * Durable when it resolves.
 * @param about `mediaType` as in MIME; `name` is shown to people and models and is never a path
 * @returns a reference, whose `sha256` is the name that the store gives the bytes
 * @throws ZodError when `about` cannot stand in a reference; ApplicationFailure `Store.Unavailable`
 */
export async function putFile(
  store: Pick<ContentStore, 'commit' | 'nameOf'>,
  bytes: Uint8Array,
  about: { mediaType: string; name?: string },
): Promise<FileRef> {
  const file = fileRefOf(store, bytes, about);
  await store.commit({ objects: [bytes] });
  return file;
}

/** The reference that `putFile` returns. Nothing is written. */
export const fileRefOf = (
  store: Pick<ContentStore, 'nameOf'>,
  bytes: Uint8Array,
  about: { mediaType: string; name?: string },
): FileRef => fileRefSchema.parse({ sha256: store.nameOf(bytes), bytes: bytes.length, ...about });

/** @throws ApplicationFailure `Store.ObjectMissing`, or `Store.ObjectCorrupt` also where the size is not the reference's */
export async function readFile(store: Pick<ContentStore, 'get'>, file: FileRef): Promise<Uint8Array> {
  const [bytes] = await store.get([file.sha256]);
  if (bytes?.length === file.bytes) return bytes;
  throw failure(
    'Store.ObjectCorrupt',
    `file ${file.sha256} has ${bytes?.length ?? 0} bytes where its reference says ${file.bytes}.`,
  );
}
