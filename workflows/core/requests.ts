// What a run asks people: opened, waited for without a worker, decided by an update or by the passing of time. Pure: the clock is handed in.
import type {
  ApprovalRule,
  MadeDecision,
  PersonDecision,
  PersonRequest,
  Unanswered,
  Verdict,
} from '../contract/approval';
import { DECISION_REASON_CHARS, peopleOf } from '../contract/approval';
import type { RunFailure } from '../contract/failures';
import type { KeptRequests, OpenRequest, ToolPlan } from '../contract/run';
import type { ToolCallHead, ToolTurn } from '../contract/tool-call';
import type { Run } from './environment';
import { note, type RunState } from './run-state';

/** Of several rules the strictest counts: the nearest deadline, and the default that does least. */
const STRICTEST: readonly Unanswered[] = ['deny', 'escalate', 'approve'];

interface ToAsk {
  kind: PersonRequest['kind'];
  turn: ToolTurn;
  call: number;
  rules: readonly ApprovalRule[];
  failure?: RunFailure;
  again?: string;
  /** Whose decision did not count: its deadline stays. */
  before?: OpenRequest | undefined;
}

export function openRequest(run: Run, { kind, turn, call, rules, failure, again, before }: ToAsk): OpenRequest {
  const { state, environment, firstRunId } = run;
  const head = turn.calls[call] ?? { name: '', preview: '' };
  const now = environment.now();
  const requests = state.kept.requests ?? { last: 0, open: [], remembered: [] };
  const request: OpenRequest = {
    ...{ number: requests.last + 1, kind, run: firstRunId },
    ...{ turn: state.kept.turn, call, message: turn.message, tool: head.name },
    // Without an approval nothing names the arguments alone: the message that asks for the call names them with the rest of it.
    args: head.approval?.args ?? turn.message,
    preview: head.preview,
    rules: kind === 'approval' ? (head.approval?.rules ?? []) : [],
    by: rules.map(peopleOf).filter((who) => who.length > 0),
    ...(failure ? { failure } : {}),
    askedAt: before?.askedAt ?? now,
    deadline: before?.deadline ?? now + Math.min(...rules.map(({ withinMs }) => withinMs)),
    otherwise: STRICTEST.find((one) => rules.some(({ otherwise }) => otherwise === one)) ?? 'escalate',
    ...(again === undefined ? {} : { again }),
  };
  state.kept.requests = { ...requests, last: request.number, open: [...requests.open, request] };
  note(state, { kind: 'wait', label: `asks a person (${request.number}): ${questionOf(request)}` }, now);
  return request;
}

/** In words, with previews. */
export function questionOf({ kind, tool, preview, failure }: PersonRequest): string {
  const call = `${tool} ${preview}`.trimEnd();
  return kind === 'approval' ? `may it call ${call}?` : `${call} has failed (${failure?.type ?? ''}): what now?`;
}

export const rulesOf = (plan: ToolPlan, { approval }: ToolCallHead): ApprovalRule[] =>
  (approval?.rules ?? []).flatMap((at) => plan.approval?.[at] ?? []);

/** A decision of earlier in the run that holds for this call too. */
export const rememberedFor = (
  { requests }: RunState['kept'],
  { name, approval }: ToolCallHead,
): MadeDecision | undefined =>
  requests?.remembered.find(
    ({ tool, rules, verdict }) =>
      verdict === 'approve' && tool === name && approval?.rules.every((rule) => rules.includes(rule)) === true,
  );

export const openFor = (
  { requests }: RunState['kept'],
  { message }: ToolTurn,
  call: number,
  kind: PersonRequest['kind'],
): OpenRequest | undefined =>
  requests?.open.find((one) => one.message === message && one.call === call && one.kind === kind);

export const openRequests = ({ kept }: RunState): OpenRequest[] => kept.requests?.open ?? [];
export const undecided = (state: RunState): OpenRequest[] => openRequests(state).filter(({ decision }) => !decision);

/** What was asked about a call does not matter any more. */
export function closeRequests(
  { kept }: RunState,
  { message }: ToolTurn,
  call: number,
  kind?: PersonRequest['kind'],
): void {
  const { requests } = kept;
  const isOver = (one: OpenRequest): boolean =>
    one.message === message && one.call === call && (kind === undefined || one.kind === kind);
  if (requests) kept.requests = { ...requests, open: requests.open.filter((one) => !isOver(one)) };
}

/** @returns why a decision is refused, undefined when it is not */
export function decisionRefusal(
  { state, environment }: Run,
  verdict: Verdict,
  given: PersonDecision,
): string | undefined {
  if (state.result) return `the run has ended: ${state.result.outcome}`;
  if (state.cancel || state.ending) return 'the run is ending';
  const shape = shapeRefusal(verdict, given);
  if (shape !== undefined) return shape;
  const request = openRequests(state).find(({ number }) => number === given.number);
  if (!request) return whyNot(state.kept.requests, given.number);
  if (request.decision) return `request ${request.number} is decided already`;
  if (environment.now() >= request.deadline) return `request ${request.number} is past its deadline`;
  if (request.args !== given.args)
    return `request ${request.number} is about other arguments: args must be ${request.args}`;
  if (request.by.length > 0 && !given.signed)
    return `request ${request.number} must be decided by ${request.by.map((who) => who.join(' or ')).join(', and ')}: with "longhaul ${verdict}", which signs it`;
  if (verdict === 'replace' && request.kind !== 'failed-call')
    return `request ${request.number} asks for an approval: approve or deny it`;
  if (request.kind === 'failed-call' && (given.edited !== undefined || given.remember))
    return `request ${request.number} is about a call that has failed: other arguments and remember are for approvals`;
  return undefined;
}

