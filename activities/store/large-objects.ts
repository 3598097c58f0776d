// Objects too large for the database, as files that the database names. Each writing of an object is a file of its own name, which
// no other writing ever has: so a file that the database has stopped naming can be removed without asking who may be about to name
// it again. A file under its final name is whole and on disk: it was written beside, flushed, and renamed, and the folder flushed.
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Names of files still being written. */
const UNFINISHED = '.part';
/** No write takes this long: what is older was left by a process that died. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1_000;
/** The name of the object, a dot, and what makes the file's name its own. Nothing else in the folder is ours. */
const OWN_FILE = /^([0-9a-f]{64})\.[0-9a-f-]{36}$/;

export const isFileOf = (object: string, file: string): boolean => OWN_FILE.exec(file)?.[1] === object;

export interface LargeObjects {
  /** Durable when it resolves. @returns the names of the files, in order */
  write(objects: readonly { name: string; bytes: Uint8Array }[]): Promise<string[]>;
  /** @returns undefined when there is no such file */
  read(file: string): Promise<Buffer | undefined>;
  /** In bytes. @returns undefined when there is no such file */
  size(file: string): Promise<number | undefined>;
  remove(files: readonly string[]): Promise<void>;
  /**
   * Files that nobody names, because a process died between writing one and naming it, or between unnaming and removing it.
   * Only those old enough that whoever wrote them is done.
   */
  removeUnnamed(isNamed: (object: string, file: string) => boolean): Promise<void>;
}

export function openLargeObjects(folder: string): LargeObjects {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  removeUnfinished(folder);

  return {
    read: (file) => ifThere(readFile(join(folder, file))),
    size: async (file) => (await ifThere(stat(join(folder, file))))?.size,
    remove: async (files) => {
      for (const file of files) await rm(join(folder, file), { force: true });
    },
    async write(objects) {
      if (objects.length === 0) return [];
      const files: string[] = [];
      try {
        for (const { name, bytes } of objects) {
          const file = `${name}.${randomUUID()}`;
          await writeWhole(folder, file, bytes);
          files.push(file);
        }
        await flushFolder(folder);
        return files;
      } catch (error) {
        // Nobody was told their names. On a full disk each try would otherwise leave some more.
        for (const file of files) await rm(join(folder, file), { force: true });
        throw error;
      }
    },
    async removeUnnamed(isNamed) {
      for (const file of await readdir(folder)) {
        const [, object] = OWN_FILE.exec(file) ?? [];
        if (object === undefined) continue;
        const found = await ifThere(stat(join(folder, file)));
        if (found && isAbandoned(found) && !isNamed(object, file)) await rm(join(folder, file), { force: true });
      }
    },
  };
}

async function writeWhole(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const unfinished = join(folder, `${name}${UNFINISHED}`);
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, join(folder, name));
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

function removeUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(UNFINISHED)) continue;
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found && isAbandoned(found)) rmSync(path, { force: true });
  }
}

const isAbandoned = ({ mtimeMs }: { mtimeMs: number }): boolean => Date.now() - mtimeMs > ABANDONED_AFTER_MS;

async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    // By its code and not its class: in a test runner's realm Node's own errors are of another class.
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
