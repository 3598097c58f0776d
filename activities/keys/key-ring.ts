// Keys for what is kept: the store seals its objects and records with them, and Temporal's payload codec its payloads.

/** Bytes that were sealed under a name, and can be opened under that name alone. */
export interface KeyRing {
  /** Id of the key that new bytes are sealed with. Ids are shown to people and stored in the clear. */
  readonly current: string;
  /** AES-256-GCM. @param context bound to the bytes as additional data, such as the object's name */
  seal(bytes: Uint8Array, context: string): Uint8Array;
  /**
   * @throws ApplicationFailure `Store.KeyMissing` naming the key id, when the ring lacks the key or has another one of that id;
   * `Store.ObjectCorrupt` when the bytes were altered or moved to another context
   */
  open(sealed: Uint8Array, context: string): Uint8Array;
  /** HMAC-SHA-256 by a key of this tenant's own, as 64 lower-case hex digits: equal content of two tenants has different names. */
  nameOf(tenant: string, bytes: Uint8Array): string;
}
