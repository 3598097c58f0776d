// Keys of the HTTP API, checked where they are read; and whoever of them may approve, as one of the people.
import type { Approvers } from '../activities/approvals/require-approval';
import type { ApiKey, WebhookSettings } from '../activities/define/api';
import type { ResolvedConfig } from '../activities/define/config';
import { addressJudge } from '../activities/http/addresses';
import { publicKeyOf } from '../activities/keys/decision-signature';
import { messageOf } from '../infra/temporal/error-reason';
import { ConfigError } from './config-error';
import type { Setting } from './describe-settings';

export interface ApiSettings {
  api: { keys: readonly ApiKey[]; webhooks: WebhookSettings };
}

/** @throws ConfigError */
export function apiSettings({ api }: ResolvedConfig, configName: string): ApiSettings & { described: Setting[] } {
  const keys = Object.entries(api.keys).map(([name, { roles: _, ...key }]): ApiKey => ({ name, ...key }));
  for (const { name, hash } of keys) {
    const same = keys.find((other) => other.hash === hash && other.name !== name);
    if (same) throw new ConfigError(`${configName}: api.keys.${name} and api.keys.${same.name} are the same key.`);
  }
  const webhooks = webhookSettings(api, keys, configName);
  const shown = keys.map(({ name, scopes }) => `${name} (${scopes.join(', ')})`).join('; ');
  return {
    api: { keys, webhooks },
    described: [{ what: 'API keys', value: shown || 'none: it is served to this machine alone', source: configName }],
  };
}

const LOOPBACK = ['127.0.0.0/8', '::1'];

/** @throws ConfigError */
function webhookSettings(
  { webhooks: { secretEnv, allowPrivate } }: ResolvedConfig['api'],
  keys: readonly ApiKey[],
  configName: string,
): WebhookSettings {
  // Without keys whoever asks is on this machine, and reaches it anyway.
  const allowed = allowPrivate ?? (keys.length === 0 ? LOOPBACK : false);
  try {
    addressJudge(allowed);
  } catch (error) {
    throw new ConfigError(`${configName}: api.webhooks.allowPrivate: ${messageOf(error)}`, { cause: error });
  }
  return {
    ...(secretEnv === undefined ? {} : { secretEnv }),
    secretEnvs: Object.fromEntries(
      keys.flatMap(({ name, webhookSecretEnv }) => (webhookSecretEnv === undefined ? [] : [[name, webhookSecretEnv]])),
    ),
    allowPrivate: allowed,
  };
}

/** Its name is a person's: what it decides is kept, and counts, as theirs would. @throws ConfigError */
export function apiPeople({ api, people }: ResolvedConfig, configName: string): Approvers['people'] {
  return Object.fromEntries(
    Object.entries(api.keys).flatMap(([name, { scopes, signs, roles = [] }]) => {
      const place = `${configName}: api.keys.${name}`;
      if (!scopes.includes('approve')) {
        if (signs === undefined && roles.length === 0) return [];
        throw new ConfigError(`${place} has \`signs\` or \`roles\`, which are of keys with the scope approve.`);
      }
      if (signs === undefined)
        throw new ConfigError(`${place} may approve, and has no \`signs\`: "longhaul api-key" prints it.`);
      if (Object.hasOwn(people, name))
        throw new ConfigError(`${place} has the name of somebody of \`people\`: give it another.`);
      try {
        publicKeyOf(signs);
      } catch (error) {
        throw new ConfigError(`${place}.signs: ${messageOf(error)}`, { cause: error });
      }
      return [[name, { keys: [signs], roles }]];
    }),
  );
}
