// Whether a decision allows a call: asked by the process that makes it, of the release itself and of its own configuration, so that a
// workflow that somebody has changed cannot say for a person that they agreed.
import type { CallToolInput } from '../../workflows/contract/activities';
import { peopleOf, type ApprovalRule, type MadeDecision } from '../../workflows/contract/approval';
import { indexesOf } from '../../workflows/contract/limits';
import type { RunPlan } from '../../workflows/contract/run';
import { failure } from '../failure';
import { isSignedBy } from '../keys/decision-signature';

/** Who may decide, as the configuration says it now: a key that was taken out is worth nothing from then on. */
export interface Approvers {
  people: { readonly [name: string]: { keys: readonly string[]; roles: readonly string[] } };
  /** Whether a decision that nobody has signed counts, where nobody is named. */
  allowUnsigned: boolean;
}

export const NO_APPROVERS: Approvers = { people: {}, allowUnsigned: false };

/** The person who has signed it; undefined where nobody has, or it does not fit. */
export function signerOf({ people }: Approvers, decision: MadeDecision): string | undefined {
  const { signed } = decision;
  if (!signed || !Object.hasOwn(people, signed.by)) return undefined;
  const person = people[signed.by];
  return person && isSignedBy(decision, signed, person.keys) ? signed.by : undefined;
}

interface Asked {
  input: Pick<CallToolInput, 'key' | 'call' | 'name' | 'insteadOf'>;
  /** Of the tool, and the positions of those that hold. */
  rules: readonly ApprovalRule[];
  needed: readonly number[];
  /** Name of the arguments as the model wrote them. */
  args: string;
}

/** @throws ApplicationFailure `Tool.NotApproved`, saying why */
export function requireApproval(
  approvers: Approvers,
  decision: MadeDecision | undefined,
  { input, rules, needed, args }: Asked,
): void {
  const tool = input.insteadOf ?? input.name;
  const refuse = (why: string): never => {
    throw failure('Tool.NotApproved', `${tool.slice(0, 64)}: ${why}`);
  };
  if (!decision) return refuse('a person must agree to it, and nobody did.');
  if (decision.verdict !== 'approve' || decision.kind !== 'approval') return refuse('it was not agreed to.');
  if (decision.run !== input.key.run || decision.tool !== tool) return refuse('the decision is about something else.');
  if (!isOnePlace(input)) return refuse('a decision is good for one call.');
  const isOwn = isDecisionOf(decision, input, args);
  if (!isOwn && !decision.remember) return refuse('the decision is about another call.');
  if (decision.edited !== undefined && (decision.remember || decision.byDefault))
    return refuse('edited arguments are good for one call, and only from a person.');
  const beyond = needed.filter((rule) => !decision.rules.includes(rule));
  // Who edits has seen what they wrote, whatever rules hold for it.
  if (beyond.length > 0 && decision.edited === undefined) return refuse('it was agreed to where other rules held.');
  const held = needed.map((rule) => rules[rule]).filter((rule) => rule !== undefined);
  if (decision.byDefault) {
    if (!decision.signed && held.every(({ otherwise }) => otherwise === 'approve')) return;
    return refuse('nobody answered, and that does not mean yes.');
  }
  const why = whyNot(approvers, decision, held);
  if (why !== undefined) refuse(why);
}

/** Whether it was about this very call. */
export const isDecisionOf = (
  { run, turn, call, args: about }: MadeDecision,
  { key, call: at }: Pick<CallToolInput, 'key' | 'call'>,
  args: string,
): boolean => run === key.run && turn === key.turn && call === at && about === args;

/** A call stands at one place of its turn: at another, or in another fork, its effect would be another. */
const isOnePlace = ({ key, call }: Pick<CallToolInput, 'key' | 'call'>): boolean =>
  key.fork === 0 && indexesOf(call).includes(key.index);

/** Why whoever decided may not, by these rules; undefined where they may. Without a rule it takes anybody who may decide at all. */
function whyNot(approvers: Approvers, decision: MadeDecision, rules: readonly ApprovalRule[]): string | undefined {
  const by = signerOf(approvers, decision);
  if (decision.signed && by === undefined) return unfitting(approvers, decision.signed.by);
  if (by === undefined && !approvers.allowUnsigned) return 'an unsigned decision does not count here.';
  const roles = by === undefined ? [] : [by, ...(approvers.people[by]?.roles ?? [])];
  const missing = rules.map(peopleOf).find((who) => who.length > 0 && !who.some((name) => roles.includes(name)));
  if (!missing) return undefined;
  return `${by === undefined ? 'a decision without a name' : by} does not count: ${missing.join(' or ')} must agree.`;
}

/** Whoever serves tools reads its configuration at its start, so somebody who was added since is not known there yet. */
function unfitting({ people }: Approvers, by: string): string {
  const who = by.slice(0, 64);
  if (Object.hasOwn(people, by)) return `the signature of ${who} does not fit.`;
  return `${who} is not among the \`people\` that it was started with: start it again where the configuration has them by now.`;
}

/** Why a decision about a call that has failed for good does not count; undefined where it does. */
export function failedCallRefusal(
  approvers: Approvers,
  { tools }: RunPlan,
  decision: MadeDecision,
  { key, call, name }: Pick<CallToolInput, 'key' | 'call' | 'name'>,
): string | undefined {
  const { kind, run, turn, call: about, tool, byDefault } = decision;
  const rule = tools[name]?.escalation;
  if (!rule || kind !== 'failed-call' || run !== key.run || turn !== key.turn || about !== call || tool !== name)
    return 'the decision is about something else.';
  if (byDefault) return 'nobody answered.';
  return whyNot(approvers, decision, [rule]);
}
