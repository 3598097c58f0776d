// The same `Idempotency-Key` is the same run: draft-ietf-httpapi-idempotency-key-header. The run's id is chosen and kept before it is
// started, so that whoever asks again, at the same time or after a crash, starts the same one, which is started once.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, type ContentStore } from '../../activities/store';
import { Problem, problemOf } from './problem';

/** For so long a key is known. Those who try again do so within minutes; a night is for those who do it by hand. */
export const IDEMPOTENCY_KEPT_MS = 24 * 3_600_000;
const KEY_CHARS = 255;
/** As a document says it: a string in quotes, as the draft has it, or bare, as most send it. */
export const IDEMPOTENCY_KEY_PATTERN = `^("([ !#-\\[\\]-~]|\\\\["\\\\]){1,${KEY_CHARS}}"|[!#-~][!-~]{0,${KEY_CHARS - 1}})$`;
const IDEMPOTENCY_KEY = new RegExp(IDEMPOTENCY_KEY_PATTERN);
/** One that expires while it is read is made anew. */
const TRIES = 3;

const claimSchema = z.object({ run: z.string(), request: z.string() });
type Claim = z.output<typeof claimSchema>;

/** In base64url: 64 hex digits would be taken for the name of an object. */
const digest = (...parts: readonly Uint8Array[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('base64url');
};

/** @throws Problem `Api.InvalidRequest` */
export function idempotencyKeyOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const given = header.trim();
  if (IDEMPOTENCY_KEY.test(given))
    return given.startsWith('"') ? given.slice(1, -1).replace(/\\(["\\])/g, '$1') : given;
  throw new Problem(
    'Api.InvalidRequest',
    `an Idempotency-Key is one, of 1 to ${KEY_CHARS} printable characters of ASCII, in quotes where it has a space.`,
    { errors: [{ parameter: 'Idempotency-Key', detail: `not one string of 1 to ${KEY_CHARS} characters` }] },
  );
}

export interface Once {
  key: string;
  /** Keys of different callers have nothing to do with each other. */
  caller: string;
  /** What was asked for, in JSON. */
  request: unknown;
  /** Of the run, where it is the first. */
  run: string;
  now: number;
}

/**
 * @param start by the id that it is given: the run of the first request
 * @throws Problem `Api.IdempotencyKeyReused`, and what `start` throws; where that refuses, the key is as good as new
 */
export async function startOnce<T>(store: ContentStore, once: Once, start: (run: string) => Promise<T>): Promise<T> {
  const name = `idempotency/${digest(Buffer.from(once.caller), Buffer.from(once.key))}`;
  const own: Claim = { run: once.run, request: digest(canonicalJson(once.request)) };
  const { claim, isFirst } = await claimed(store, { name, own, expiresAt: once.now + IDEMPOTENCY_KEPT_MS });
  if (claim.request !== own.request)
    throw new Problem(
      'Api.IdempotencyKeyReused',
      `this Idempotency-Key belongs to another request, of the last ${IDEMPOTENCY_KEPT_MS / 3_600_000} hours: take another.`,
    );
  try {
    return await start(claim.run);
  } catch (error) {
    // Of a request that can never be right nothing has come.
    if (isFirst && problemOf(error).status < 500) await store.deleteRef(name);
    throw error;
  }
}

async function claimed(
  store: ContentStore,
  { name, own, expiresAt }: { name: string; own: Claim; expiresAt: number },
): Promise<{ claim: Claim; isFirst: boolean }> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const { conflicts } = await store.commit({ refs: [{ op: 'create', name, value: own, expiresAt }] });
    if (conflicts.length === 0) return { claim: own, isFirst: true };
    const known = claimSchema.safeParse((await store.readRef(name))?.value);
    if (known.success) return { claim: known.data, isFirst: false };
  }
  throw new Problem('Api.Busy', 'the Idempotency-Key is being forgotten: come again.', {
    headers: { 'retry-after': '1' },
  });
}
