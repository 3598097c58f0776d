// How the embedded store's tables hold an object and a ref.
import { z } from 'zod';
import { failure } from '../failure';
import type { BackendRef } from './backend';
import { isFileOf } from './large-objects';

/** What the table of objects holds: the bytes, or the file that does. */
export type ObjectEntry =
  | { bytes: Buffer }
  /** `before` stood before the bytes of the file when they were put. */
  | { file: string; before: Buffer };

/** First byte of an entry. Never renumbered: they are stored. */
const INLINE = 2;
const IN_FILE = 3;
/** Of databases of the first version, where this byte stood before every object and was a format of its own: here it belongs to them. */
const FIRST_INLINE = 0;
/** Of the first version too: the file has the name of the object, and its bytes lack that byte. */
const FIRST_IN_FILE = 1;

const NOTHING = Buffer.alloc(0);

export const inlineEntry = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.of(INLINE), bytes]);
export const fileEntry = (file: string): Buffer => Buffer.concat([Buffer.of(IN_FILE), Buffer.from(file)]);

export function objectEntry(name: string, entry: Buffer): ObjectEntry {
  if (entry[0] === INLINE) return { bytes: entry.subarray(1) };
  if (entry[0] === IN_FILE) {
    const file = entry.toString('latin1', 1);
    // Checked, so that a damaged database cannot have a file read or removed that is not the object's.
    if (isFileOf(name, file)) return { file, before: NOTHING };
  }
  if (entry[0] === FIRST_INLINE) return { bytes: entry };
  if (entry[0] === FIRST_IN_FILE) return { file: name, before: Buffer.of(FIRST_INLINE) };
  // Damaged: bytes that are nobody's, so that the layer above says so and names the object.
  return { bytes: NOTHING };
}

// A ref: [format: 1] [version: double] [expiry in milliseconds since the epoch, or infinity: double] [value]. Big-endian.
const REF = 1;
const REF_HEADER_BYTES = 17;
/** The first version kept refs as JSON objects. */
const FIRST_REF = '{'.charCodeAt(0);
const firstRefSchema = z.object({
  version: z.number().int().positive(),
  value: z.unknown(),
  expiresAt: z.number().optional(),
});

export function encodeRef({ version, expiresAt = Infinity, value }: Omit<BackendRef, 'name'>): Buffer {
  const header = Buffer.alloc(REF_HEADER_BYTES);
  header[0] = REF;
  header.writeDoubleBE(version, 1);
  header.writeDoubleBE(expiresAt, 9);
  return Buffer.concat([header, value]);
}

/** @throws ApplicationFailure `Store.ObjectCorrupt` */
export function decodeRef(name: string, stored: Buffer): BackendRef {
  if (stored[0] === FIRST_REF) return decodeFirstRef(name, stored);
  if (stored[0] !== REF || stored.length < REF_HEADER_BYTES) throw unreadable(name);
  const version = stored.readDoubleBE(1);
  const expiresAt = stored.readDoubleBE(9);
  if (!Number.isSafeInteger(version) || Number.isNaN(expiresAt)) throw unreadable(name);
  const value = stored.subarray(REF_HEADER_BYTES);
  return { name, version, value, ...(expiresAt === Infinity ? {} : { expiresAt }) };
}

function decodeFirstRef(name: string, stored: Buffer): BackendRef {
  try {
    const { version, expiresAt, value } = firstRefSchema.parse(JSON.parse(stored.toString()));
    const json = Buffer.from(JSON.stringify(value));
    return { name, version, value: json, ...(expiresAt === undefined ? {} : { expiresAt }) };
  } catch {
    throw unreadable(name);
  }
}

const unreadable = (name: string): Error => failure('Store.ObjectCorrupt', `ref ${name} is not readable.`);
