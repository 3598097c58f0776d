// `longhaul api-key`: a new key of the HTTP API, shown once, and the line that makes the configuration know it.
import type { ApiScope } from '../../../activities/define/api';
import { apiKeyHash, apiSigningKey, newApiKey } from '../../../activities/keys/api-key';
import { publicKeyText } from '../../../activities/keys/decision-signature';
import { ClientError } from '../../errors';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';

export interface ApiKeyOptions {
  scope: ApiScope[];
  tenant?: string[];
  agent?: string[];
  role?: string[];
}

export function apiKeyCommand({ output, settings }: CliContext, name: string, options: ApiKeyOptions): Promise<number> {
  const { scope: scopes, tenant: tenants, agent: agents, role: roles } = options;
  if (!/^[\w.-]{1,64}$/.test(name))
    throw new ClientError('invalid-input', 'the name of a key has 1 to 64 letters, digits, ".", "_" and "-".');
  if (settings.api.keys.some((known) => known.name === name) || Object.hasOwn(settings.approvers.people, name))
    throw new ClientError(
      'invalid-input',
      `longhaul.config.ts has a key or a person "${name}" already: choose another.`,
    );
  const mayApprove = scopes.includes('approve');
  if (roles && !mayApprove)
    throw new ClientError('invalid-input', '--role is for a key that may approve: add --scope approve.');
  const key = newApiKey();
  const configured = {
    hash: apiKeyHash(key),
    scopes: [...new Set(scopes)],
    ...(tenants ? { tenants } : {}),
    ...(agents ? { agents } : {}),
    ...(mayApprove ? { signs: publicKeyText(apiSigningKey(key)) } : {}),
    ...(roles ? { roles } : {}),
  };
  output.json({ name, key, config: { api: { keys: { [name]: configured } } } });
  output.note(`the key of ${name}, shown this once:`);
  output.line(key);
  output.note(`longhaul.config.ts knows it by: api: { keys: { '${name}': ${literal(configured)} } }`);
  return Promise.resolve(EXIT.completed);
}

/** As it is written in TypeScript. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object' || value === null)
    return `'${String(value).replace(/[\\']/g, (character) => `\\${character}`)}'`;
  const members = Object.entries(value).map(([name, member]) => `${name}: ${literal(member)}`);
  return `{ ${members.join(', ')} }`;
}