function whyNot(requests: KeptRequests | undefined, number: number): string {
  const open = requests?.open.filter(({ decision }) => !decision) ?? [];
  const known = number >= 1 && number <= (requests?.last ?? 0);
  const which = open.length === 0 ? 'nothing is asked now' : `open: ${open.map((one) => one.number).join(', ')}`;
  return `${known ? `request ${number} is decided already` : `there is no request ${number}`} (${which})`;
}

export const isHash = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);

/** What a person types into the Web UI is anything. */
function shapeRefusal(verdict: Verdict, given: unknown): string | undefined {
  if (typeof given !== 'object' || given === null) return 'give an object: {"number": 1, "args": "..."}';
  const { number, args, reason, edited, result, remember, signed }: { [key: string]: unknown } = { ...given };
  if (!Number.isSafeInteger(number)) return 'give the number of the request: {"number": 1, "args": "..."}';
  if (typeof args !== 'string') return 'give args, the name of the arguments, as the query pendingApprovals shows it';
  if (reason !== undefined && (typeof reason !== 'string' || reason.length > DECISION_REASON_CHARS))
    return `reason is a text of at most ${DECISION_REASON_CHARS} characters`;
  if (edited !== undefined && (!isHash(edited) || verdict !== 'approve'))
    return 'edited names the stored arguments of an approval, 64 hex digits';
  if (verdict === 'replace' ? !isHash(result) : result !== undefined)
    return 'result names the stored result of a replaced call, 64 hex digits';
  if (remember !== undefined && (remember !== true || verdict !== 'approve' || edited !== undefined))
    return 'remember is true or left out, and of an approval without other arguments';
  if (signed !== undefined && !isSigned(signed)) return 'signed has by, at and signature';
  return undefined;
}

function isSigned(signed: unknown): boolean {
  if (typeof signed !== 'object' || signed === null) return false;
  const { by, at, signature }: { [key: string]: unknown } = { ...signed };
  return (
    typeof by === 'string' &&
    by.length <= 100 &&
    typeof at === 'number' &&
    typeof signature === 'string' &&
    signature.length <= 200
  );
}

/** Takes what `decisionRefusal` did not refuse. */
export function decide(run: Run, verdict: Verdict, given: PersonDecision): void {
  const request = openRequests(run.state).find(({ number }) => number === given.number);
  if (request) take(run, request, madeOf(request, verdict, given, run.environment.now()));
}

/** What it comes to when nobody has answered in time; `escalate` is not a decision but an end. */
export function decideByDefault(run: Run, request: OpenRequest): MadeDecision {
  const verdict = request.otherwise === 'approve' ? 'approve' : 'deny';
  const given = { number: request.number, args: request.args, reason: 'nobody answered in time' };
  const made = { ...madeOf(request, verdict, given, run.environment.now()), byDefault: true as const };
  take(run, request, made);
  return made;
}

function madeOf(
  { kind, number, args, run, turn, call, tool, rules }: OpenRequest,
  verdict: Verdict,
  { reason, edited, result, remember, signed }: PersonDecision,
  now: number,
): MadeDecision {
  return {
    ...{ kind, number, args, verdict, run, turn, call, tool, rules, decidedAt: now },
    ...(reason === undefined ? {} : { reason }),
    ...(edited === undefined ? {} : { edited }),
    ...(result === undefined ? {} : { result }),
    ...(remember ? { remember } : {}),
    ...(signed ? { signed: { by: signed.by.slice(0, 100), at: signed.at, signature: signed.signature } } : {}),
  };
}

function take({ state, environment }: Run, request: OpenRequest, decision: MadeDecision): void {
  request.decision = decision;
  const by = decision.byDefault ? 'nobody answered' : (decision.signed?.by ?? 'unsigned');
  const reason = decision.reason === undefined || decision.byDefault ? '' : `: ${decision.reason}`;
  const edited = decision.edited === undefined ? '' : ' with other arguments';
  const label = `${WORD[decision.verdict]}${edited} (${request.number}, ${by})${reason}`;
  note(state, { kind: 'note', label: label.slice(0, 200) }, environment.now());
}

const WORD: { [verdict in Verdict]: string } = { approve: 'approved', deny: 'denied', replace: 'replaced' };

/** Holds for the rest of the run, once a call was made with it: one that was refused there is worth nothing. */
export function remember({ kept }: RunState, decision: MadeDecision | undefined): void {
  const { requests } = kept;
  if (!requests || !decision?.remember || requests.remembered.some(({ number }) => number === decision.number)) return;
  const others = requests.remembered.filter(
    ({ tool, rules }) => tool !== decision.tool || rules.join() !== decision.rules.join(),
  );
  kept.requests = { ...requests, remembered: [...others, decision] };
}
