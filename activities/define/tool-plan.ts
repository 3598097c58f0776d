// A tool's policies as the data that a run is pinned to, checked where they are declared.
import { DEFAULT_TOOL_ATTEMPTS, DEFAULT_TOOL_TIMEOUT_MS, FALLBACKS_MAX } from '../../workflows/contract/limits';
import type { Effect, OwnToolPlan, ToolPlan } from '../../workflows/contract/run';
import { approvalRules, escalationOf, type ApprovalPolicy } from './approval';
import { durationMs, type Duration } from './duration';
import { oneOf, onlyKnownKeys } from './known-keys';
import type { CallRate } from './toolbox-limits';

const EFFECTS: readonly Effect[] = ['read', 'idempotent', 'keyed', 'at-most-once'];
const REPEATS: readonly NonNullable<ToolPlan['repeats']>[] = ['same-action', 'new-action'];
const ON_FAILURE: readonly ToolPlan['onFailure'][] = ['tell-model', 'stop', 'escalate'];

/** As `ToolDefinition` says. */
export interface ToolPolicies {
  name: string;
  effect: Effect;
  timeout?: Duration;
  retry?: {
    attempts?: number;
    backoff?: { first?: Duration; factor?: number; most?: Duration };
    nonRetryable?: readonly string[];
  };
  repeats?: ToolPlan['repeats'];
  onFailure?: ToolPlan['onFailure'];
  approval?: false | ApprovalPolicy | readonly ApprovalPolicy[];
  independent?: boolean;
  atOnce?: number;
  rate?: CallRate;
  poll?: { every: Duration; upTo: Duration };
  fallback?: readonly { name: string; plan: ToolPlan }[];
}

/** @throws Error in one line that names the tool and the place */
export function toolPlan(given: ToolPolicies): ToolPlan {
  const tool = `tool ${given.name}`;
  onlyKnownKeys(given.retry ?? {}, ['attempts', 'backoff', 'nonRetryable'], `${tool}: retry`);
  onlyKnownKeys(given.retry?.backoff ?? {}, ['first', 'factor', 'most'], `${tool}: retry.backoff`);
  onlyKnownKeys(given.poll ?? {}, ['started', 'every', 'upTo', 'check'], `${tool}: poll`);
  const acts = given.effect === 'keyed' || given.effect === 'at-most-once';
  if (given.repeats !== undefined && !acts) throw new Error(`${tool}: repeats is for keyed and at-most-once tools.`);
  const repeats = oneOf(given.repeats ?? 'same-action', REPEATS, `${tool}: repeats`);
  const { attempts = DEFAULT_TOOL_ATTEMPTS, backoff, nonRetryable = [] } = given.retry ?? {};
  if (!Array.isArray(nonRetryable) || nonRetryable.some((name) => typeof name !== 'string'))
    throw new Error(`${tool}: retry.nonRetryable must be a list of names or codes of errors.`);
  const fallback = fallbackPlan(tool, given.fallback ?? []);
  return {
    ...(acts ? { repeats } : {}),
    effect: oneOf(given.effect, EFFECTS, `${tool}: effect`),
    timeoutMs: given.timeout === undefined ? DEFAULT_TOOL_TIMEOUT_MS : durationMs(given.timeout, `${tool}: timeout`),
    attempts: whole(attempts, `${tool}: retry.attempts`),
    ...(backoff ? { backoff: backoffPlan(tool, backoff) } : {}),
    ...(given.independent ? { isIndependent: true } : {}),
    ...(given.atOnce === undefined ? {} : { atOnce: whole(given.atOnce, `${tool}: atOnce`) }),
    onFailure: oneOf(given.onFailure ?? 'tell-model', ON_FAILURE, `${tool}: onFailure`),
    ...(given.onFailure === 'escalate'
      ? { escalation: escalationOf(approvalRules(given.approval, `${tool}: approval`) || []) }
      : {}),
    ...(given.rate === undefined ? {} : { hasRate: true }),
    ...(given.poll ? { poll: pollPlan(tool, given.poll) } : {}),
    ...(fallback.length > 0 ? { fallback } : {}),
  };
}

function whole(value: number, what: string): number {
  if (!Number.isInteger(value) || value < 1) throw new Error(`${what} must be a whole number from 1.`);
  return value;
}

function backoffPlan(
  tool: string,
  { first = '500ms', factor = 2, most = '20s' }: { first?: Duration; factor?: number; most?: Duration },
): NonNullable<ToolPlan['backoff']> {
  const firstMs = durationMs(first, `${tool}: retry.backoff.first`);
  const mostMs = durationMs(most, `${tool}: retry.backoff.most`);
  if (!(factor >= 1 && factor <= 10)) throw new Error(`${tool}: retry.backoff.factor must be from 1 to 10.`);
  if (mostMs < firstMs) throw new Error(`${tool}: retry.backoff.most must not be shorter than retry.backoff.first.`);
  return { firstMs, factor, mostMs };
}

function fallbackPlan(
  tool: string,
  tools: readonly { name: string; plan: ToolPlan }[],
): { name: string; plan: OwnToolPlan }[] {
  if (tools.length > FALLBACKS_MAX) throw new Error(`${tool}: fallback names more than ${FALLBACKS_MAX} tools.`);
  return tools.map(({ name, plan: { fallback, ...plan } }) => {
    if (`tool ${name}` === tool) throw new Error(`${tool}: fallback names the tool itself.`);
    if (fallback) throw new Error(`${tool}: its fallback ${name} has a fallback of its own: name both here, in order.`);
    if (plan.poll) throw new Error(`${tool}: its fallback ${name} has a poll, which a fallback cannot have.`);
    return { name, plan };
  });
}

/** A question costs the history a timer and a call, some 1.5 KB. */
const MIN_POLL_MS = 1_000;

function pollPlan(tool: string, { every, upTo }: { every: Duration; upTo: Duration }): NonNullable<ToolPlan['poll']> {
  const [everyMs, upToMs] = [durationMs(every, `${tool}: poll.every`), durationMs(upTo, `${tool}: poll.upTo`)];
  if (everyMs < MIN_POLL_MS) throw new Error(`${tool}: poll.every must be a second at least.`);
  if (upToMs < everyMs) throw new Error(`${tool}: poll.upTo must not be shorter than poll.every.`);
  return { everyMs, upToMs };
}
