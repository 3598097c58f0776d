// The store in memory: for tests, and for runs that nobody will ask about again. The same contract as any other.
import { failure } from '../failure';
import type { KeyRing } from '../keys/key-ring';
import type { BackendObject, BackendRef, BackendRefWrite, StoreBackend, StoredObject } from './backend';
import type { ContentStore } from './port';
import { conditionHolds, isLive } from './ref-record';
import { sealedStore } from './sealed-store';

/** @param now milliseconds since the epoch, for expiry and the times of puts */
export const createMemoryStore = (now: () => number = Date.now, keys?: KeyRing): ContentStore =>
  sealedStore(createMemoryBackend(now), keys);

/** @param now milliseconds since the epoch, for expiry and the times of puts */
export function createMemoryBackend(now: () => number = Date.now): StoreBackend {
  const objects = new Map<string, { bytes: Uint8Array; lastPut: number }>();
  const refs = new Map<string, BackendRef>();
  let sequence = 0;
  let closed = false;

  const live = (name: string): BackendRef | undefined => {
    const ref = refs.get(name);
    return ref && isLive(ref, now()) ? { ...ref, value: Uint8Array.from(ref.value) } : undefined;
  };

  function commit(puts: readonly BackendObject[], writes: readonly BackendRefWrite[]): { conflicts: string[] } {
    for (const { name, bytes } of puts) objects.set(name, { bytes, lastPut: now() });
    const conflicts = writes.filter((write) => !conditionHolds(write, live(write.name)));
    if (conflicts.length === 0) {
      for (const { name, value, expiresAt } of writes) {
        refs.set(name, { name, value, version: ++sequence, ...(expiresAt === undefined ? {} : { expiresAt }) });
      }
    }
    return { conflicts: conflicts.map(({ name }) => name) };
  }

  const read = (name: string): Uint8Array | undefined => {
    const stored = objects.get(name);
    return stored && Uint8Array.from(stored.bytes);
  };

  function listRefs(prefix: string, after: string, limit: number): BackendRef[] {
    const names = [...refs.keys()].filter((name) => name.startsWith(prefix) && name > after).sort();
    return names.flatMap((name) => live(name) ?? []).slice(0, limit);
  }

  function listObjects(after: string, limit: number): StoredObject[] {
    const names = [...objects.keys()].filter((name) => name > after).sort();
    return names.slice(0, limit).flatMap((name) => {
      const stored = objects.get(name);
      return stored ? [{ name, bytes: stored.bytes.length, lastPut: stored.lastPut }] : [];
    });
  }

  function remove(name: string, version: number | undefined): boolean {
    const ref = live(name);
    return ref !== undefined && (version === undefined || ref.version === version) && refs.delete(name);
  }

  function removeExpired(): number {
    const expired = [...refs.keys()].filter((name) => !live(name));
    for (const name of expired) refs.delete(name);
    return expired.length;
  }

  const use = async <T>(work: () => T): Promise<T> => {
    if (closed) throw failure('Store.Unavailable', 'the store (memory) is closed.');
    return work();
  };

  return {
    description: 'memory',
    commit: (request) => use(() => commit(request.objects, request.refs)),
    get: (names) => use(() => names.map(read)),
    has: (names) => use(() => names.map((name) => objects.has(name))),
    readRef: (name) => use(() => live(name)),
    listRefs: (prefix, { after = '', limit }) => use(() => listRefs(prefix, after, limit)),
    deleteRef: (name, version) => use(() => remove(name, version)),
    deleteExpiredRefs: () => use(removeExpired),
    listObjects: ({ after = '', limit }) => use(() => listObjects(after, limit)),
    deleteObjects: (names, putBefore) =>
      use(() => names.filter((name) => (objects.get(name)?.lastPut ?? Infinity) < putBefore && objects.delete(name))),
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
}
