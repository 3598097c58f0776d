// What is alike for the refs of every store: names and values are checked before they reach an adapter, and conditions decided
// the same way by adapters that decide them in this process.
import type { BackendRef, BackendRefWrite } from './backend';
import { canonicalJson } from './canonical-json';
import type { CommitRequest, RefWrite } from './port';

/** Of `listRefs` and `listObjects`, where the caller gives none. */
export const LIST_LIMIT = 1_000;
const NAME_BYTES = 500;
const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;
/** Refs are small records; bulk belongs into objects, which a ref names. */
const VALUE_BYTES = 1_000_000;

export interface PreparedRef {
  write: RefWrite;
  /** The value, as canonical JSON. */
  value: Uint8Array;
}

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
    return { write, value };
  });
}

/** @param existing what the name holds and is not past its expiry */
export function conditionHolds(write: BackendRefWrite, existing: Pick<BackendRef, 'version'> | undefined): boolean {
  if (write.op === 'create') return existing === undefined;
  if (write.op === 'compare-and-set') return existing?.version === write.version;
  return true;
}

export const isLive = ({ expiresAt }: Pick<BackendRef, 'expiresAt'>, now: number): boolean =>
  expiresAt === undefined || expiresAt > now;
