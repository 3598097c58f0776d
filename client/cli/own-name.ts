// In whose name a command changes something for everybody, and with whose key it is signed.
import { userInfo } from 'node:os';
import { signStatement } from '../../activities/keys/decision-signature';
import type { TrafficAbout } from '../../activities/store/change-traffic';
import type { CliContext } from './context';
import { ownSigner } from './own-identity';

/** @throws ClientError `misconfigured` where the key's file holds none */
export function ownName({ settings, env }: CliContext): Pick<TrafficAbout, 'by' | 'sign'> {
  const signer = ownSigner(settings.approvers, env);
  if (!signer) return { by: settings.identity.user ?? userInfo().username };
  return { by: signer.by, sign: (statement) => signStatement(statement, signer.key) };
}
