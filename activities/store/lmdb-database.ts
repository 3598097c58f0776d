// The tables of the embedded store, and the options that its promises rest on.
import { accessSync, closeSync, constants, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';

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
}

/** @param mapSize address space for the database to start with, in bytes; lmdb-js grows it by itself */
export function openLmdbTables(path: string, mapSize?: number): LmdbTables {
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
  return {
    root,
    objects: root.openDB<Buffer, Buffer>({ name: 'objects', encoding: 'binary', keyEncoding: 'binary' }),
    lastPut: root.openDB<Buffer, Buffer>({ name: 'last-put', encoding: 'binary', keyEncoding: 'binary' }),
    refs: root.openDB<Buffer, string>({ name: 'refs', encoding: 'binary' }),
    counters: root.openDB<string, string>({ name: 'counters', encoding: 'string' }),
  };
}

/** As LMDB writes it on a little-endian machine, then the version of the format, 2. */
const LMDB_MAGIC = Buffer.from('dec0efbe02000000', 'hex');
const META_BYTES = 64;

/** lmdb-js ends the process with a segmentation fault where LMDB refuses to open: so what LMDB would refuse is refused before. */
function checkOpenable(path: string): void {
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  for (const name of ['data.mdb', 'lock.mdb']) {
    const file = join(path, name);
    if (statSync(file, { throwIfNoEntry: false })) accessSync(file, constants.R_OK | constants.W_OK);
  }
  const data = join(path, 'data.mdb');
  if (!statSync(data, { throwIfNoEntry: false })?.size) return;
  const start = Buffer.alloc(META_BYTES);
  const file = openSync(data, 'r');
  try {
    readSync(file, start, 0, META_BYTES, 0);
  } finally {
    closeSync(file);
  }
  if (!start.includes(LMDB_MAGIC)) throw new Error(`${data} is not a database of this version's format`);
}
