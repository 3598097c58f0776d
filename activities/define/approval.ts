// Who must agree to a tool's calls, and when: data, so that it is kept with a release and can be asked of it again later.
import type { ApprovalCondition, ApprovalRule, Unanswered } from '../../workflows/contract/approval';
import { DEFAULT_APPROVAL_WITHIN_MS } from '../../workflows/contract/approval';
import type { JsonValue } from '../../workflows/contract/message';
import type { Effect, ToolPlan } from '../../workflows/contract/run';
import { durationMs, type Duration } from './duration';
import { oneOf, onlyKnownKeys } from './known-keys';

type OneOrMore<T> = T | readonly T[];

/** All that are given must hold. A value that is missing or of another kind is taken for one that must be approved. */
export interface ApprovalWhen<Arg extends string = string> {
  /** One of the tool's arguments, or a path into it: `amount`, `order.total`. As the model writes it, before defaults. */
  arg?: Arg | `${Arg}.${string}`;
  /** Above this number: at it, nobody is asked. */
  above?: number;
  below?: number;
  is?: OneOrMore<JsonValue>;
  tenant?: OneOrMore<string>;
}

export interface ApprovalPolicy<Arg extends string = string> {
  /** One that holds is enough. @default every call */
  when?: OneOrMore<ApprovalWhen<Arg>>;
  /** People or roles of `longhaul.config.ts`, of whom one must agree, and signs it. @default anybody */
  by?: OneOrMore<string>;
  /** @default '7d' */
  within?: Duration;
  /** When nobody has answered by then; `escalate` ends the run as escalated. @default 'escalate' */
  otherwise?: Unanswered;
  /** From one reminder to the next. @default none */
  remind?: Duration;
  /** Who else may decide, and is told, that long after the question. */
  escalate?: OneOrMore<{ after: Duration; to: OneOrMore<string> }>;
}

/** Of an agent or a configuration: for those of its tools that fit. */
export interface ApprovalPolicyFor extends ApprovalPolicy {
  /** @default all */
  tools?: OneOrMore<string>;
  /** @default all */
  effects?: OneOrMore<Effect>;
}
export interface ConfigApproval extends ApprovalPolicyFor {
  /** @default all */
  agents?: OneOrMore<string>;
}

/** A rule, and which tools it is about: absent for all. */
export interface RuleFor {
  rule: ApprovalRule;
  tools?: readonly string[];
  effects?: readonly Effect[];
  agents?: readonly string[];
}

const UNANSWERED: readonly Unanswered[] = ['escalate', 'deny', 'approve'];
const EFFECTS: readonly Effect[] = ['read', 'idempotent', 'keyed', 'at-most-once'];
const POLICY_KEYS = ['when', 'by', 'within', 'otherwise', 'remind', 'escalate'];

const list = <T>(given: OneOrMore<T>): T[] => (Array.isArray(given) ? [...(given as readonly T[])] : [given as T]);

/** What a tool without a policy of anybody's needs where it acts on the world. */
export const ANYBODY: ApprovalRule = { withinMs: DEFAULT_APPROVAL_WITHIN_MS, otherwise: 'escalate' };

/** @throws Error in one line that names the place */
export function approvalRules(
  given: false | OneOrMore<ApprovalPolicy> | undefined,
  what: string,
): readonly ApprovalRule[] | false | undefined {
  if (given === undefined || given === false) return given;
  return list(given).map((policy) => approvalRule(policy, what));
}

/** @throws Error in one line that names the place */
export function approvalRule(policy: ApprovalPolicy, what: string, more: readonly string[] = []): ApprovalRule {
  if (typeof policy !== 'object' || policy === null) {
    throw new Error(
      `${what}: it is data such as { when: { arg: 'amount', above: 100 } }, or false: a ${typeof policy} cannot be kept with a release.`,
    );
  }
  onlyKnownKeys(policy, [...POLICY_KEYS, ...more], what);
  const { when, by, within, otherwise = 'escalate', remind, escalate } = policy;
  const withinMs = within === undefined ? DEFAULT_APPROVAL_WITHIN_MS : durationMs(within, `${what}.within`);
  const escalation = escalate === undefined ? [] : list(escalate);
  return {
    ...(when === undefined ? {} : { when: list(when).map((one) => condition(one, `${what}.when`)) }),
    ...(by === undefined ? {} : { by: names(by, `${what}.by`) }),
    withinMs,
    otherwise: oneOf(otherwise, UNANSWERED, `${what}.otherwise`),
    ...(remind === undefined ? {} : { remindMs: reminder(remind, `${what}.remind`) }),
    ...(escalation.length === 0
      ? {}
      : {
          escalation: escalation.map((step) => {
            onlyKnownKeys(step, ['after', 'to'], `${what}.escalate`);
            const afterMs = durationMs(step.after, `${what}.escalate.after`);
            if (afterMs >= withinMs) throw new Error(`${what}.escalate.after must be shorter than within.`);
            return { afterMs, to: names(step.to, `${what}.escalate.to`) };
          }),
        }),
  };
}

