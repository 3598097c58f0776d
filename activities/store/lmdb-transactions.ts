// What the embedded store does inside its transactions. An ApplicationFailure may be thrown before anything was written, and is one
// operation's own; afterwards nothing may throw for a reason of its own: lmdb-js commits what came before.
import type { BackendRef, BackendRefWrite, StoredObject } from './backend';
import type { LmdbTables } from './lmdb-database';
import { decodeRef, encodeRef, fileEntry, inlineEntry, objectEntry } from './lmdb-entries';
import type { LmdbEntry } from './lmdb-pages';
import { conditionHolds, isLive } from './ref-record';

export type LmdbPut =
  | { name: string; bytes: Uint8Array }
  /** `found` stands where the file was there already and holds the object: the database must still name it. */
  | { name: string; file: string; found: boolean };

export interface Committed {
  conflicts: string[];
  /** That the database named until now: nobody will name them again. */
  unnamedFiles: string[];
}

export const keyOf = (name: string): Buffer => Buffer.from(name, 'hex');

/** @returns undefined, and nothing is written, when a file that was found is named no more: it may be gone, so write another */
export function applyCommit(
  tables: LmdbTables,
  objects: readonly LmdbPut[],
  refs: readonly BackendRefWrite[],
  now: number,
): Committed | undefined {
  const conditional = refs.filter((write) => write.op !== 'put');
  const conflicts = conditional.filter((write) => !conditionHolds(write, liveRef(tables, write.name, now)));
  if (objects.some((put) => 'file' in put && put.found && fileNamed(tables, put.name) !== put.file)) return undefined;
  const unnamedFiles = putObjects(tables, objects, now);
  if (conflicts.length === 0 && refs.length > 0) {
    let version = Number(tables.counters.get('sequence') ?? 0);
    for (const write of refs) void tables.refs.put(write.name, encodeRef({ ...write, version: ++version }));
    void tables.counters.put('sequence', String(version));
  }
  return { conflicts: conflicts.map(({ name }) => name), unnamedFiles };
}

function putObjects(tables: LmdbTables, objects: readonly LmdbPut[], now: number): string[] {
  const unnamed: string[] = [];
  const time = timeEntry(now);
  for (const put of objects) {
    const key = keyOf(put.name);
    const before = tables.objects.getBinary(key);
    const after = 'file' in put ? fileEntry(put.file) : inlineEntry(put.bytes);
    // Compared and not assumed, so that putting an object again mends a damaged one.
    if (!before?.equals(after)) {
      const file = fileNamed(tables, put.name);
      if (file !== undefined) unnamed.push(file);
      void tables.objects.put(key, after);
    }
    void tables.lastPut.put(key, time);
  }
  return unnamed;
}

/** @returns the names of the deleted, and files that nobody will name again */
export function applyDeleteObjects(
  tables: LmdbTables,
  names: readonly string[],
  putBefore: number,
): { deleted: string[]; unnamedFiles: string[] } {
  const deleted: string[] = [];
  const unnamedFiles: string[] = [];
  for (const name of new Set(names)) {
    const key = keyOf(name);
    if (!tables.objects.getBinary(key) || timeIn(tables.lastPut.getBinary(key)) >= putBefore) continue;
    const file = fileNamed(tables, name);
    if (file !== undefined) unnamedFiles.push(file);
    void tables.objects.remove(key);
    void tables.lastPut.remove(key);
    deleted.push(name);
  }
  return { deleted, unnamedFiles };
}

export function applyDeleteRef(tables: LmdbTables, name: string, version: number | undefined, now: number): boolean {
  const ref = liveRef(tables, name, now);
  if (!ref || (version !== undefined && ref.version !== version)) return false;
  void tables.refs.remove(name);
  return true;
}

/** @throws ApplicationFailure `Store.ObjectCorrupt`; LmdbDamage */
export function listExpiredRefs(tables: LmdbTables): string[] {
  const now = Date.now();
  const names: string[] = [];
  for (const { key, value } of tables.pages.entries('refs', Buffer.alloc(0))) {
    const name = key.toString('latin1');
    if (!isLive(decodeRef(name, value), now)) names.push(name);
  }
  return names;
}

/** Looked at again: they may have been written since. @returns how many there were */
export function applyDeleteExpired(tables: LmdbTables, names: readonly string[], now: number): number {
  const expired = names.filter((name) => {
    const stored = tables.refs.getBinary(name);
    return stored && !isLive(decodeRef(name, stored), now);
  });
  for (const name of expired) void tables.refs.remove(name);
  return expired.length;
}

/** @throws ApplicationFailure `Store.ObjectCorrupt` */
export const liveRef = (tables: LmdbTables, name: string, now: number): BackendRef | undefined =>
  liveIn(tables.refs.getBinary(name), name, now);

export function liveIn(stored: Buffer | undefined, name: string, now: number): BackendRef | undefined {
  const ref = stored && decodeRef(name, stored);
  return ref && isLive(ref, now) ? ref : undefined;
}

/** @throws ApplicationFailure `Store.ObjectCorrupt`; LmdbDamage */
export function listLiveRefs(tables: LmdbTables, prefix: string, after: string, limit: number): BackendRef[] {
  const now = Date.now();
  const start = after > prefix ? after : prefix;
  const refs: BackendRef[] = [];
  for (const { key, value } of tables.pages.entries('refs', Buffer.from(start, 'latin1'))) {
    const name = key.toString('latin1');
    if (refs.length >= limit || !name.startsWith(prefix)) break;
    if (name === after) continue;
    const ref = decodeRef(name, value);
    if (isLive(ref, now)) refs.push(ref);
  }
  return refs;
}

/** `file` where the bytes are in one, and are to be counted there. @throws LmdbDamage */
export function listEntries(
  tables: LmdbTables,
  after: string | undefined,
  limit: number,
): (StoredObject & { file?: string })[] {
  const listed: (StoredObject & { file?: string })[] = [];
  const start = keyOf(after ?? '');
  const lastPutOf = inStep(tables.pages.entries('last-put', start));
  for (const { key, value } of tables.pages.entries('objects', start)) {
    const name = key.toString('hex');
    if (listed.length >= limit) break;
    if (name === after) continue;
    const entry = objectEntry(name, value);
    const lastPut = timeIn(lastPutOf(key));
    listed.push(
      'file' in entry ? { name, bytes: 0, lastPut, file: entry.file } : { name, bytes: entry.bytes.length, lastPut },
    );
  }
  return listed;
}

/** The file that holds the object, where one does. */
export const fileNamed = (tables: LmdbTables, name: string): string | undefined =>
  fileIn(tables.objects.getBinary(keyOf(name)), name);

export function fileIn(stored: Buffer | undefined, name: string): string | undefined {
  const entry = stored && objectEntry(name, stored);
  return entry && 'file' in entry ? entry.file : undefined;
}

function timeEntry(now: number): Buffer {
  const time = Buffer.alloc(8);
  time.writeDoubleBE(now);
  return time;
}

/** An object without a time was never put by this code: as old as can be. */
const timeIn = (entry: Buffer | undefined): number => (entry?.length === 8 ? entry.readDoubleBE(0) : 0);

/** What another table has under the same keys, asked for in their order. */
function inStep(entries: Iterable<LmdbEntry>): (key: Buffer) => Buffer | undefined {
  const behind = entries[Symbol.iterator]();
  let next = behind.next();
  return (key) => {
    while (!next.done && next.value.key.compare(key) < 0) next = behind.next();
    return !next.done && next.value.key.equals(key) ? next.value.value : undefined;
  };
}
