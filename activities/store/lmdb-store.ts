// The embedded store: one folder, any number of processes at once, durable when `commit` resolves.
import { join, resolve } from 'node:path';
import { isNativeError } from 'node:util/types';
import { ApplicationFailure } from '@temporalio/common';
import { failure } from '../failure';
import { isObjectHash, objectHash } from './canonical-json';
import { createGroupCommit } from './group-commit';
import { openLargeObjects, type LargeObjects } from './large-objects';
import { openLmdbTables, type LmdbTables } from './lmdb-database';
import type { CommitRequest, CommitResult, ContentStore, Ref } from './port';
import {
  checkRefName,
  conditionHolds,
  decodeStoredRef,
  encodeStoredRef,
  isLive,
  LIST_LIMIT,
  prepareRefs,
  toRef,
  type PreparedRef,
  type StoredRef,
} from './ref-record';

export interface LmdbStoreOptions {
  /** A folder; made when it is not there. Not on a network file system: LMDB's locks are for one machine. */
  path: string;
  /** Address space to start with, in bytes. Grows by itself. @default 128 KB, lmdb-js's own */
  mapSize?: number;
}

/**
 * Larger objects become files: LMDB would look for that many adjacent free pages, hold the write lock of all processes while it
 * copies and flushes them, and never give the space back.
 */
const LARGE_OBJECT_BYTES = 256 * 1024;
/** Tens of microseconds each on the event loop: a full group holds it for some 10 ms. */
const GROUP_MAX = 500;
/** lmdb-js does not report a transaction that could not begin. Its own retries for a broken lock take 4 s. */
const COMMIT_TIMEOUT_MS = 30_000;

/** First byte of a stored object, so that compressed and encrypted ones can join later. */
const PLAIN = 0;
const IN_FILE = 1;

interface PreparedObject {
  hash: string;
  /** What the database holds of it. */
  value: Buffer;
  /** What its file holds, where it is large. */
  file?: Buffer;
}
/** An error is one of this operation alone, returned before anything was written: those beside it in the group go on. */
type Answer = CommitResult | boolean | Error;
type Operation = (tables: LmdbTables, now: number) => Answer;

