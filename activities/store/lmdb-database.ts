// The tables of the embedded store, and the options that its promises rest on.
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { checkFile, openLmdbPages, type LmdbPages } from './lmdb-pages';

export interface LmdbTables {
  root: RootDatabase<Buffer, Buffer>;
  /** By the 32 bytes of the name: an entry of lmdb-entries.ts. */
  objects: Database<Buffer, Buffer>;
  /** By the 32 bytes of the name: when the object was last put, as a big-endian double of milliseconds since the epoch. Apart
   * from the object, so that refreshing it does not rewrite the object. Garbage collection goes by it. */
  lastPut: Database<Buffer, Buffer>;
  /** By name: a record of lmdb-entries.ts. */
  refs: Database<Buffer, string>;
  /** `sequence`: the last version given to any ref. One counter for all, so that versions grow even across a delete. */
  counters: Database<string, string>;
  /** Of the file under all of them. */
  pages: LmdbPages;
  /** A fresh snapshot for what is read in `work`: lmdb-js keeps one for a turn of the event loop, in which another process may have
   * committed. */
  fresh<T>(work: () => T): T;
  close(): Promise<void>;
}

const DATA = 'data.mdb';

interface Shared {
  tables: LmdbTables;
  users: number;
}
/** Of this process, by the file; of a process that has loaded this code twice, each copy has its own. */
const shared = new Map<string, Shared>();

/**
 * One handle for all in this process that open the same file. Opening writes, on this thread: where a transaction of another handle is
 * under way, which waits for this thread, both would wait for ever.
 * @param mapSize address space for the database to start with, in bytes; lmdb-js grows it by itself, so that of whoever opens first counts
 */
export function shareLmdbTables(path: string, mapSize?: number): LmdbTables {
  const file = join(path, DATA);
  const there = shared.get(fileOf(file) ?? '');
  const one = there ?? { tables: openTables(path, mapSize), users: 0 };
  one.users += 1;
  const key = fileOf(file) ?? path;
  shared.set(key, one);
  let leaving: Promise<void> | undefined;
  return { ...one.tables, close: () => (leaving ??= leave(key, one)) };
}

async function leave(key: string, one: Shared): Promise<void> {
  // Also a transaction that nobody waits for any more: until it is done, who opens shares its handle.
  await one.tables.root.committed.then(ignore, ignore);
  one.users -= 1;
  if (one.users > 0) return;
  if (shared.get(key) === one) shared.delete(key);
  await one.tables.close();
}

const ignore = (): void => undefined;

/** Not by its path, at which there may be another by now. All bits of the number: some file systems use more than a double holds. */
function fileOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found && `${found.dev}:${found.ino}`;
}

function openTables(path: string, mapSize?: number): LmdbTables {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  checkOpenable(path);
  const root = open<Buffer, Buffer>({
    path,
    // A folder whatever its name: lmdb-js takes a path with a dot in it for a file.
    noSubdir: false,
    // LMDB's own commit: flushed to disk before it returns, which is what `commit` promises. The default on Linux and macOS
    // resolves when the data is visible and flushes later.
    overlappingSync: false,
    // Batching by event turn leaves a promise behind that nobody can catch: a full disk would end the process.
    eventTurnBatching: false,
    // A process holds a few; LMDB's own 126 would be a limit on processes that nobody expects.
    maxReaders: 512,
    encoding: 'binary',
    keyEncoding: 'binary',
    ...(mapSize === undefined ? {} : { mapSize }),
  });
  try {
    return tablesOf(root, path);
  } catch (error) {
    void root.close();
    throw error;
  }
}

function tablesOf(root: LmdbTables['root'], path: string): LmdbTables {
  const tables = {
    objects: root.openDB<Buffer, Buffer>({ name: 'objects', encoding: 'binary', keyEncoding: 'binary' }),
    lastPut: root.openDB<Buffer, Buffer>({ name: 'last-put', encoding: 'binary', keyEncoding: 'binary' }),
    refs: root.openDB<Buffer, string>({ name: 'refs', encoding: 'binary' }),
    counters: root.openDB<string, string>({ name: 'counters', encoding: 'string' }),
  };
  const pages = openLmdbPages(join(path, DATA));
  return {
    root,
    ...tables,
    pages,
    fresh: (work) => {
      root.resetReadTxn();
      // Held: `pages` is for a snapshot that somebody reads.
      const reading = root.useReadTransaction();
      try {
        return work();
      } finally {
        reading.done();
      }
    },
    close: async () => {
      await root.close();
      pages.close();
    },
  };
}

/**
 * lmdb-js ends the process with a segmentation fault where LMDB refuses to open, and a page that the file lacks ends it later: so what
 * LMDB would refuse or miss is refused before. Damage on pages that LMDB itself reads in a write can still make its C code abort.
 */
function checkOpenable(path: string): void {
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  for (const name of [DATA, 'lock.mdb']) {
    const file = join(path, name);
    if (statSync(file, { throwIfNoEntry: false })) accessSync(file, constants.R_OK | constants.W_OK);
  }
  const data = join(path, DATA);
  if (statSync(data, { throwIfNoEntry: false })?.size) checkFile(data);
}
