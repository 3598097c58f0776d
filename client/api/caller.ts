// Who asks, and what they may: a key of the configuration, or, on this machine alone and where there are no keys, anybody.
import type { KeyObject } from 'node:crypto';
import type { ApiKey, ApiScope } from '../../activities/define/api';
import { isDefinitionName } from '../../activities/define/definition-name';
import { apiSigningKey, findApiKey } from '../../activities/keys/api-key';
import { publicKeyText } from '../../activities/keys/decision-signature';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { Signer } from '../run-requests';
import { Problem } from './problem';

export interface Caller {
  /** Of the key. */
  name?: string;
  /** How many keys the server has, by which they share: one where it needs none. */
  keys: number;
  may(scope: ApiScope): boolean;
  /** Undefined for all. */
  tenants?: readonly string[];
  agents?: readonly string[];
  /** Signs what it decides, in its name. */
  signer(): Signer | undefined;
}

/** Signs nothing: whoever the server's own user is, a request that names nobody does not decide for them. */
export const ANYBODY: Caller = { keys: 1, may: () => true, signer: () => undefined };

/** @throws Problem `Api.Unauthorized` */
export function callerOf(keys: readonly ApiKey[], authorization: string | undefined): Caller {
  if (keys.length === 0) return ANYBODY;
  const [, given] = /^bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
  const key = given === undefined ? undefined : findApiKey(keys, given);
  if (given === undefined || !key) {
    const headers = { 'www-authenticate': 'Bearer' };
    throw new Problem('Api.Unauthorized', 'send a key of this server: "Authorization: Bearer KEY".', { headers });
  }
  return callerWith(key, { keys: keys.length, signs: () => apiSigningKey(given) });
}

/** @param signs the key that its decisions are signed by, where it is in hand */
export function callerWith(
  { name, scopes, tenants, agents, signs: publicKey }: ApiKey,
  { keys, signs }: { keys: number; signs: () => KeyObject | undefined },
): Caller {
  return {
    name,
    keys,
    may: (scope) => scopes.includes(scope) || (scope !== 'approve' && scopes.includes('administer')),
    ...(tenants ? { tenants } : {}),
    ...(agents ? { agents } : {}),
    signer: () => {
      const own = signs();
      return own && publicKey === publicKeyText(own) ? { by: name, key: own } : undefined;
    },
  };
}

/** @param scopes of which one is enough @throws Problem `Api.Forbidden` */
export function requireScope(caller: Caller, scopes: readonly ApiScope[]): void {
  if (scopes.some((scope) => caller.may(scope))) return;
  throw new Problem('Api.Forbidden', `the key "${caller.name ?? ''}" lacks the scope ${scopes.join(' or ')}.`);
}

export const seesTenant = ({ tenants }: Caller, tenant: string): boolean => tenants?.includes(tenant) ?? true;
export const seesAgent = ({ agents }: Caller, agent: string): boolean =>
  isDefinitionName(agent) && (agents?.includes(agent) ?? true);

/** @param root the run that a caller has started, where this is a sub-agent's: whoever may see that one sees what it did */
export const seesRun = (caller: Caller, run: RunRecord, root: Pick<RunRecord, 'agent'> = run): boolean =>
  seesTenant(caller, run.tenant) && (seesAgent(caller, run.agent) || seesAgent(caller, root.agent));
