// What a store adapter is: named bytes and small named records, kept safely. It knows no hash, no compression and no key; the layer
// above it (sealed-store.ts) makes a ContentStore of it. Adapters pass test/conformance/store-backend.spec.ts.
//
// Who hands bytes over does not touch them again: a backend need not copy what it is given, and what it returns is the caller's.
// Names were checked above: of objects 64 lower-case hex digits, of refs printable ASCII, none twice in one commit.

/** Bytes under a name of 64 lower-case hex digits. */
export interface BackendObject {
  name: string;
  bytes: Uint8Array;
}

export interface BackendRef {
  name: string;
  /** As it was written: JSON text, or sealed bytes. */
  value: Uint8Array;
  /** Grows with each write of this name, across a delete too. */
  version: number;
  /** Milliseconds since the epoch; a ref past it is not returned. */
  expiresAt?: number;
}

export type BackendRefWrite =
  | { op: 'create'; name: string; value: Uint8Array; expiresAt?: number }
  | { op: 'compare-and-set'; name: string; version: number; value: Uint8Array; expiresAt?: number }
  | { op: 'put'; name: string; value: Uint8Array; expiresAt?: number };

export interface StoredObject {
  name: string;
  /** As stored, after compression and encryption. */
  bytes: number;
  /** When it was last put, also if it was there already: milliseconds since the epoch, by the store's clock. */
  lastPut: number;
}

export interface StoreBackend {
  /** Names the adapter and place, without secrets. */
  readonly description: string;
  /**
   * Durable when it resolves; refs become visible only with all objects of the request. Putting an object that is there refreshes
   * its last-put time, and mends it where its bytes differ.
   * @returns names of refs whose condition did not hold: when any is listed, no ref was written, while objects were
   * @throws ApplicationFailure `Store.Unavailable`
   */
  commit(request: {
    objects: readonly BackendObject[];
    refs: readonly BackendRefWrite[];
  }): Promise<{ conflicts: string[] }>;
  /** One round trip. @returns undefined for each that is not there */
  get(names: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  has(names: readonly string[]): Promise<boolean[]>;
  readRef(name: string): Promise<BackendRef | undefined>;
  /** In byte order of the names, after `after` where given. */
  listRefs(prefix: string, options: { after?: string; limit: number }): Promise<BackendRef[]>;
  deleteRef(name: string, version?: number): Promise<boolean>;
  /** Frees what refs past their expiry take: nobody is returned them as it is. @returns how many */
  deleteExpiredRefs(): Promise<number>;
  /** In order of the names, after `after` where given. */
  listObjects(options: { after?: string; limit: number }): Promise<StoredObject[]>;
  /**
   * Deletes those that nobody has put since, rechecked in the transaction that deletes.
   * @param putBefore milliseconds since the epoch, by the store's clock
   * @returns the names that were deleted
   */
  deleteObjects(names: readonly string[], putBefore: number): Promise<string[]>;
  close(): Promise<void>;
}
