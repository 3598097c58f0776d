// The one port to everything that outlives a history: objects (bytes by a name that follows from them) and refs (small named records).
// Stores pass test/conformance/content-store.spec.ts. The client room may import this folder too: callers resolve content.
import type { StoredObject } from './backend';

export type { StoredObject };

/** A small named record. Names are `/`-separated, at most 500 bytes of printable ASCII. */
export interface Ref {
  name: string;
  /** JSON. Validated by whoever reads it: a store does not know what it keeps. */
  value: unknown;
  /** Grows with each write of this name; compare-and-set is by it. */
  version: number;
  /** Milliseconds since the epoch; a ref past it is not returned. */
  expiresAt?: number;
}

export type RefWrite =
  /** Writes only if no ref has the name. */
  | { op: 'create'; name: string; value: unknown; expiresAt?: number }
  /** Writes only if the ref still has this version. */
  | { op: 'compare-and-set'; name: string; version: number; value: unknown; expiresAt?: number }
  /** Writes whatever was there. For records that only one writer can reach, such as the head of one execution. */
  | { op: 'put'; name: string; value: unknown; expiresAt?: number };

/**
 * An object stays for as long as a ref names it, itself or through other objects. What `refs` come to name is among `objects`, or was
 * put before, or was found by another ref: either of them not longer ago than an activity takes. It need not be put again.
 */
export interface CommitRequest {
  objects?: readonly Uint8Array[];
  refs?: readonly RefWrite[];
}

export interface CommitResult {
  /** Names of the objects, in order, each as `nameOf` gives it: 64 lower-case hex digits. */
  hashes: string[];
  /** Names of refs whose condition did not hold. When any is listed, no ref of the request was written (objects are: they are content). */
  conflicts: string[];
}

export interface ContentStore {
  /** Names the adapter and place, without secrets. */
  readonly description: string;
  /**
   * Writes objects and refs together, durable when it resolves: refs are visible only with all objects of the request.
   * @throws ApplicationFailure `Store.Unavailable`
   */
  commit(request: CommitRequest): Promise<CommitResult>;
  /**
   * The name that `commit` gives these bytes: their SHA-256, or of a tenant's view with keys an HMAC by a key of the tenant's own.
   */
  nameOf(bytes: Uint8Array): string;
  /**
   * The same store as a tenant sees it. Without keys that is this store itself. With keys the objects it commits have names of the
   * tenant's own, so that equal content of two tenants does not show; it reads objects of any name. Refs are the same ones, and
   * closing either closes both.
   */
  of(tenant: string): ContentStore;
  /**
   * @returns the objects, in the order asked.
   * @throws ApplicationFailure `Store.ObjectMissing` or `Store.ObjectCorrupt`, naming the object; `Store.KeyMissing`, naming the key
   */
  get(hashes: readonly string[]): Promise<Uint8Array[]>;
  /** Which of the names are stored. */
  has(hashes: readonly string[]): Promise<boolean[]>;
  /** @throws ApplicationFailure `Store.ObjectCorrupt`, `Store.KeyMissing`, naming the ref; `listRefs` too */
  readRef(name: string): Promise<Ref | undefined>;
  /** Refs whose name starts with `prefix`, in byte order of their names, after `after` where given. `limit` defaults to 1,000. */
  listRefs(prefix: string, options?: { after?: string; limit?: number }): Promise<Ref[]>;
  deleteRef(name: string, version?: number): Promise<boolean>;
  /** Frees what refs past their expiry take: nobody is returned them as it is. @returns how many */
  deleteExpiredRefs(): Promise<number>;
  /** Every object, of all tenants, in order of the names, after `after` where given. `limit` defaults to 1,000. */
  listObjects(options?: { after?: string; limit?: number }): Promise<StoredObject[]>;
  /**
   * Deletes those that nobody has put since, rechecked in the transaction that deletes.
   * @param putBefore milliseconds since the epoch, by the store's clock: that of `lastPut`
   * @returns the names that were deleted
   */
  deleteObjects(names: readonly string[], putBefore: number): Promise<string[]>;
  close(): Promise<void>;
}
