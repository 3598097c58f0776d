// Payloads made small before they are sealed. Most of a run's are short JSON of the same fields around hashes, and a history keeps some
// four of them for each call: as they are they would be two thirds of it.
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { PAYLOAD_DICTIONARY } from './payload-dictionary';

const COMPRESSED = 2;
/** Compressed after PAYLOAD_DICTIONARY. */
const DICTIONARY = 8;
/** Hashes stand as bytes before the rest: [count: 1] [32 each]. In their places stands a character that no JSON text holds. */
const HASHES = 16;
/** Of the byte that says how a payload was packed; the other bits are the codec's. */
export const PACKING_FLAGS = COMPRESSED | DICTIONARY | HASHES;

/** Longer ones have enough in common with themselves, and only the first use of a field is saved by the dictionary. */
const DICTIONARY_TO_BYTES = 4_096;
const HASH = /"([0-9a-f]{64})"/g;
const HASH_BYTES = 32;
const PLACE = '"\u0001"';
const COUNT_MAX = 255;

/** @returns the body as it is, and no flags, where packing would not make it smaller */
export function packPayload(body: Buffer, isJson: boolean): { packed: Buffer; how: number } {
  const isShort = body.length <= DICTIONARY_TO_BYTES;
  const { text, hashes } = isJson && isShort ? withoutHashes(body) : { text: body, hashes: [] };
  const small = isShort ? deflateRawSync(text, { dictionary: PAYLOAD_DICTIONARY }) : deflateRawSync(text);
  const packed = hashes.length > 0 ? Buffer.concat([Buffer.of(hashes.length), ...hashes, small]) : small;
  if (packed.length >= body.length) return { packed: body, how: 0 };
  return { packed, how: COMPRESSED | (isShort ? DICTIONARY : 0) | (hashes.length > 0 ? HASHES : 0) };
}

export function unpackPayload(packed: Buffer, how: number): Buffer {
  if (!(how & COMPRESSED)) return packed;
  const count = how & HASHES ? (packed[0] ?? 0) : 0;
  const textAt = how & HASHES ? 1 + count * HASH_BYTES : 0;
  const small = packed.subarray(textAt);
  const text = how & DICTIONARY ? inflateRawSync(small, { dictionary: PAYLOAD_DICTIONARY }) : inflateRawSync(small);
  if (count === 0) return text;
  let nth = 0;
  const whole = text.toString().replaceAll(PLACE, () => {
    const from = 1 + nth * HASH_BYTES;
    nth += 1;
    return `"${packed.toString('hex', from, from + HASH_BYTES)}"`;
  });
  return Buffer.from(whole);
}

function withoutHashes(body: Buffer): { text: Buffer; hashes: Buffer[] } {
  const json = body.toString();
  const hashes = Array.from(json.matchAll(HASH), ([, hash = '']) => Buffer.from(hash, 'hex'));
  // A text that is no valid UTF-8 would not come back as it was, nor one that holds the place's own character.
  const isUsable = hashes.length > 0 && hashes.length <= COUNT_MAX && !json.includes('\u0001');
  if (!isUsable || !Buffer.from(json).equals(body)) return { text: body, hashes: [] };
  return { text: Buffer.from(json.replaceAll(HASH, PLACE)), hashes };
}
