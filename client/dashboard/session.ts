// Who is signed in: a key of the API, given once, and from then on a cookie. The cookie holds, sealed by the server, which key it was (its
// hash) and the key that its decisions are signed by: never the API key itself, so that nobody who takes it can use it with the API.
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { ApiKey } from '../../activities/define/api';
import { apiSigningSeed, findApiKey, signingKeyOfSeed } from '../../activities/keys/api-key';
import type { ContentStore } from '../../activities/store';
import { ANYBODY, callerWith, type Caller } from '../api/caller';
import { sealed, unsealed } from '../api/sealed';

export const COOKIE = 'longhaul-session';
export const SESSION_SECONDS = 12 * 3_600;
const PURPOSE = 'dashboard session';

const sessionSchema = z.strictObject({
  hash: z.string(),
  /** Of the key that decisions are signed by, where its API key may decide. */
  seed: z.string().exactOptional(),
  /** Of forms: a page of another site cannot know it. */
  token: z.string(),
  /** Milliseconds since 1970. */
  until: z.number(),
});

export interface SignedIn {
  caller: Caller;
  token: string;
}

interface Place {
  store: ContentStore;
  keys: readonly ApiKey[];
}

/** Of a server without keys, which anybody on this machine may use: good until it is started again. */
const TOKEN_OF_ANYBODY = randomBytes(16).toString('base64url');

/** Undefined where there is no such key. @returns the cookie's value */
export async function beginSession({ store, keys }: Place, given: string): Promise<string | undefined> {
  const key = findApiKey(keys, given);
  if (!key) return undefined;
  const session: z.output<typeof sessionSchema> = {
    hash: key.hash,
    ...(key.signs === undefined ? {} : { seed: apiSigningSeed(given).toString('base64url') }),
    token: randomBytes(16).toString('base64url'),
    until: Date.now() + SESSION_SECONDS * 1_000,
  };
  return await sealed(store, PURPOSE, JSON.stringify(session));
}

/** Undefined where nobody is. A key that was taken out of the configuration has no sessions any more. */
export async function signedIn({ store, keys }: Place, cookie: string | undefined): Promise<SignedIn | undefined> {
  if (keys.length === 0) return { caller: ANYBODY, token: TOKEN_OF_ANYBODY };
  const text = cookie === undefined ? undefined : await unsealed(store, PURPOSE, cookie);
  if (text === undefined) return undefined;
  // One of another version is none.
  const { data: session } = sessionSchema.safeParse(JSON.parse(text));
  if (!session) return undefined;
  const { hash, seed, token, until } = session;
  const key = keys.find((one) => one.hash === hash);
  if (!key || until <= Date.now()) return undefined;
  const signs = (): ReturnType<typeof signingKeyOfSeed> | undefined =>
    seed === undefined ? undefined : signingKeyOfSeed(Buffer.from(seed, 'base64url'));
  return { caller: callerWith(key, { keys: keys.length, signs }), token };
}
