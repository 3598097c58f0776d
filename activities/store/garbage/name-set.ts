/** Of a name's 32. Two names that begin alike count as one, so at worst an object is kept that nobody needs. */
const KEY_BYTES = 16;
const FIRST_SLOTS = 1 << 12;

/** Names of objects in some 32 to 64 bytes each, where a Set of strings takes three times that. */
export class NameSet {
  #slots = FIRST_SLOTS;
  #keys = Buffer.alloc(FIRST_SLOTS * KEY_BYTES);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(name: string): boolean {
    return this.#slotOf(Buffer.from(name, 'hex')).taken;
  }

  /** @returns whether it was not there yet */
  add(name: string): boolean {
    const key = Buffer.from(name, 'hex');
    const { slot, taken } = this.#slotOf(key);
    if (taken) return false;
    key.copy(this.#keys, slot * KEY_BYTES, 0, KEY_BYTES);
    this.#size += 1;
    if (this.#size * 2 > this.#slots) this.#grow();
    return true;
  }

  /** An empty slot is all zeros: a name that begins so would always count as there, and its object as alive. */
  #slotOf(key: Buffer): { slot: number; taken: boolean } {
    for (let slot = key.readUInt32BE(0) % this.#slots; ; slot = (slot + 1) % this.#slots) {
      const at = slot * KEY_BYTES;
      if (this.#keys.compare(key, 0, KEY_BYTES, at, at + KEY_BYTES) === 0) return { slot, taken: true };
      if (this.#keys.compare(EMPTY, 0, KEY_BYTES, at, at + KEY_BYTES) === 0) return { slot, taken: false };
    }
  }

  #grow(): void {
    const before = this.#keys;
    this.#slots *= 2;
    this.#keys = Buffer.alloc(this.#slots * KEY_BYTES);
    for (let at = 0; at < before.length; at += KEY_BYTES) {
      const key = before.subarray(at, at + KEY_BYTES);
      if (!key.equals(EMPTY)) key.copy(this.#keys, this.#slotOf(key).slot * KEY_BYTES);
    }
  }
}

const EMPTY = Buffer.alloc(KEY_BYTES);
