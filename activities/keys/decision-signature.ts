// A decision's signature: Ed25519, by a key that only the person has, over what the decision is good for.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { signedDecision, type DecisionSignature, type MadeDecision } from '../../workflows/contract/approval';
import { canonicalJson } from '../store/canonical-json';

type Signed = Omit<MadeDecision, 'decidedAt' | 'signed' | 'byDefault'>;

const PREFIX = 'ed25519:';

/** The public half, as the configuration has it: `ed25519:` and 32 bytes in base64url. */
export const publicKeyText = (key: KeyObject): string =>
  PREFIX + String(createPublicKey(key).export({ format: 'jwk' }).x);

/** @throws Error when it is none */
export function publicKeyOf(text: string): KeyObject {
  const x = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : '';
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch (error) {
    throw new Error(`"${text.slice(0, 60)}" is no public key: "longhaul identity" prints one.`, { cause: error });
  }
}

/** PEM of a new private key. */
export const newPrivateKey = (): string =>
  String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));

export const privateKeyOf = (pem: string): KeyObject => createPrivateKey(pem);

export function signDecision(
  decision: Signed,
  { by, at, key }: { by: string; at: number; key: KeyObject },
): DecisionSignature {
  return { by, at, signature: signStatement(canonicalJson(signedDecision(decision, { by, at })), key) };
}

export const isSignedBy = (
  decision: Signed,
  { by, at, signature }: DecisionSignature,
  keys: readonly string[],
): boolean => isStatementSigned(canonicalJson(signedDecision(decision, { by, at })), signature, keys);

/** @returns base64 */
export const signStatement = (statement: Uint8Array, key: KeyObject): string =>
  sign(null, statement, key).toString('base64');

/** @param keys of whoever is said to have signed it, as the configuration has them */
export const isStatementSigned = (statement: Uint8Array, signature: string, keys: readonly string[]): boolean =>
  keys.some((key) => verify(null, statement, publicKeyOf(key), Buffer.from(signature, 'base64')));
