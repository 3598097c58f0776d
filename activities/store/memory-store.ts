// The store in memory: for tests, and for runs that nobody will ask about again.
import { failure } from '../failure';
import { objectHash } from './canonical-json';
import type { CommitRequest, ContentStore, Ref, RefWrite } from './port';

export function createMemoryStore(now: () => number = Date.now): ContentStore {
  const objects = new Map<string, Uint8Array>();
  const refs = new Map<string, Ref>();
  const live = (name: string): Ref | undefined => {
    const ref = refs.get(name);
    return ref && (ref.expiresAt === undefined || ref.expiresAt > now()) ? ref : undefined;
  };
  const holds = (write: RefWrite): boolean => {
    if (write.op === 'put') return true;
    const ref = live(write.name);
    return write.op === 'create' ? ref === undefined : ref?.version === write.version;
  };
  return {
    description: 'memory',
    commit: ({ objects: added = [], refs: writes = [] }: CommitRequest) => {
      const hashes = added.map((bytes) => {
        const hash = objectHash(bytes);
        objects.set(hash, bytes.slice());
        return hash;
      });
      const conflicts = writes.filter((write) => !holds(write)).map(({ name }) => name);
      if (conflicts.length === 0) {
        for (const { name, value, expiresAt } of writes) {
          const version = (refs.get(name)?.version ?? 0) + 1;
          refs.set(name, {
            name,
            value: structuredClone(value),
            version,
            ...(expiresAt === undefined ? {} : { expiresAt }),
          });
        }
      }
      return Promise.resolve({ hashes, conflicts });
    },
    get: (hashes) => {
      const missing = hashes.find((hash) => !objects.has(hash));
      if (missing !== undefined)
        return Promise.reject(failure('Store.ObjectMissing', `object ${missing} is not in the store.`));
      return Promise.resolve(hashes.flatMap((hash) => objects.get(hash)?.slice() ?? []));
    },
    has: (hashes) => Promise.resolve(hashes.map((hash) => objects.has(hash))),
    readRef: (name) => Promise.resolve(structuredClone(live(name))),
    listRefs: (prefix, { after, limit = 1_000 } = {}) => {
      const names = [...refs.keys()]
        .filter((name) => name.startsWith(prefix) && (after === undefined || name > after))
        .sort();
      return Promise.resolve(structuredClone(names.flatMap((name) => live(name) ?? []).slice(0, limit)));
    },
    deleteRef: (name, version) => {
      const ref = live(name);
      const matches = ref !== undefined && (version === undefined || ref.version === version);
      if (matches) refs.delete(name);
      return Promise.resolve(matches);
    },
    close: () => Promise.resolve(),
  };
}
