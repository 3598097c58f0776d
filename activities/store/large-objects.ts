// Objects too large for the database, as files named by their hash. A file under its final name is whole and on disk: it was
// written beside, flushed, and renamed; the folder is flushed before the database names the object.
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Names of files still being written. */
const UNFINISHED = '.part';
/** No write takes this long: what is older was left by a process that died. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1_000;

export interface LargeObjects {
  /** Durable when it resolves. Mends the file where it holds something else. */
  put(objects: readonly { hash: string; bytes: Uint8Array }[]): Promise<void>;
  /** @returns undefined when there is no such file */
  read(hash: string): Promise<Uint8Array | undefined>;
  has(hash: string): Promise<boolean>;
}

export function openLargeObjects(folder: string): LargeObjects {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  removeAbandoned(folder);

  const read = async (hash: string): Promise<Buffer | undefined> => {
    try {
      return await readFile(join(folder, hash));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };

  return {
    read,
    async has(hash) {
      try {
        return (await stat(join(folder, hash))).isFile();
      } catch (error) {
        if (isMissing(error)) return false;
        throw error;
      }
    },
    async put(objects) {
      if (objects.length === 0) return;
      for (const { hash, bytes } of objects) {
        if (!(await read(hash))?.equals(bytes)) await writeWhole(folder, hash, bytes);
      }
      // Also when every file was there: another process may have renamed one and not flushed the folder yet.
      await flushFolder(folder);
    },
  };
}

async function writeWhole(folder: string, hash: string, bytes: Uint8Array): Promise<void> {
  const unfinished = join(folder, `${hash}.${randomUUID()}${UNFINISHED}`);
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, join(folder, hash));
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(UNFINISHED)) continue;
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) rmSync(path, { force: true });
  }
}

/** By its code and not its class: in a test runner's realm Node's own errors are of another class. */
const isMissing = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
