// Files that a caller hands to a run, or reads from its answer: bytes in the store, named by a reference.
import type { ContentStore } from '../activities/store/port';
import type { FileRef } from '../workflows/contract/message';
import { fileRefSchema } from '../workflows/contract/schemas/message';
import { ClientError } from './errors';

export interface FileAbout {
  /** As in MIME, for example `image/png`. */
  mediaType: string;
  /** For people and models; of a path, its last part is kept. */
  name?: string;
}

/** @throws ClientError `invalid-input` when media type or name cannot be stored */
export async function putFile(store: ContentStore, bytes: Uint8Array, about: FileAbout): Promise<FileRef> {
  const name = about.name?.split(/[/\\]/).at(-1);
  const {
    hashes: [sha256],
  } = await store.commit({ objects: [bytes] });
  const ref = fileRefSchema.safeParse({
    sha256,
    mediaType: about.mediaType,
    bytes: bytes.length,
    ...(name ? { name } : {}),
  });
  if (ref.success) return ref.data;
  const { path, message } = ref.error.issues[0] ?? { path: [], message: '' };
  throw new ClientError('invalid-input', `the file cannot be stored: ${path.join('.')}: ${message}`);
}

/** @throws ApplicationFailure `Store.ObjectMissing` */
export async function readFile(store: ContentStore, { sha256 }: FileRef): Promise<Uint8Array> {
  const [bytes] = await store.get([sha256]);
  if (!bytes) throw new Error(`the store answered without object ${sha256}.`);
  return bytes;
}
