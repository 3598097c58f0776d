// The private key of whoever types, which signs what they decide: one file a person, which never leaves their machine.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { newPrivateKey, privateKeyOf, publicKeyText } from '../../activities/keys/decision-signature';
import type { Settings } from '../../workers/config';
import { ClientError } from '../errors';
import type { Signer } from '../run-requests';

type Environment = { readonly [name: string]: string | undefined };

/** @default `longhaul/identity.pem` in the user's configuration folder */
export const identityFile = (env: Environment): string =>
  env['LONGHAUL_IDENTITY'] ||
  path.join(env['XDG_CONFIG_HOME'] || path.join(os.homedir(), '.config'), 'longhaul', 'identity.pem');

/** Undefined where there is none, or the configuration does not know it. @throws ClientError `misconfigured` where the file holds no key */
export function ownSigner({ people }: Settings['approvers'], env: Environment): Signer | undefined {
  const file = identityFile(env);
  if (Object.keys(people).length === 0 || !existsSync(file)) return undefined;
  const key = readKey(file);
  const own = publicKeyText(key);
  const by = Object.entries(people).find(([, { keys }]) => keys.includes(own))?.[0];
  return by === undefined ? undefined : { by, key };
}

/** Makes the key where there is none. @returns its public half */
export function ownPublicKey(env: Environment): { publicKey: string; file: string; isNew: boolean } {
  const file = identityFile(env);
  const isNew = !existsSync(file);
  if (isNew) {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, newPrivateKey(), { mode: 0o600, flag: 'wx' });
  }
  return { publicKey: publicKeyText(readKey(file)), file, isNew };
}

function readKey(file: string): Signer['key'] {
  try {
    return privateKeyOf(readFileSync(file, 'utf8'));
  } catch {
    throw new ClientError(
      'misconfigured',
      `${file} holds no private key: take it away, and "longhaul identity" makes another.`,
    );
  }
}
