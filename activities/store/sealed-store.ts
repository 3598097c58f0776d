// The content store over any adapter: names objects by their content, compresses, seals where there are keys, and checks on the way
// back that the bytes are the ones that were named. Adapters below see names and bytes, nothing else.
import { failure } from '../failure';
import type { KeyRing } from '../keys/key-ring';
import type { BackendRef, BackendRefWrite, StoreBackend } from './backend';
import { isObjectHash, objectHash } from './canonical-json';
import { pack, unpack } from './packed-bytes';
import type { CommitRequest, CommitResult, ContentStore, Ref } from './port';
import { checkRefName, LIST_LIMIT, prepareRefs, type PreparedRef } from './ref-record';

/** @param keys without them nothing is sealed; what was stored before there were any stays readable with them */
export function sealedStore(backend: StoreBackend, keys?: KeyRing): ContentStore {
  const { description } = backend;
  const commits = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  async function commit(nameOf: (bytes: Uint8Array) => string, request: CommitRequest): Promise<CommitResult> {
    const prepared = prepareRefs(request);
    const hashes = (request.objects ?? []).map(nameOf);
    const packObject = (bytes: Uint8Array, at: number): Promise<Uint8Array> =>
      pack(bytes, { keys, context: objectContext(hashes[at] ?? ''), repeatable: true });
    const [packed, refs] = await Promise.all([
      Promise.all((request.objects ?? []).map(packObject)),
      Promise.all(prepared.map((ref) => packRef(ref, keys))),
    ]);
    // Once each: adapters need not think of a name twice in one transaction.
    const objects = new Map(packed.map((bytes, at) => [hashes[at] ?? '', bytes]));
    if (objects.size + refs.length === 0) return { hashes: [], conflicts: [] };
    const { conflicts } = await backend.commit({
      objects: Array.from(objects, ([name, bytes]) => ({ name, bytes })),
      refs,
    });
    return { hashes, conflicts };
  }

  async function get(names: readonly string[]): Promise<Uint8Array[]> {
    checkObjectNames(names);
    const found = await backend.get(names);
    return await Promise.all(names.map((name, at) => openObject(name, found[at], keys, description)));
  }

  async function readRef(name: string): Promise<Ref | undefined> {
    checkRefName(name);
    const ref = await backend.readRef(name);
    return ref && (await openRef(ref, keys));
  }

  async function listRefs(prefix: string, { after, limit = LIST_LIMIT }: ListOptions = {}): Promise<Ref[]> {
    const refs = await backend.listRefs(prefix, { limit, ...(after === undefined ? {} : { after }) });
    return await Promise.all(refs.map((ref) => openRef(ref, keys)));
  }

  /** A commit that is still packing has not reached the adapter yet. */
  async function close(): Promise<void> {
    await Promise.allSettled(commits);
    await backend.close();
  }

  const view = (nameOf: (bytes: Uint8Array) => string): ContentStore => {
    const store: ContentStore = {
      description,
      nameOf,
      of: (tenant) => (keys ? view((bytes) => keys.nameOf(tenant, bytes)) : store),
      commit: async (request) => {
        if (closing) throw closed(description);
        const committing = commit(nameOf, request);
        commits.add(committing);
        try {
          return await committing;
        } finally {
          commits.delete(committing);
        }
      },
      get,
      has: async (names) => {
        checkObjectNames(names);
        return await backend.has(names);
      },
      readRef,
      listRefs,
      deleteRef: async (name, version) => {
        checkRefName(name);
        return await backend.deleteRef(name, version);
      },
      deleteExpiredRefs: () => backend.deleteExpiredRefs(),
      listObjects: ({ after, limit = LIST_LIMIT } = {}) =>
        backend.listObjects({ limit, ...(after === undefined ? {} : { after }) }),
      deleteObjects: async (names, putBefore) => {
        checkObjectNames(names);
        return await backend.deleteObjects(names, putBefore);
      },
      close: () => (closing ??= close()),
    };
    return store;
  };
  return view(objectHash);
}

interface ListOptions {
  after?: string;
  limit?: number;
}

const objectContext = (name: string): string => `object ${name}`;
const refContext = (name: string): string => `ref ${name}`;
const closed = (description: string): Error => failure('Store.Unavailable', `the store ${description} is closed.`);

function checkObjectNames(names: readonly string[]): void {
  const wrong = names.find((name) => !isObjectHash(name));
  if (wrong === undefined) return;
  throw failure('Store.ObjectMissing', `"${wrong.slice(0, 80)}" is not a SHA-256 hash, so no object has that name.`);
}

async function openObject(
  name: string,
  stored: Uint8Array | undefined,
  keys: KeyRing | undefined,
  description: string,
): Promise<Uint8Array> {
  if (!stored) throw failure('Store.ObjectMissing', `object ${name} is not in the store (${description}).`);
  const unpacked = await unpack(stored, { keys, context: objectContext(name) });
  // What is not sealed has its plain hash for a name: only with keys are there other names.
  if (unpacked && (unpacked.sealed || objectHash(unpacked.bytes) === name)) return unpacked.bytes;
  throw failure('Store.ObjectCorrupt', `object ${name} holds other bytes than its name says (${description}).`);
}

const packRef = async ({ write, value }: PreparedRef, keys: KeyRing | undefined): Promise<BackendRefWrite> => ({
  ...write,
  value: keys ? await pack(value, { keys, context: refContext(write.name) }) : value,
});

/** JSON text begins with no byte that is a format's: records written before there were keys stay readable. */
const FIRST_OF_JSON = 0x20;
const decoder = new TextDecoder('utf-8', { fatal: true });

async function openRef(ref: BackendRef, keys: KeyRing | undefined): Promise<Ref> {
  const isJson = (ref.value[0] ?? 0) >= FIRST_OF_JSON;
  const json = isJson ? ref.value : (await unpack(ref.value, { keys, context: refContext(ref.name) }))?.bytes;
  try {
    const value: unknown = JSON.parse(decoder.decode(json));
    return { ...ref, value };
  } catch {
    throw failure('Store.ObjectCorrupt', `ref ${ref.name} is not readable.`);
  }
}
