// A key of the HTTP API: a random secret, of which the configuration has the hash. What is decided with it is signed by a key that follows
// from it, so that nobody, this server included, can decide in its name without having it in hand.
import { createHash, createPrivateKey, hkdfSync, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';

/** Known to scanners for secrets, and to our own redaction. */
const PREFIX = 'lhk_';
/** DER of PKCS #8 with an Ed25519 seed, up to the seed (RFC 8410). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

export const newApiKey = (): string => PREFIX + randomBytes(32).toString('base64url');

const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest();

/** One round is enough: there is no guessing 256 random bits. */
export const apiKeyHash = (key: string): string => `sha256:${digestOf(key).toString('base64url')}`;

/** The one that it is, compared with each in the same time for every wrong key of every length. */
export function findApiKey<K extends { hash: string }>(keys: readonly K[], given: string): K | undefined {
  const digest = digestOf(given);
  const isGiven = ({ hash }: K): boolean => {
    const known = Buffer.from(hash.slice('sha256:'.length), 'base64url');
    return known.length === digest.length && timingSafeEqual(known, digest);
  };
  return keys.filter(isGiven)[0];
}

/** Of the key that its decisions are signed by: 32 bytes from which the API key itself cannot be had. */
export const apiSigningSeed = (key: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', 'decisions of an API key', 32));

export const signingKeyOfSeed = (seed: Buffer): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' });

export const apiSigningKey = (key: string): KeyObject => signingKeyOfSeed(apiSigningSeed(key));
