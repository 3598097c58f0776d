// Asks one of a route after the other until one answers, and says what came of the others.
import { ApplicationFailure } from '@temporalio/common';
import { isFailureType, isRetryable } from '../../../workflows/contract/failures';
import { FAILURE_CHARS } from '../../../workflows/contract/limits';
import type { DivertedAnswer, RoutePlan } from '../../../workflows/contract/release';
import type { Tried } from '../../../workflows/contract/schemas/call-record';
import type { Usage } from '../../../workflows/contract/message';
import { failure } from '../../failure';
import { ModelWaitError } from '../../model/model-wait-error';
import type { ModelResponse } from '../../model/provider';
import { cutText } from '../../redact';
import type { Candidate, Routing, Seen } from '../ports';
import { mayFitShorter } from '../quota/too-small';
import { StoppedCall } from '../stopped-call';
import { afterFailure, type Next } from './failover';
import { readsMore } from './needs';

/** How long one is waited for while another can be asked. */
export interface Patience {
  /** For quota. */
  patienceMs?: number;
  firstTokenWithinMs?: number;
}

export type Asked =
  | { response: ModelResponse; seen: Seen }
  /** `usage` where it may have been paid for, estimated. */
  | { error: unknown; seen: Seen; usage?: Usage };

export interface AskInTurn {
  routing: Routing;
  now(): number;
  metrics: { failedOver(change: { from: string; to: string; reason: string }): void };
  /** In the order that the run prefers. */
  preferred: readonly string[];
  plan: RoutePlan | undefined;
  /** Tokens of the request. */
  input(): number;
  /** Whether somebody has read the beginning of an answer: what follows it must be another attempt, which they are told of. */
  wasShown(): boolean;
  /** What stops the call stops all of it. */
  signal: AbortSignal;
  /** @param held paid for by now, and the answer where nobody gives another */
  ask(route: string, patience: Patience, held: Answer | undefined): Promise<Asked>;
  /** Another takes its place, or none is given. */
  wasted(answer: Answer): void;
  /** What came of those that were asked, where none of them answers. */
  failed(tried: readonly Tried[]): void;
}

export interface Answer {
  response: ModelResponse;
  route: string;
}

export interface Answered extends Answer {
  tried: Tried[];
}

/** Where one of a route is to be waited for and another failed: it is asked again by then, at the latest. */
const RETRY_WHILE_WAITING_MS = 30_000;
const WHY_CHARS = FAILURE_CHARS;

/** @throws what ended it: StoppedCall, ModelWaitError, ApplicationFailure */
export async function askInTurn(asking: AskInTurn): Promise<Answered> {
  const { routing, now, plan = {}, preferred } = asking;
  const candidates = await routing.inOrder(preferred, asking.input);
  const tried: Tried[] = [];
  const errors: { route: string; error: unknown }[] = [];
  let held: Answer | undefined;
  let largerThan: string | undefined;
  const left = [...candidates];
  for (let candidate = left.shift(); candidate; candidate = left.shift()) {
    const { route } = candidate;
    if (largerThan !== undefined && !readsMore(route, largerThan)) {
      if (candidate.state === 'probing') routing.seen(candidate, { kind: 'unknown' });
      continue;
    }
    tellDiverted(asking, candidates, route, tried);
    const startedAt = now();
    const asked = await asking.ask(route, left.length > 0 ? patienceOf(plan, candidate) : {}, held);
    routing.seen(candidate, asked.seen);
    const ms = now() - startedAt;
    if ('response' in asked) {
      const answer = { response: asked.response, route };
      const problem = left.length > 0 && !asking.wasShown() ? divertedBy(asked.response, plan.divertOn) : undefined;
      if (held) asking.wasted(problem === undefined ? held : answer);
      if (problem === undefined) return { ...answer, tried: [...passedOver(candidates, preferred, route), ...tried] };
      held ??= answer;
      tried.push({ route, failure: problem, ms, usage: asked.response.usage });
      continue;
    }
    const { error, usage } = asked;
    errors.push({ route, error });
    tried.push({
      route,
      failure: typeOf(error),
      why: cutText(wordsOf(error), WHY_CHARS),
      ms,
      ...(usage ? { usage } : {}),
    });
    const next = nextAfter(error, asking, plan.divertOn);
    // An error that is no failure is a bug, and no answer hides it.
    const isHeld = held !== undefined && error instanceof ApplicationFailure;
    if (asking.signal.aborted || asking.wasShown() || (next === 'stop' && !isHeld)) {
      if (held) asking.wasted(held);
      asking.failed(tried);
      throw error;
    }
    if (next === 'stop') break;
    if (next === 'larger') largerThan = route;
  }
  if (!held) {
    asking.failed(tried);
    throw ofAll(errors, now());
  }
  const { route } = held;
  const others = tried.filter((one) => one.route !== route);
  return { ...held, tried: [...passedOver(candidates, preferred, route), ...others] };
}

