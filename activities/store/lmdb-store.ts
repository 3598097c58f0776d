// The embedded store: one LMDB environment that several processes share. A commit is one transaction, synced to disk before it resolves;
// commits that arrive together share one sync.
import { mkdirSync } from 'node:fs';
import { open, type Database, type RootDatabase } from 'lmdb';
import { failure } from '../failure';
import { objectHash } from './canonical-json';
import type { CommitRequest, CommitResult, ContentStore, Ref, RefWrite } from './port';

export interface LmdbStoreOptions {
  /** A folder, made where it is missing. */
  path: string;
}

interface StoredRef {
  value: unknown;
  version: number;
  expiresAt?: number;
}

const REF_NAME = /^[\x20-\x7e]{1,500}$/;

export function openLmdbStore({ path }: LmdbStoreOptions): ContentStore {
  mkdirSync(path, { recursive: true });
  // Without overlappingSync a write resolves after the sync, not before it: what was acknowledged is on the disk.
  const root = guarded(() => open({ path, overlappingSync: false, maxDbs: 4, maxReaders: 256 }));
  const objects = root.openDB<Buffer, string>({ name: 'objects', encoding: 'binary' });
  const putTimes = root.openDB<number, string>({ name: 'put-times', encoding: 'msgpack' });
  const refs = root.openDB<StoredRef, string>({ name: 'refs', encoding: 'json' });
  return {
    description: `lmdb:${path}`,
    commit: (request) => commit({ root, objects, putTimes, refs }, request),
    get: (hashes) => attempt(() => hashes.map((hash) => readObject(objects, hash))),
    has: (hashes) => attempt(() => hashes.map((hash) => objects.doesExist(hash))),
    readRef: (name) => attempt(() => liveRef(refs, name)),
    listRefs: (prefix, { after, limit = 1_000 } = {}) => attempt(() => listRefs(refs, prefix, after, limit)),
    deleteRef: async (name, version) =>
      await unavailable(
        root.transaction(() => {
          const ref = liveRef(refs, name);
          if (!ref || (version !== undefined && ref.version !== version)) return false;
          refs.removeSync(name);
          return true;
        }),
      ),
    close: () => root.close(),
  };
}

interface Databases {
  root: RootDatabase;
  objects: Database<Buffer, string>;
  /** Milliseconds since the epoch of the last put: what garbage collection must not overtake. */
  putTimes: Database<number, string>;
  refs: Database<StoredRef, string>;
}

async function commit({ root, objects, putTimes, refs }: Databases, request: CommitRequest): Promise<CommitResult> {
  const added = (request.objects ?? []).map((bytes) => ({ bytes, hash: objectHash(bytes) }));
  const writes = request.refs ?? [];
  for (const { name } of writes) checkName(name);
  const conflicts = await unavailable(
    root.transaction(() => {
      for (const { bytes, hash } of added) {
        if (!objects.doesExist(hash))
          objects.putSync(hash, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
        putTimes.putSync(hash, Date.now());
      }
      const failed = writes.filter((write) => !holds(refs, write)).map(({ name }) => name);
      if (failed.length > 0) return failed;
      for (const { name, value, expiresAt } of writes) {
        const version = (refs.get(name)?.version ?? 0) + 1;
        refs.putSync(name, { value, version, ...(expiresAt === undefined ? {} : { expiresAt }) });
      }
      return [];
    }),
  );
  return { hashes: added.map(({ hash }) => hash), conflicts };
}

function holds(refs: Database<StoredRef, string>, write: RefWrite): boolean {
  if (write.op === 'put') return true;
  const ref = liveRef(refs, write.name);
  return write.op === 'create' ? ref === undefined : ref?.version === write.version;
}

function readObject(objects: Database<Buffer, string>, hash: string): Uint8Array {
  const bytes = objects.get(hash);
  if (bytes === undefined) throw failure('Store.ObjectMissing', `object ${hash} is not in the store.`);
  if (objectHash(bytes) !== hash)
    throw failure('Store.ObjectCorrupt', `object ${hash} is not what its name says: its bytes were altered.`);
  return new Uint8Array(bytes);
}

function liveRef(refs: Database<StoredRef, string>, name: string): Ref | undefined {
  checkName(name);
  const ref = refs.get(name);
  return ref === undefined || (ref.expiresAt ?? Infinity) <= Date.now() ? undefined : { name, ...ref };
}

function listRefs(refs: Database<StoredRef, string>, prefix: string, after: string | undefined, limit: number): Ref[] {
  const found: Ref[] = [];
  for (const { key, value } of refs.getRange({ start: after ?? prefix })) {
    if (!key.startsWith(prefix)) break;
    if (key === after || (value.expiresAt ?? Infinity) <= Date.now()) continue;
    if (found.length >= limit) break;
    found.push({ name: key, ...value });
  }
  return found;
}

function checkName(name: string): void {
  if (!REF_NAME.test(name)) throw failure('Runtime.Unexpected', 'a ref name has 1 to 500 printable ASCII characters.');
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeFailure(error);
  }
}

/** Reads are synchronous in LMDB (memory-mapped); the port is not. */
const attempt = async <T>(work: () => T): Promise<T> => await Promise.resolve().then(() => guarded(work));

const unavailable = async <T>(work: Promise<T>): Promise<T> =>
  await work.catch((error: unknown) => {
    throw storeFailure(error);
  });

function storeFailure(error: unknown): unknown {
  if (error instanceof Error && error.name === 'ApplicationFailure') return error;
  return failure(
    'Store.Unavailable',
    `the store did not answer: ${error instanceof Error ? error.message : String(error)}`.slice(0, 300),
  );
}
