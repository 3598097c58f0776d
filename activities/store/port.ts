// The one port to everything that outlives a history: objects (bytes by their hash) and refs (small named records).
// Adapters pass test/conformance/content-store.spec.ts. The client room may import this folder too: callers resolve content.

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

export interface CommitRequest {
  objects?: readonly Uint8Array[];
  refs?: readonly RefWrite[];
}

export interface CommitResult {
  /** SHA-256 of each object, in order: 64 lower-case hex digits. */
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
   * @returns the objects, in the order asked.
   * @throws ApplicationFailure `Store.ObjectMissing` or `Store.ObjectCorrupt`, naming the hash
   */
  get(hashes: readonly string[]): Promise<Uint8Array[]>;
  /** Which of the hashes are stored. */
  has(hashes: readonly string[]): Promise<boolean[]>;
  readRef(name: string): Promise<Ref | undefined>;
  /** Refs whose name starts with `prefix`, in byte order of their names, after `after` where given. `limit` defaults to 1,000. */
  listRefs(prefix: string, options?: { after?: string; limit?: number }): Promise<Ref[]>;
  deleteRef(name: string, version?: number): Promise<boolean>;
  close(): Promise<void>;
}