function patienceOf({ spillOverMs, firstTokenWithinMs }: RoutePlan, candidate: Candidate): Patience {
  const withinMs = firstTokenWithinMs ?? candidate.firstTokenWithinMs;
  return {
    ...(spillOverMs === undefined ? {} : { patienceMs: spillOverMs }),
    ...(withinMs === undefined ? {} : { firstTokenWithinMs: withinMs }),
  };
}

function nextAfter(error: unknown, { signal }: AskInTurn, divertOn: readonly DivertedAnswer[] | undefined): Next {
  if (signal.aborted || error instanceof StoppedCall) return 'stop';
  if (error instanceof ModelWaitError) return 'next';
  return error instanceof ApplicationFailure ? afterFailure(error.type ?? '', divertOn) : 'stop';
}

function divertedBy(
  { finish, message }: ModelResponse,
  divertOn: readonly DivertedAnswer[] = [],
): DivertedAnswer | undefined {
  const problem =
    finish === 'content-filter'
      ? 'Model.ContentFiltered'
      : message.refused || finish === 'refusal'
        ? 'Model.Refused'
        : undefined;
  return problem !== undefined && divertOn.includes(problem) ? problem : undefined;
}

/** Those that would have been asked before, had they not been cooling down. */
function passedOver(candidates: readonly Candidate[], preferred: readonly string[], route: string): Tried[] {
  const before = preferred.slice(0, preferred.indexOf(route));
  const at = candidates.findIndex((candidate) => candidate.route === route);
  return candidates
    .slice(at + 1)
    .filter((candidate) => candidate.state === 'cooling' && before.includes(candidate.route))
    .map((candidate) => ({ route: candidate.route, failure: 'cooling', ms: 0 }));
}

function tellDiverted(
  { metrics, preferred }: AskInTurn,
  candidates: readonly Candidate[],
  to: string,
  tried: readonly Tried[],
): void {
  const failed = tried.at(-1);
  if (failed) metrics.failedOver({ from: failed.route, to, reason: failed.failure });
  else
    for (const { route, failure: reason } of passedOver(candidates, preferred, to).slice(0, 1))
      metrics.failedOver({ from: route, to, reason });
}

/** Of a route that has been asked to its end: what lets it be asked again soonest. */
function ofAll(errors: readonly { route: string; error: unknown }[], now: number): unknown {
  const [first] = errors;
  if (errors.length < 2) return first ? first.error : failure('Model.NotFound', 'the release names no model.');
  const all = errors.map(({ route, error }) => `${route}: ${cutText(wordsOf(error), WHY_CHARS)}`).join('; ');
  const retryable = errors.find(({ error }) => error instanceof ApplicationFailure && !error.nonRetryable)?.error;
  const waits = errors.flatMap(({ error }) => (error instanceof ModelWaitError ? [error.waitUntil] : []));
  if (waits.length > 0) {
    const until = Math.min(...waits, ...(retryable === undefined ? [] : [now + RETRY_WHILE_WAITING_MS]));
    return new ModelWaitError(until, all);
  }
  // One that a shorter conversation could still be sent to is what the run makes it shorter for.
  const error = retryable ?? errors.find((one) => mayFitShorter(one.error))?.error ?? first?.error;
  if (!(error instanceof ApplicationFailure) || !isFailureType(error.type)) return error;
  const { nextRetryDelay: delay, details } = error;
  return failure(error.type, `all of the route failed. ${all}`, {
    ...(typeof delay === 'number' ? { retryAfterMs: delay } : {}),
    ...(details ? { details } : {}),
    final: isRetryable(error.type) && error.nonRetryable === true,
  });
}

function typeOf(error: unknown): string {
  if (error instanceof ModelWaitError) return 'wait';
  return (error instanceof ApplicationFailure ? error.type : undefined) ?? 'Runtime.Unexpected';
}

const wordsOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\.\s*$/, '');
