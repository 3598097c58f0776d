// One of a route is asked once: the run can pay for it, the quota lets it through, it is sent, and what came of it is said and counted.
import { ApplicationFailure } from '@temporalio/common';
import type { ToldByProvider } from '../../workflows/contract/quota';
import type { Usage } from '../../workflows/contract/message';
import type { TokenCounter } from '../context/count-tokens';
import { failure } from '../failure';
import { ModelWaitError } from '../model/model-wait-error';
import type { ModelProvider, ModelRequest, ModelResponse } from '../model/provider';
import { inputTokens } from './input-tokens';
import type { Admission, Expected, Seen } from './ports';
import { admitWithin } from './routing/admit-within';
import type { Answer, Asked, Patience } from './routing/ask-in-turn';
import { isInTable } from './routing/failover';
import { watchFirstToken, type WatchedCall } from './routing/first-token';
import type { GatewayDeps, ToSend } from './send-request';
import { generate, StoppedCall } from './stopped-call';

export interface ToAsk {
  provider: ModelProvider;
  request: ModelRequest;
  route: string;
  counter: TokenCounter;
  patience: Patience;
  /** Of this call, too, and paid for. */
  held: Answer | undefined;
}

type AskDeps = Pick<GatewayDeps, 'quota' | 'now' | 'metrics'>;

/** Never throws: who asks decides what follows. */
export async function askOne(deps: AskDeps, toSend: ToSend, toAsk: ToAsk): Promise<Asked> {
  try {
    const admitted = await admit(deps, toSend, toAsk);
    return await send(deps, toSend, toAsk, admitted);
  } catch (error) {
    // Not its provider's word.
    return { error, seen: { kind: 'unknown' } };
  }
}

interface Admitted {
  request: ModelRequest;
  expected: Expected;
  admission: Admission;
}

/** @throws ModelWaitError, ApplicationFailure `Budget.MoneyExhausted`, `Budget.TenantExhausted`, `Model.*`; the signal's reason */
async function admit(
  { quota, now, metrics }: AskDeps,
  { caller, spending, tasks }: ToSend,
  toAsk: ToAsk,
): Promise<Admitted> {
  const { route, counter, patience, held } = toAsk;
  const most = spending.allows(route, expectedOf(toAsk.request, counter), held);
  const request = cappedAt(toAsk.request, most);
  const expected = expectedOf(request, counter, tasks);
  const { agent, release, waitingSince: since = now() } = caller;
  const admission = await admitWithin(quota, { route, expected, caller }, patience.patienceMs, now);
  metrics.quotaWaited({ agent, release, model: route, seconds: Math.max(0, now() - since) / 1_000 });
  if (!caller.signal.aborted) return { request: cappedAt(request, admission.outputMost), expected, admission };
  admission.release();
  throw caller.signal.reason;
}

function cappedAt(request: ModelRequest, most: number | undefined): ModelRequest {
  const { maxOutputTokens: own } = request.parameters;
  if (most === undefined || (typeof own === 'number' && own <= most)) return request;
  return { ...request, parameters: { ...request.parameters, maxOutputTokens: most } };
}

/** Without it nobody could tell later what was sent. */
function withCap(response: ModelResponse, sent: ModelRequest, own: ModelRequest): ModelResponse {
  const { maxOutputTokens } = sent.parameters;
  if (sent === own || typeof maxOutputTokens !== 'number') return response;
  return { ...response, request: { ...response.request, maxOutputTokens } };
}

async function send(
  { now }: AskDeps,
  { call, spending, asking }: ToSend,
  { provider, request: own, route, counter, patience: { firstTokenWithinMs } }: ToAsk,
  { request, expected, admission }: Admitted,
): Promise<Asked> {
  spending.begins(route, expected);
  asking?.();
  const watched = watchFirstToken(call, firstTokenWithinMs, now);
  const startedAt = now();
  try {
    const told = { ...watched.call, onLimits: (limits: ToldByProvider) => admission.told?.(limits) };
    const response = withCap(await generate(provider, request, { call: told, route, counter }), request, own);
    admission.settle(response.usage);
    const { input, output } = response.usage;
    const ms = now() - startedAt;
    return { response, seen: { kind: 'answered', input, output, ms, firstTokenMs: watched.firstTokenMs() } };
  } catch (error) {
    const usage = paidFor(error, watched, { request, counter });
    admission.settle(error instanceof StoppedCall ? error.usage : undefined, usage ?? 'nothing');
    if (usage) spending.lost(route, usage);
    const paid = usage ? { usage } : {};
    if (!watched.isGivenUp())
      return { error, seen: call.signal.aborted ? { kind: 'unknown' } : seenOf(error), ...paid };
    const words = `${provider.name} sent no first token within ${firstTokenWithinMs} ms, and another can be asked.`;
    return { error: failure('Model.Timeout', words), seen: { kind: 'slow' }, ...paid };
  } finally {
    watched.end();
  }
}

function seenOf(error: unknown): Seen {
  if (error instanceof ModelWaitError) return { kind: 'failed', type: 'Model.RateLimited', until: error.waitUntil };
  const type = error instanceof ApplicationFailure ? error.type : undefined;
  // A store that a file was to be loaded from says nothing of who was to read it.
  return type && isInTable(type) ? { kind: 'failed', type } : { kind: 'unknown' };
}

/** Estimated. A request that was refused is not paid for; one whose answer broke off, or was not waited for, may be. */
function paidFor(
  error: unknown,
  watched: WatchedCall,
  { request, counter }: Pick<ToAsk, 'request' | 'counter'>,
): Usage | undefined {
  if (error instanceof StoppedCall) return error.usage;
  const isRead = watched.firstTokenMs() !== undefined;
  if (!isRead && !mayBeRead(error)) return undefined;
  const output = counter.countText(watched.text());
  return { input: inputTokens(request, counter), cachedInput: 0, output, reasoning: 0 };
}

/** Its answer was late, or was no answer. */
const mayBeRead = (error: unknown): boolean =>
  error instanceof ApplicationFailure && (error.type === 'Model.Timeout' || error.type === 'Model.InvalidResponse');

/** Counted where somebody asks: where nothing is limited, no vocabulary is loaded. */
function expectedOf(request: ModelRequest, counter: TokenCounter, tasks = 1): Expected {
  const cap = request.parameters['maxOutputTokens'];
  let input: number | undefined;
  return {
    get input() {
      return (input ??= inputTokens(request, counter));
    },
    ...(typeof cap === 'number' ? { outputCap: cap } : {}),
    ...(tasks > 1 ? { tasks } : {}),
  };
}
