// Bytes that are hashed for ever: JSON in the canonical form of RFC 8785 (sorted keys, shortest numbers, no spaces).
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** @throws Error for what JSON cannot say: undefined, NaN, infinities, BigInt, functions */
export function canonicalJson(value: unknown): Uint8Array {
  const text = canonicalize(wellFormed(value));
  if (text === undefined) throw new Error('the value has no JSON form.');
  return new TextEncoder().encode(text);
}

/** SHA-256 as 64 lower-case hex digits: the name of an object. */
export const objectHash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A lone surrogate has no UTF-8 form, and models and tools do produce them: it becomes U+FFFD, as an encoder would write it. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]) =>
      entry === undefined ? [] : [[key.toWellFormed(), wellFormed(entry)]],
    ),
  );
}
