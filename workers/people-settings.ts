// Who decides what runs ask people, and which rules the configuration adds: checked where it is read.
import type { Approvers } from '../activities/approvals/require-approval';
import { publicKeyOf } from '../activities/keys/decision-signature';
import { rulesFor, type RuleFor } from '../activities/define/approval';
import type { ResolvedConfig } from '../activities/define/config';
import { resolveTemporal } from '../infra/temporal/connect';
import { ConfigError } from './config-error';
import type { Setting } from './describe-settings';

export interface PeopleSettings {
  approvers: Approvers;
  approvals: readonly RuleFor[];
  webhook?: { url: string; secretEnv: string };
}

/** @throws ConfigError */
export function peopleSettings(
  config: ResolvedConfig,
  configName: string,
  env: { readonly [name: string]: string | undefined },
): PeopleSettings & { described: Setting[] } {
  const people: Approvers['people'] = Object.fromEntries(
    Object.entries(config.people).map(([name, { key, roles }]) => {
      const keys = typeof key === 'string' ? [key] : key;
      for (const one of keys) checked(`${configName}: people.${name}.key`, () => publicKeyOf(one));
      return [name, { keys, roles }];
    }),
  );
  const approvals = checked(configName, () => rulesFor(config.approvals, 'approvals'));
  const known = Object.entries(people).flatMap(([name, { roles }]) => [name, ...roles]);
  for (const { rule } of approvals) {
    const stranger = [...(rule.by ?? []), ...(rule.escalation ?? []).flatMap(({ to }) => to)].find(
      (name) => !known.includes(name),
    );
    if (stranger !== undefined)
      throw new ConfigError(
        `${configName}: approvals name "${stranger}", who is none of \`people\` and no role of theirs.`,
      );
  }
  const allowUnsigned = config.unsignedDecisions ?? isEmbedded(env);
  const source = config.unsignedDecisions === undefined ? 'default' : configName;
  return {
    approvers: { people, allowUnsigned },
    approvals,
    ...(config.webhook ? { webhook: config.webhook } : {}),
    described: [
      { what: 'people', value: Object.keys(people).join(', ') || 'none', source: configName },
      { what: 'unsigned decisions', value: allowUnsigned ? 'count where nobody is named' : 'do not count', source },
    ],
  };
}

function checked<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new ConfigError(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Where it cannot be told, whoever starts the server tells why. */
function isEmbedded(env: { readonly [name: string]: string | undefined }): boolean {
  try {
    return resolveTemporal({ env }).kind === 'embedded';
  } catch {
    return false;
  }
}
