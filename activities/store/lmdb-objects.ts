// The objects of the embedded store: small ones in the database, large ones in files that it names.
import type { BackendObject, StoreBackend, StoredObject } from './backend';
import type { LargeObjects } from './large-objects';
import type { LmdbTables } from './lmdb-database';
import { objectEntry } from './lmdb-entries';
import {
  applyCommit,
  applyDeleteObjects,
  fileIn,
  fileNamed,
  keyOf,
  listEntries,
  type LmdbPut,
} from './lmdb-transactions';
import { NoAnswer, type Transactor } from './lmdb-transactor';

/**
 * Larger objects become files: LMDB would look for that many adjacent free pages, hold the write lock of all processes while it
 * copies and flushes them, and never give the space back.
 */
const LARGE_OBJECT_BYTES = 256 * 1024;
/** Names in one transaction that deletes: other writers wait for it. */
const DELETE_MAX = 1_000;

export type LmdbObjects = Pick<StoreBackend, 'commit' | 'get' | 'has' | 'listObjects' | 'deleteObjects'>;

export function lmdbObjects(tables: LmdbTables, files: LargeObjects, { transact }: Transactor): LmdbObjects {
  let swept: Promise<void> | undefined;

  async function commit({ objects, refs }: Parameters<StoreBackend['commit']>[0]): Promise<{ conflicts: string[] }> {
    if (objects.length + refs.length === 0) return { conflicts: [] };
    for (let reuse = true; ; reuse = false) {
      const { puts, written } = await place(tables, files, objects, reuse);
      try {
        const committed = await transact((now) => applyCommit(tables, puts, refs, now));
        if (committed) {
          await files.remove(committed.unnamedFiles);
          return { conflicts: committed.conflicts };
        }
      } catch (error) {
        if (!(error instanceof NoAnswer)) await removeUnlessNamed(tables, files, written);
        throw error;
      }
      // A file that was to be used again is named no more. The second time all of them are written, so there is no third.
      await removeUnlessNamed(tables, files, written);
    }
  }

  /** What `ofFile` says of the object's file, or of the one that has replaced it meanwhile. */
  async function resolved<T>(
    name: string,
    stored: Buffer | undefined,
    ofBytes: (bytes: Buffer) => T,
    ofFile: (file: string, before: Buffer) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    for (let at = stored; at;) {
      const entry = objectEntry(name, at);
      if (!('file' in entry)) return ofBytes(entry.bytes);
      const found = await ofFile(entry.file, entry.before);
      if (found !== undefined) return found;
      const [now] = freshEntries(tables, [name]);
      if (now?.equals(at)) return undefined;
      at = now;
    }
    return undefined;
  }

  const inline = (bytes: Buffer): Uint8Array => bytes;
  const inFile = async (file: string, before: Buffer): Promise<Uint8Array | undefined> => {
    const bytes = await files.read(file);
    return bytes && before.length > 0 ? Buffer.concat([before, bytes]) : bytes;
  };
  const sizeOf = async (name: string, stored: Buffer | undefined): Promise<number | undefined> =>
    await resolved(name, stored, ({ length }) => length, files.size);

  return {
    commit,
    get: async (names) => {
      const stored = freshEntries(tables, names);
      return await Promise.all(names.map((name, at) => resolved(name, stored[at], inline, inFile)));
    },
    has: async (names) => {
      const stored = freshEntries(tables, names);
      return await Promise.all(names.map(async (name, at) => (await sizeOf(name, stored[at])) !== undefined));
    },
    listObjects: async ({ after, limit }) => {
      const sized = async ({ file, ...object }: StoredObject & { file?: string }): Promise<StoredObject> =>
        file === undefined ? object : { ...object, bytes: (await files.size(file)) ?? 0 };
      return await Promise.all(tables.fresh(() => listEntries(tables, after, limit)).map(sized));
    },
    deleteObjects: async (names, putBefore) => {
      const gone: string[] = [];
      for (let at = 0; at < names.length; at += DELETE_MAX) {
        const batch = names.slice(at, at + DELETE_MAX);
        const { deleted, unnamedFiles } = await transact(() => applyDeleteObjects(tables, batch, putBefore));
        await files.remove(unnamedFiles);
        gone.push(...deleted);
      }
      // Here and not at opening: who collects garbage has time to read a folder.
      await (swept ??= files.removeUnnamed((name, file) => freshFile(tables, name) === file));
      return gone;
    },
  };
}

const freshEntries = (tables: LmdbTables, names: readonly string[]): (Buffer | undefined)[] =>
  tables.fresh(() =>
    names.map((name) => {
      const key = keyOf(name);
      // That it is not there is believed of whole pages alone: whoever collects garbage follows what is there.
      return tables.objects.getBinary(key) ?? tables.pages.find('objects', key);
    }),
  );
const freshFile = (tables: LmdbTables, name: string): string | undefined =>
  tables.fresh(() => {
    // Here too: a file that no object names is removed.
    return fileNamed(tables, name) ?? fileIn(tables.pages.find('objects', keyOf(name)), name);
  });

/** Writes the large ones to files, but those that are there already where they may be used again. */
async function place(
  tables: LmdbTables,
  files: LargeObjects,
  objects: readonly BackendObject[],
  reuse: boolean,
): Promise<{ puts: LmdbPut[]; written: { name: string; file: string }[] }> {
  const puts: LmdbPut[] = [];
  const unwritten: BackendObject[] = [];
  for (const object of objects) {
    const { name, bytes } = object;
    if (bytes.length <= LARGE_OBJECT_BYTES) {
      puts.push({ name, bytes });
      continue;
    }
    const file = reuse ? freshFile(tables, name) : undefined;
    // Compared and not assumed, so that putting an object again mends a damaged one.
    if (file !== undefined && (await files.read(file))?.equals(bytes)) puts.push({ name, file, found: true });
    else unwritten.push(object);
  }
  const names = await files.write(unwritten);
  const written = unwritten.map(({ name }, at) => ({ name, file: names[at] ?? '' }));
  return { puts: [...puts, ...written.map((put) => ({ ...put, found: false }))], written };
}

/** What is named stays: a commit that failed together with others of its transaction may have been written. */
async function removeUnlessNamed(
  tables: LmdbTables,
  files: LargeObjects,
  written: readonly { name: string; file: string }[],
): Promise<void> {
  await files.remove(written.flatMap(({ name, file }) => (freshFile(tables, name) === file ? [] : [file])));
}
