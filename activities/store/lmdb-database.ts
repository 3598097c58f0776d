// The tables of the embedded store, and the options that its promises rest on.
import { mkdirSync } from 'node:fs';
import { open, type Database, type RootDatabase } from 'lmdb';

export interface LmdbTables {
  root: RootDatabase<Buffer, Buffer>;
  /** By the 32 bytes of the hash: a format byte, then the object; or, for a large one, nothing more than the format byte. */
  objects: Database<Buffer, Buffer>;
  /** By the 32 bytes of the hash: when the object was last put, as a big-endian double of milliseconds since the epoch. Apart
   * from the object, so that refreshing it does not rewrite the object. Garbage collection goes by it. */
  lastPut: Database<Buffer, Buffer>;
  /** By name: JSON of a StoredRef. */
  refs: Database<string, string>;
  /** `sequence`: the last version given to any ref. One counter for all, so that versions grow even across a delete. */
  counters: Database<string, string>;
}

/** @param mapSize address space for the database to start with, in bytes; lmdb-js grows it by itself */
export function openLmdbTables(path: string, mapSize?: number): LmdbTables {
  mkdirSync(path, { recursive: true, mode: 0o700 });
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
    refs: root.openDB<string, string>({ name: 'refs', encoding: 'string' }),
    counters: root.openDB<string, string>({ name: 'counters', encoding: 'string' }),
  };
}
