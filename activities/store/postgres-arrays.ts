// Bytes as one binary parameter. The driver would write an array of bytes as text, twice as long, escaped, and parsed by the server.

/** Of `bytea`, in the server's catalogue: fixed since it has one. */
const BYTEA_OID = 17;
/** Dimensions, whether there are nulls, type, length, lower bound: four bytes each. */
const HEADER_BYTES = 20;

/** The binary form of a `bytea[]`. Copies: what a caller does to its buffers afterwards changes nothing. */
export function byteaArray(items: readonly Uint8Array[]): Buffer {
  if (items.length === 0) return header(0, 12);
  const length = items.reduce((sum, item) => sum + 4 + item.length, HEADER_BYTES);
  const array = header(1, length);
  array.writeInt32BE(items.length, 12);
  array.writeInt32BE(1, 16);
  let at = HEADER_BYTES;
  for (const item of items) {
    at = array.writeInt32BE(item.length, at);
    array.set(item, at);
    at += item.length;
  }
  return array;
}

function header(dimensions: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  bytes.writeInt32BE(dimensions, 0);
  bytes.writeInt32BE(0, 4);
  bytes.writeInt32BE(BYTEA_OID, 8);
  return bytes;
}

/** Items in order, in groups of at most so many bytes; one that is larger by itself is a group of its own. */
export function groupsByBytes<T extends { bytes: Uint8Array }>(items: readonly T[], maxBytes: number): T[][] {
  const groups: T[][] = [];
  let room = 0;
  for (const item of items) {
    const group = groups.at(-1);
    if (group && item.bytes.length <= room) {
      group.push(item);
      room -= item.bytes.length;
    } else {
      groups.push([item]);
      room = maxBytes - item.bytes.length;
    }
  }
  return groups;
}
