// Bytes that are hashed for ever: JSON in the canonical form of RFC 8785 (sorted keys, shortest numbers, no spaces), so that
// equal values are equal bytes on every machine.
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** Recursion below stays far from the end of the stack; no message, manifest or record comes near it. */
const MAX_DEPTH = 500;
const HASH = /^[0-9a-f]{64}$/;

const encoder = new TextEncoder();

/**
 * A lone surrogate has no UTF-8 form, and models and tools do produce them: it becomes U+FFFD, as an encoder would write it.
 * A property that is undefined is left out, as in JSON.
 * @returns UTF-8
 * @throws TypeError naming the place of what JSON cannot say: undefined, NaN, an infinity, a bigint, a function, an object that
 * is not plain, a cycle
 */
export function canonicalJson(value: unknown): Uint8Array {
  const text = canonicalize(expressible(value, '$', 0));
  if (text === undefined) throw new TypeError('canonical JSON: there is no value.');
  return encoder.encode(text);
}

/** SHA-256 as 64 lower-case hex digits: the name of an object. */
export const objectHash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const isObjectHash = (text: string): boolean => HASH.test(text);

function expressible(value: unknown, place: string, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new TypeError(`canonical JSON: nested deeper than ${MAX_DEPTH} levels, or a cycle.`);
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) {
    return Array.from(value, (item: unknown, at) => expressible(item, `${place}[${at}]`, depth + 1));
  }
  if (typeof value !== 'object') throw inexpressible(typeof value === 'number' ? String(value) : typeof value, place);
  if (!isPlain(value)) throw inexpressible('an object of a class', place);
  return expressibleObject(value, place, depth);
}

function expressibleObject(value: object, place: string, depth: number): unknown {
  const entries = new Map<string, unknown>();
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const key = name.toWellFormed();
    if (entries.has(key)) throw inexpressible('a second property of the same name', `${place}.${key}`);
    entries.set(key, expressible(item, `${place}.${key}`, depth + 1));
  }
  // fromEntries defines properties and does not assign them: `__proto__`, which JSON.parse accepts, stays a property.
  return Object.fromEntries(entries);
}

/** Also true of a plain object made in another realm, such as a sandbox or a test runner's. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

const inexpressible = (what: string, place: string): TypeError =>
  new TypeError(`canonical JSON cannot say ${what}, at ${place.slice(0, 200)}.`);
