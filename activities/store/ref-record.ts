// What every adapter does alike with refs: check names and values, decide conditions, encode.
import { z } from 'zod';
import { failure } from '../failure';
import { canonicalJson } from './canonical-json';
import type { CommitRequest, Ref, RefWrite } from './port';

/** Of `listRefs`, where the caller gives none. */
export const LIST_LIMIT = 1_000;
const NAME_BYTES = 500;
const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;
/** Refs are small records; bulk belongs into objects, which a ref names. */
const VALUE_BYTES = 1_000_000;

const storedRefSchema = z.object({
  version: z.number().int().positive(),
  value: z.unknown(),
  expiresAt: z.number().optional(),
});
export type StoredRef = z.output<typeof storedRefSchema>;

export interface PreparedRef {
  write: RefWrite;
  /** The value, as canonical JSON. */
  value: string;
}

const decoder = new TextDecoder();

export function checkRefName(name: string): void {
  if (name.length <= NAME_BYTES && PRINTABLE_ASCII.test(name)) return;
  throw new TypeError(
    `"${name.slice(0, 80)}" cannot name a ref: a name is 1 to ${NAME_BYTES} bytes of printable ASCII; percent-encode what comes from outside.`,
  );
}

/** @throws TypeError when a name or value cannot be stored, or one name is written twice */
export function prepareRefs({ refs = [] }: CommitRequest): PreparedRef[] {
  const names = new Set<string>();
  return refs.map((write) => {
    checkRefName(write.name);
    if (names.has(write.name)) throw new TypeError(`ref ${write.name} is written twice in one commit.`);
    names.add(write.name);
    const value = canonicalJson(write.value);
    if (value.length > VALUE_BYTES) {
      throw new TypeError(`the value of ref ${write.name} is ${value.length} bytes; at most ${VALUE_BYTES} fit.`);
    }
    return { write, value: decoder.decode(value) };
  });
}

/** @param existing what the name holds and is not past its expiry */
export function conditionHolds(write: RefWrite, existing: StoredRef | undefined): boolean {
  if (write.op === 'create') return existing === undefined;
  if (write.op === 'compare-and-set') return existing?.version === write.version;
  return true;
}

export const encodeStoredRef = ({ write, value }: PreparedRef, version: number): string => {
  const expiry = write.expiresAt === undefined ? '' : `"expiresAt":${JSON.stringify(write.expiresAt)},`;
  return `{${expiry}"value":${value},"version":${version}}`;
};

/** @throws ApplicationFailure `Store.ObjectCorrupt` */
export function decodeStoredRef(name: string, text: string): StoredRef {
  try {
    return storedRefSchema.parse(JSON.parse(text));
  } catch {
    throw failure('Store.ObjectCorrupt', `ref ${name} is not readable.`);
  }
}

export const isLive = (stored: StoredRef | undefined, now: number): stored is StoredRef =>
  stored !== undefined && (stored.expiresAt === undefined || stored.expiresAt > now);

export const toRef = (name: string, { version, value, expiresAt }: StoredRef): Ref => ({
  name,
  value,
  version,
  ...(expiresAt === undefined ? {} : { expiresAt }),
});
