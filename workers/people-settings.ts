// Who decides what runs ask people, and which rules the configuration adds: checked where it is read.
import type { Approvers } from '../activities/approvals/require-approval';
import { publicKeyOf } from '../activities/keys/decision-signature';
import type { ApprovalRule } from '../workflows/contract/approval';
import type { ToolPlan } from '../workflows/contract/run';
import { rulesFor, type RuleFor } from '../activities/define/approval';
import type { ResolvedConfig } from '../activities/define/config';
import { resolveTemporal } from '../infra/temporal/resolve-temporal';
import { apiPeople, apiSettings, type ApiSettings } from './api-settings';
import { ConfigError } from './config-error';
import type { Setting } from './describe-settings';

export interface PeopleSettings extends ApiSettings {
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
  const named = Object.entries(config.people).map(([name, { key, roles }]) => {
    const keys = typeof key === 'string' ? [key] : key;
    for (const one of keys) checked(`${configName}: people.${name}.key`, () => publicKeyOf(one));
    return [name, { keys, roles }] as const;
  });
  const people: Approvers['people'] = { ...Object.fromEntries(named), ...apiPeople(config, configName) };
  const approvals = checked(configName, () => rulesFor(config.approvals, 'approvals'));
  for (const { rule } of approvals) {
    const [stranger] = strangersOf(rule, people);
    if (stranger !== undefined)
      throw new ConfigError(
        `${configName}: approvals name "${stranger}", who is none of \`people\` and no role of theirs.`,
      );
  }
  const { described: ofApi, ...api } = apiSettings(config, configName);
  const allowUnsigned = config.unsignedDecisions ?? isEmbedded(env);
  const source = config.unsignedDecisions === undefined ? 'default' : configName;
  return {
    ...api,
    approvers: { people, allowUnsigned },
    approvals,
    ...(config.webhook ? { webhook: config.webhook } : {}),
    described: [
      { what: 'people', value: Object.keys(config.people).join(', ') || 'none', source: configName },
      { what: 'unsigned decisions', value: allowUnsigned ? 'count where nobody is named' : 'do not count', source },
      ...ofApi,
    ],
  };
}

/** Of those whom a rule names, who are nobody of `people` and no role of theirs. */
const strangersOf = (rule: ApprovalRule, people: Approvers['people']): string[] =>
  [...(rule.by ?? []), ...(rule.escalation ?? []).flatMap(({ to }) => to)].filter(
    (name) => !Object.entries(people).some(([one, { roles }]) => one === name || roles.includes(name)),
  );

/**
 * A line for each tool that asks for somebody whom the configuration does not know: their decision would never count. No reason to serve
 * nothing: somebody else may be named beside them, and people come and go.
 */
export function unknownApprovers(
  plans: readonly { agent: string; tools: { [tool: string]: ToolPlan } }[],
  people: Approvers['people'],
): string[] {
  return plans.flatMap(({ agent, tools }) =>
    Object.entries(tools).flatMap(([tool, { approval = [], escalation }]) => {
      const rules = [...approval, ...(escalation ? [escalation] : [])];
      const strangers = [...new Set(rules.flatMap((rule) => strangersOf(rule, people)))];
      if (strangers.length === 0) return [];
      const who = strangers.map((name) => `"${name}"`).join(', ');
      return [`agent ${agent}: tool ${tool} asks for ${who}, whom \`people\` of the configuration does not know`];
    }),
  );
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
