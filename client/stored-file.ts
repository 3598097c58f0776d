// Files that a caller hands to a run: bytes in the store, named by a reference.
import { z } from 'zod';
import { putFile as storeFile } from '../activities/store';
import type { ContentStore } from '../activities/store/port';
import type { FileRef } from '../workflows/contract/message';
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
  try {
    return await storeFile(store, bytes, { mediaType: about.mediaType, ...(name ? { name } : {}) });
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const { path, message } = error.issues[0] ?? { path: [], message: '' };
    throw new ClientError('invalid-input', `the file cannot be stored: ${path.join('.')}: ${message}`);
  }
}