/** Each costs the history some 1.5 KB, and somebody a look. */
const MIN_REMIND_MS = 60_000;

function reminder(given: Duration, what: string): number {
  const length = durationMs(given, what);
  if (length < MIN_REMIND_MS) throw new Error(`${what} must be a minute at least.`);
  return length;
}

function names(given: OneOrMore<string>, what: string): string[] {
  const all = list(given);
  if (all.length === 0 || all.some((name) => typeof name !== 'string' || name === ''))
    throw new Error(`${what} names people or roles, one at least.`);
  return all;
}

function condition(given: ApprovalWhen, what: string): ApprovalCondition {
  if (typeof given !== 'object' || given === null)
    throw new Error(
      `${what}: it is data such as { arg: 'amount', above: 100 }: a ${typeof given} cannot be kept with a release.`,
    );
  onlyKnownKeys(given, ['arg', 'above', 'below', 'is', 'tenant'], what);
  const { arg, above, below, is, tenant } = given;
  if (arg === undefined && (above !== undefined || below !== undefined || is !== undefined))
    throw new Error(`${what}: above, below and is need an arg.`);
  for (const bound of [above, below])
    if (bound !== undefined && !Number.isFinite(bound)) throw new Error(`${what}: above and below are numbers.`);
  return {
    ...(arg === undefined ? {} : { arg }),
    ...(above === undefined ? {} : { above }),
    ...(below === undefined ? {} : { below }),
    ...(is === undefined ? {} : { oneOf: list(is) }),
    ...(tenant === undefined ? {} : { tenants: list(tenant) }),
  };
}

/** @throws Error in one line that names the place */
export function rulesFor(given: readonly ConfigApproval[], what: string): RuleFor[] {
  return given.map((policy, at) => {
    const { tools, effects, agents } = policy;
    for (const effect of list(effects ?? [])) oneOf(effect, EFFECTS, `${what}[${at}].effects`);
    return {
      rule: approvalRule(policy, `${what}[${at}]`, ['tools', 'effects', 'agents']),
      ...(tools === undefined ? {} : { tools: list(tools) }),
      ...(effects === undefined ? {} : { effects: list(effects) }),
      ...(agents === undefined ? {} : { agents: list(agents) }),
    };
  });
}

/** The strictest of configuration, agent and tool: all of their rules. A tool that acts on the world, and that none of them names, needs anybody. */
export function withApprovals(
  plans: { [tool: string]: ToolPlan },
  tools: readonly {
    name: string;
    plan: ToolPlan;
    approval: readonly ApprovalRule[] | false | undefined;
    fallback: readonly { name: string; plan: ToolPlan; approval: readonly ApprovalRule[] | false | undefined }[];
  }[],
  { agent, shared }: { agent: string; shared: readonly RuleFor[] },
): { [tool: string]: ToolPlan } {
  const rulesOf = ({
    name,
    plan,
    approval,
  }: Pick<(typeof tools)[number], 'name' | 'plan' | 'approval'>): ApprovalRule[] => {
    const own = approval === false ? [] : (approval ?? []);
    const given = shared.filter(
      (one) =>
        (one.agents?.includes(agent) ?? true) &&
        (one.tools?.includes(name) ?? true) &&
        (one.effects?.includes(plan.effect) ?? true),
    );
    const acts = plan.effect === 'keyed' || plan.effect === 'at-most-once';
    const shares = given.map(({ rule }) => rule);
    // A rule that holds for some calls alone says nothing of the others.
    if (approval === undefined && acts && shares.every(({ when }) => when)) return [...shares, ANYBODY];
    return [...shares, ...own];
  };
  return Object.fromEntries(
    tools.map((tool) => {
      const plan = plans[tool.name] ?? tool.plan;
      const rules = [tool, ...tool.fallback].flatMap(rulesOf);
      const each = rules.filter((rule, at) => rules.findIndex((other) => isSame(rule, other)) === at);
      const asked = plan.onFailure === 'escalate' ? { ...plan, escalation: escalationOf(each) } : plan;
      return [tool.name, each.length === 0 ? asked : { ...asked, approval: each }];
    }),
  );
}

const isSame = (one: ApprovalRule, other: ApprovalRule): boolean => JSON.stringify(one) === JSON.stringify(other);

/** What a failure asks is asked of those who may agree to a call, and is never decided by silence. */
export function escalationOf(rules: readonly ApprovalRule[]): ApprovalRule {
  const { when: _, ...rule } = rules.find(({ by }) => by) ?? rules[0] ?? ANYBODY;
  return { ...rule, otherwise: 'escalate' };
}
