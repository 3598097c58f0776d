// The store in memory: for tests, and for runs that nobody will ask about again. The same contract as any other.
import { failure } from '../failure';
import { objectHash } from './canonical-json';
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
  type StoredRef,
} from './ref-record';

/** @param now milliseconds since the epoch, for expiry */
export function createMemoryStore(now: () => number = Date.now): ContentStore {
  const objects = new Map<string, Uint8Array>();
  /** As text: what a caller does to a value that it wrote or read must not reach the store. */
  const refs = new Map<string, string>();
  let sequence = 0;
  let closed = false;

  const live = (name: string): StoredRef | undefined => {
    const text = refs.get(name);
    const stored = text === undefined ? undefined : decodeStoredRef(name, text);
    return isLive(stored, now()) ? stored : undefined;
  };

  function commit(request: CommitRequest): CommitResult {
    const prepared = prepareRefs(request);
    const hashes = (request.objects ?? []).map((bytes) => {
      const hash = objectHash(bytes);
      objects.set(hash, Uint8Array.from(bytes));
      return hash;
    });
    const conflicts = prepared.map(({ write }) => write).filter((write) => !conditionHolds(write, live(write.name)));
    if (conflicts.length === 0) {
      for (const ref of prepared) refs.set(ref.write.name, encodeStoredRef(ref, ++sequence));
    }
    return { hashes, conflicts: conflicts.map(({ name }) => name) };
  }

  function read(hash: string): Uint8Array {
    const bytes = objects.get(hash);
    if (!bytes) throw failure('Store.ObjectMissing', `object ${hash} is not in the store (memory).`);
    return Uint8Array.from(bytes);
  }

  function list(prefix: string, after: string, limit: number): Ref[] {
    const names = [...refs.keys()].filter((name) => name.startsWith(prefix) && name > after).sort();
    const found: Ref[] = [];
    for (const name of names) {
      if (found.length >= limit) break;
      const stored = live(name);
      if (stored) found.push(toRef(name, stored));
    }
    return found;
  }

  function remove(name: string, version: number | undefined): boolean {
    const stored = live(name);
    return stored !== undefined && (version === undefined || stored.version === version) && refs.delete(name);
  }

  const use = async <T>(work: () => T): Promise<T> => {
    if (closed) throw failure('Store.Unavailable', 'the store (memory) is closed.');
    return work();
  };

  return {
    description: 'memory',
    commit: (request) => use(() => commit(request)),
    get: (hashes) => use(() => hashes.map(read)),
    has: (hashes) => use(() => hashes.map((hash) => objects.has(hash))),
    readRef: (name) =>
      use(() => {
        checkRefName(name);
        const stored = live(name);
        return stored && toRef(name, stored);
      }),
    listRefs: (prefix, { after = '', limit = LIST_LIMIT } = {}) => use(() => list(prefix, after, limit)),
    deleteRef: (name, version) =>
      use(() => {
        checkRefName(name);
        return remove(name, version);
      }),
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
}
