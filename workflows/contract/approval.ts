// Who must agree to a tool call before it is made: policy as data, what a run asks a person, and what that person decides.
import type { JsonValue } from './message';
import type { FailureType } from './failures';

/** All that are given must hold. A value that is missing or of another kind than asked about is taken for one that must be approved. */
export interface ApprovalCondition {
  /** A path into the arguments, as the model wrote them: `amount`, `order.total`. */
  arg?: string;
  above?: number;
  below?: number;
  oneOf?: JsonValue[];
  tenants?: string[];
}

export interface ApprovalRule {
  /** One that holds is enough. Absent: every call. */
  when?: ApprovalCondition[];
  /** Names or roles of people, of whom one must agree. Anybody where absent. */
  by?: string[];
  /** From the question to the default decision, in milliseconds. */
  withinMs: number;
  /** When nobody has answered by then. */
  otherwise: Unanswered;
  /** From one reminder to the next. None where absent. */
  remindMs?: number;
  /** Who else may decide, and is told, that long after the question. */
  escalation?: { afterMs: number; to: string[] }[];
}
export type Unanswered = 'deny' | 'escalate' | 'approve';

/** What a call needs, by the rules of its tool that hold for its arguments. */
export interface ApprovalNeed {
  /** Names the exact arguments, as the tenant's objects are named. */
  args: string;
  /** Positions among the rules of the tool's plan. */
  rules: number[];
}

/** What a run asks a person, as its history has it: no content but a preview. Numbered from 1, over all executions. */
export interface PersonRequest {
  number: number;
  /** `failed-call`: it has failed for good, and its tool is declared `onFailure: 'escalate'`. */
  kind: 'approval' | 'failed-call';
  /** Of the first execution, which names the run for ever: a decision is signed for it. */
  run: string;
  /** Where the call stands: its turn, its place among the calls of the answer, and the message that asks for it. */
  turn: number;
  call: number;
  message: string;
  tool: string;
  args: string;
  /** Of the arguments. */
  preview: string;
  /** Of an approval. */
  rules: number[];
  /** Each list stands for somebody of it who must agree; several where several rules name somebody. */
  by: string[][];
  /** Of a failed call. */
  failure?: { type: FailureType; message: string };
  /** Milliseconds since the epoch, by the workflow's clock. */
  askedAt: number;
  deadline: number;
  otherwise: Unanswered;
  /** Why it is asked again: what was wrong with the decision before. */
  again?: string;
  /** The run of a sub-agent that asks it, where a client shows it under another: never in a history. */
  subRun?: { id: string; agent: string };
}

/**
 * A decision, as an update brings it. Of an approval, `approve` lets the call be made and `deny` tells the model; of a failed call,
 * `approve` has it tried again, `deny` tells the model that it failed, and `replace` gives the result by hand.
 */
export interface PersonDecision {
  number: number;
  /** Of the request that was shown: a decision about other arguments is refused. */
  args: string;
  reason?: string;
  /** Names the arguments that take the place of the model's. */
  edited?: string;
  /** Names the result given by hand, a stored JSON value. */
  result?: string;
  /** The same tool is not asked about again in this run where the same rules hold. */
  remember?: true;
  signed?: DecisionSignature;
}
export type Verdict = 'approve' | 'deny' | 'replace';

export interface DecisionSignature {
  /** As the configuration names the person. */
  by: string;
  /** Milliseconds since the epoch, by that person's machine. */
  at: number;
  /** Ed25519 over what `signedDecision` says, base64. */
  signature: string;
}

/** A decision with what it was about: what a call is made with, and what is recorded. */
export interface MadeDecision extends PersonDecision {
  kind: PersonRequest['kind'];
  verdict: Verdict;
  /** The request's: `rules` of the tool that were agreed to, and for which call. */
  run: string;
  turn: number;
  call: number;
  tool: string;
  rules: number[];
  /** Milliseconds since the epoch, by the workflow's clock. */
  decidedAt: number;
  /** Nobody answered in time. */
  byDefault?: true;
}

/** Whoever a rule names, and those to whom it goes when they do not answer. Nobody in particular: none. */
export const peopleOf = ({ by = [], escalation = [] }: ApprovalRule): string[] =>
  by.length === 0 ? [] : [...new Set([...by, ...escalation.flatMap(({ to }) => to)])];

/** Characters of a reason: shown on one line and kept in the history for ever. */
export const DECISION_REASON_CHARS = 500;
/** Of a policy that does not say it. */
export const DEFAULT_APPROVAL_WITHIN_MS = 7 * 86_400_000;

/** What a signature covers, in this order: a decision is good for one call of one run, with these arguments, and for nothing else. */
export const signedDecision = (
  {
    kind,
    run,
    turn,
    call,
    tool,
    args,
    rules,
    verdict,
    number,
    reason,
    edited,
    result,
    remember,
  }: Omit<MadeDecision, 'decidedAt' | 'signed' | 'byDefault'>,
  { by, at }: Pick<DecisionSignature, 'by' | 'at'>,
): JsonValue => [
  'decision/1',
  ...[kind, run, turn, call, number, tool, args, rules, verdict],
  ...[reason ?? null, edited ?? null, result ?? null, remember ?? false, by, at],
];
