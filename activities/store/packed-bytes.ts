// What stored bytes look like: a format byte, then the bytes plain, compressed, or sealed. Compressed before sealed: sealed bytes do
// not compress. The sealed ones hold a format byte of their own inside, where nobody without the key can change it.
import { promisify } from 'node:util';
import { deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib';
import { failure } from '../failure';
import { sealedWith, type KeyRing } from '../keys/key-ring';

/** Never renumbered: they are stored. 1 stays free, since a database of the first version used it. */
const PLAIN = 0;
const DEFLATED = 2;
const SEALED = 4;

/**
 * Below, there is little to gain: of a chain node, two hashes in hex, some 70 bytes, for a twentieth of a millisecond in each call of a
 * model, which stores two.
 */
const DEFLATE_FROM_BYTES = 200;
/** Deflating takes some 5 µs for each KB: above this it would hold the event loop for a millisecond, and goes to another thread. */
const SYNC_BYTES_MAX = 128 * 1024;
/** An image or an archive does not shrink, and 12 MB of it take a third of a second to find out: a piece of it tells. */
const SAMPLE_BYTES = 32 * 1024;
/** What shrinks by less is stored as it is: reading it is then free. */
const GAIN_MIN = 1 / 8;
/** A few altered bytes can inflate to a thousand times their size. What is larger is never deflated. */
const INFLATED_BYTES_MAX = 512 * 1024 * 1024;

const deflateLater = promisify(deflateRaw);
const inflateLater = promisify(inflateRaw);

export interface PackOptions {
  keys: KeyRing | undefined;
  /** What the sealed bytes are bound to, in words that an error can show. */
  context: string;
  repeatable?: boolean;
}

/** Reads `bytes` before it returns: what the caller does to them afterwards does not matter. */
export async function pack(bytes: Uint8Array, { keys, context, repeatable = false }: PackOptions): Promise<Uint8Array> {
  const packed = await compressed(bytes);
  return keys ? withFormat(SEALED, keys.seal(packed, context, { repeatable })) : packed;
}

/**
 * @returns the bytes, and whether a key vouches for them; undefined when they cannot be what `pack` returned
 * @throws ApplicationFailure `Store.KeyMissing`; `Store.ObjectCorrupt` when sealed bytes are not what was sealed in this context
 */
export async function unpack(
  packed: Uint8Array,
  { keys, context }: Pick<PackOptions, 'keys' | 'context'>,
): Promise<{ bytes: Uint8Array; sealed: boolean } | undefined> {
  const sealed = packed[0] === SEALED;
  const bytes = await decompressed(sealed ? opened(packed.subarray(1), keys, context) : packed);
  return bytes && { bytes, sealed };
}

function opened(sealed: Uint8Array, keys: KeyRing | undefined, context: string): Uint8Array {
  if (keys) return keys.open(sealed, context);
  const id = sealedWith(sealed);
  if (id === undefined)
    throw failure('Store.ObjectCorrupt', `${context} holds no sealed bytes that this version knows.`);
  throw failure('Store.KeyMissing', `${context} is sealed with key "${id}", and there are no keys: set LONGHAUL_KEYS.`);
}

async function compressed(bytes: Uint8Array): Promise<Uint8Array> {
  const most = Math.floor(bytes.length * (1 - GAIN_MIN));
  if (bytes.length < DEFLATE_FROM_BYTES || bytes.length > INFLATED_BYTES_MAX) return withFormat(PLAIN, bytes);
  if (bytes.length <= SYNC_BYTES_MAX) {
    const deflated = deflateRawSync(bytes);
    return deflated.length <= most ? withFormat(DEFLATED, deflated) : withFormat(PLAIN, bytes);
  }
  const middle = Math.floor((bytes.length - SAMPLE_BYTES) / 2);
  const sample = deflateRawSync(bytes.subarray(middle, middle + SAMPLE_BYTES));
  const plain = withFormat(PLAIN, bytes);
  if (sample.length > SAMPLE_BYTES * (1 - GAIN_MIN)) return plain;
  const deflated = await deflateLater(plain.subarray(1));
  return deflated.length <= most ? withFormat(DEFLATED, deflated) : plain;
}

async function decompressed(packed: Uint8Array): Promise<Uint8Array | undefined> {
  const rest = packed.subarray(1);
  if (packed[0] === PLAIN) return rest;
  if (packed[0] !== DEFLATED) return undefined;
  try {
    const limit = { maxOutputLength: INFLATED_BYTES_MAX };
    return rest.length <= SYNC_BYTES_MAX ? inflateRawSync(rest, limit) : await inflateLater(rest, limit);
  } catch {
    return undefined;
  }
}

const withFormat = (format: number, bytes: Uint8Array): Buffer => Buffer.concat([Buffer.of(format), bytes]);