/** @throws ApplicationFailure `Store.Unavailable` when the folder or the database cannot be opened */
export function openLmdbStore({ path, mapSize }: LmdbStoreOptions): ContentStore {
  const folder = resolve(path);
  const description = `lmdb:${folder}`;
  const unavailable = (error: unknown): Error => asStoreFailure(error, description);
  const { tables, files } = attempt(unavailable, () => ({
    tables: openLmdbTables(folder, mapSize),
    files: openLargeObjects(join(folder, 'large')),
  }));
  let closing: Promise<void> | undefined;
  const group = createGroupCommit<Operation, Answer>((operations) => flush(tables, operations), GROUP_MAX);

  async function use<T>(work: () => T | Promise<T>): Promise<T> {
    if (closing) throw failure('Store.Unavailable', `the store ${description} is closed.`);
    try {
      return await work();
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** A fresh snapshot: lmdb-js keeps one for a turn of the event loop, in which another process may have committed. */
  const fresh = <T>(work: () => T): Promise<T> =>
    use(() => {
      tables.root.resetReadTxn();
      return work();
    });

  return {
    description,
    async commit(request: CommitRequest): Promise<CommitResult> {
      const refs = prepareRefs(request);
      const objects = (request.objects ?? []).map(prepareObject);
      if (refs.length + objects.length === 0) return { hashes: [], conflicts: [] };
      return await use(async () => {
        await files.put(objects.flatMap(({ hash, file }) => (file ? [{ hash, bytes: file }] : [])));
        const result = await group.submit((open, now) => applyCommit(open, objects, refs, now));
        if (result instanceof Error) throw result;
        if (typeof result === 'boolean') throw new Error('the commit was not answered.');
        return result;
      });
    },
    get: async (hashes) => {
      const found = await fresh(() => hashes.map((hash) => tables.objects.getBinary(keyOf(hash))));
      return await use(() => Promise.all(hashes.map((hash, at) => readObject(files, hash, found[at], description))));
    },
    has: async (hashes) => {
      const found = await fresh(() => hashes.map((hash) => tables.objects.getBinary(keyOf(hash))));
      return await use(() =>
        Promise.all(
          hashes.map(async (hash, at) =>
            found[at]?.[0] === IN_FILE ? await files.has(hash) : found[at] !== undefined,
          ),
        ),
      );
    },
    readRef: async (name) => {
      checkRefName(name);
      return await fresh(() => {
        const stored = liveRef(tables, name, Date.now());
        return stored && toRef(name, stored);
      });
    },
    listRefs: (prefix, options = {}) => fresh(() => listLiveRefs(tables, prefix, options)),
    deleteRef: async (name, version) => {
      checkRefName(name);
      return await use(async () => {
        const result = await group.submit((open, now) => applyDelete(open, name, version, now));
        if (result instanceof Error) throw result;
        return result === true;
      });
    },
    close: () =>
      (closing ??= (async () => {
        await group.idle();
        await tables.root.close();
      })()),
  };
}

/** Copies at once: what a caller does to its buffer after the call must not end up under the hash of what it was. */
function prepareObject(bytes: Uint8Array): PreparedObject {
  const hash = objectHash(bytes);
  if (bytes.length > LARGE_OBJECT_BYTES) return { hash, value: Buffer.of(IN_FILE), file: Buffer.from(bytes) };
  return { hash, value: Buffer.concat([Buffer.of(PLAIN), bytes]) };
}

/** All operations of a group in one transaction, each seeing what those before it wrote. */
async function flush(tables: LmdbTables, operations: readonly Operation[]): Promise<readonly Answer[]> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no commit within ${COMMIT_TIMEOUT_MS / 1_000} s`)), COMMIT_TIMEOUT_MS);
  });
  try {
    return await Promise.race([
      tables.root.transaction(() => operations.map((operation) => operation(tables, Date.now()))),
      timeUp,
    ]);
  } catch (error) {
    throw await causeOf(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Nothing here may throw for a reason of its own once it has written: lmdb-js commits what came before. */
function applyCommit(
  tables: LmdbTables,
  objects: readonly PreparedObject[],
  refs: readonly PreparedRef[],
  now: number,
): CommitResult | Error {
  const conflicts = unlessCorrupt(() =>
    refs
      .map(({ write }) => write)
      .filter((write) => write.op !== 'put' && !conditionHolds(write, liveRef(tables, write.name, now))),
  );
  if (conflicts instanceof Error) return conflicts;
  const time = Buffer.alloc(8);
  time.writeDoubleBE(now);
  for (const { hash, value } of objects) {
    const key = keyOf(hash);
    // Compared and not assumed, so that putting an object again mends a damaged one.
    if (!tables.objects.getBinary(key)?.equals(value)) void tables.objects.put(key, value);
    void tables.lastPut.put(key, time);
  }
  if (conflicts.length === 0 && refs.length > 0) {
    let sequence = Number(tables.counters.get('sequence') ?? 0);
    for (const ref of refs) void tables.refs.put(ref.write.name, encodeStoredRef(ref, ++sequence));
    void tables.counters.put('sequence', String(sequence));
  }
  return { hashes: objects.map(({ hash }) => hash), conflicts: conflicts.map(({ name }) => name) };
}

function applyDelete(tables: LmdbTables, name: string, version: number | undefined, now: number): boolean | Error {
  const stored = unlessCorrupt(() => liveRef(tables, name, now));
  if (stored instanceof Error) return stored;
  if (!stored || (version !== undefined && stored.version !== version)) return false;
  void tables.refs.remove(name);
  return true;
}

/** Of a ref that is not readable; any other error is the whole transaction's. */
function unlessCorrupt<T>(read: () => T): T | Error {
  try {
    return read();
  } catch (error) {
    if (error instanceof ApplicationFailure) return error;
    throw error;
  }
}

function liveRef(tables: LmdbTables, name: string, now: number): StoredRef | undefined {
  const text = tables.refs.get(name);
  const stored = text === undefined ? undefined : decodeStoredRef(name, text);
  return isLive(stored, now) ? stored : undefined;
}

function listLiveRefs(
  tables: LmdbTables,
  prefix: string,
  { after = '', limit = LIST_LIMIT }: { after?: string; limit?: number },
): Ref[] {
  const now = Date.now();
  const start = after > prefix ? after : prefix;
  const refs: Ref[] = [];
  for (const { key, value } of tables.refs.getRange(start === '' ? {} : { start })) {
    if (refs.length >= limit || !key.startsWith(prefix)) break;
    if (key === after) continue;
    const stored = decodeStoredRef(key, value);
    if (isLive(stored, now)) refs.push(toRef(key, stored));
  }
  return refs;
}

async function readObject(
  files: LargeObjects,
  hash: string,
  stored: Buffer | undefined,
  description: string,
): Promise<Uint8Array> {
  const bytes = stored?.[0] === IN_FILE ? await files.read(hash) : stored?.subarray(1);
  if (!stored || !bytes) throw failure('Store.ObjectMissing', `object ${hash} is not in the store (${description}).`);
  if (stored.length > 0 && (stored[0] === PLAIN || stored[0] === IN_FILE) && objectHash(bytes) === hash) return bytes;
  throw failure('Store.ObjectCorrupt', `object ${hash} holds other bytes than its name says (${description}).`);
}

function keyOf(hash: string): Buffer {
  if (isObjectHash(hash)) return Buffer.from(hash, 'hex');
  throw failure('Store.ObjectMissing', `"${hash.slice(0, 80)}" is not a SHA-256 hash, so no object has that name.`);
}

/** lmdb-js rejects with "see commitError" and puts the reason into a promise. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!isNativeError(error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}

function asStoreFailure(error: unknown, description: string): Error {
  if (error instanceof ApplicationFailure) return error;
  const why = isNativeError(error) ? error.message : String(error);
  return failure(
    'Store.Unavailable',
    `the store ${description} cannot be used: ${why}. Look at its folder, free disk space and permissions.`,
    isNativeError(error) ? { cause: error } : {},
  );
}

function attempt<T>(wrap: (error: unknown) => Error, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw wrap(error);
  }
}
