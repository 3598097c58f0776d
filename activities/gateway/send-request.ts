// What lies between a call and its provider: the one place through which every request to a model passes.
import { ApplicationFailure } from '@temporalio/common';
import type { CallContext } from '../../workflows/contract/activities';
import type { Cost } from '../../workflows/contract/cost';
import type { ToldByProvider } from '../../workflows/contract/quota';
import type { Usage } from '../../workflows/contract/message';
import type { ModelRecord, Tried } from '../../workflows/contract/schemas/call-record';
import type { TokenCounter } from '../context/count-tokens';
import type { ActivityDeps, Attempt, LoadedAgent } from '../deps';
import { counterOf } from '../edited-conversation';
import { failure } from '../failure';
import { ModelWaitError } from '../model/model-wait-error';
import type { ModelCall, ModelProvider, ModelRequest, ModelResponse } from '../model/provider';
import type { Spending } from './money/spending';
import type { Admission, Caller, Expected, Seen } from './ports';
import { admitWithin } from './routing/admit-within';
import { askInTurn, type Asked, type Patience } from './routing/ask-in-turn';
import { watchFirstToken, type WatchedCall } from './routing/first-token';
import { capable, needsOf } from './routing/needs';
import { preferredOrder } from './routing/preferred-order';
import { inputTokens } from './input-tokens';
import { generate, StoppedCall } from './stopped-call';

export interface ToSend {
  loaded: LoadedAgent;
  caller: Caller;
  call: ModelCall;
  spending: Spending;
  /** That it is for, where one call is for several. @default 1 */
  tasks?: number;
  /** What it asks of this provider, whose own raw items go back to it alone. */
  requestTo(provider: ModelProvider, model: string): Promise<ModelRequest>;
  /** Name of the provider that alone can go on with the turn under way. Asked only where the route has others. */
  tiedTo?(): Promise<string | undefined>;
  /** Whether any of the answer's text has reached somebody. Absent: nobody reads it before it is whole. */
  wasShown?(): boolean;
  /** One of the route is asked now: what the one before it has said is void. */
  asking?(): void;
}

export type BatchPart = NonNullable<ModelRecord['batch']>;

export interface Sent {
  response: ModelResponse;
  /** Of the answer alone. */
  cost: Cost;
  /** Who answered, as `provider/model`. */
  route: string;
  /** Of the answer's raw items, where the provider wants its own back. */
  rawForm: string | undefined;
  /** Who of the route did not, and what may have been paid for it. Absent where nobody else was to be asked. */
  tried?: Tried[];
  /** Set where the call was shared with other tasks. */
  batch?: BatchPart;
}

export const callerOf = (
  { agent, release, tenant, priority, waitingSince }: CallContext,
  { workflowId, signal }: Attempt,
): Caller => ({
  agent,
  release,
  tenant,
  run: workflowId,
  signal,
  ...(priority === undefined ? {} : { priority }),
  ...(waitingSince === undefined ? {} : { waitingSince }),
});

export type GatewayDeps = Pick<ActivityDeps, 'providers' | 'quota' | 'routing' | 'now'> & {
  metrics: Pick<ActivityDeps['metrics'], 'failedOver'>;
};

/** What one of the route is asked. */
interface Prepared {
  provider: ModelProvider;
  request: ModelRequest;
}

/** @throws StoppedCall, ModelWaitError, ApplicationFailure `Model.*` and what `requestTo` throws */
export async function sendRequest(deps: GatewayDeps, toSend: ToSend): Promise<Sent> {
  const { loaded, caller, call } = toSend;
  const { model } = loaded.manifest;
  const counter = counterOf(loaded);
  const prepare = preparing(deps, toSend);
  const order = preferredOrder(model, caller.run);
  const isChoice = order.length > 1;
  const { request } = await firstPrepared(order, prepare);
  let counted: number | undefined;
  const input = (): number => (counted ??= inputTokens(request, counter));
  const tiedTo = isChoice ? await toSend.tiedTo?.() : undefined;
  const { routes, passedOver } = capable(order, {
    needs: () => needsOf(request, input(), counter.isExact),
    capabilitiesOf: (name) => providerOf(deps, name)?.capabilities,
    tiedTo,
  });
  const { response, route, tried } = await askInTurn({
    routing: deps.routing,
    now: deps.now,
    metrics: deps.metrics,
    preferred: routes,
    plan: model.plan,
    input,
    signal: call.signal,
    wasShown: () => toSend.wasShown?.() ?? false,
    ask: async (asked, patience) => {
      const prepared = await prepare(asked).catch(orMissing);
      if (prepared instanceof ApplicationFailure) return { error: prepared, seen: { kind: 'unknown' } };
      return await sendTo(deps, toSend, { ...prepared, route: asked, counter, patience });
    },
  });
  const all = [...passedOver, ...tried];
  return {
    response,
    cost: toSend.spending.answered(route, response.usage),
    route,
    rawForm: deps.providers.resolve(route).provider.rawItemsForm,
    ...(all.length > 0 ? { tried: all } : {}),
  };
}

type Prepare = (route: string) => Promise<Prepared>;

/** Once for each. */
function preparing({ providers }: GatewayDeps, { requestTo }: ToSend): Prepare {
  const prepared = new Map<string, Promise<Prepared>>();
  const prepare: Prepare = async (route) => {
    const { provider, model } = providers.resolve(route);
    const request = await requestTo(provider, model);
    return { provider, request };
  };
  return (route) => {
    const known = prepared.get(route) ?? prepare(route);
    prepared.set(route, known);
    return known;
  };
}

/** Undefined where this worker does not have it. */
function providerOf({ providers }: GatewayDeps, route: string): ModelProvider | undefined {
  try {
    return providers.resolve(route).provider;
  } catch {
    return undefined;
  }
}

/** A provider that the route names and this worker does not have: the next one is asked. */
function orMissing(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure && error.type === 'Model.NotFound') return error;
  throw error;
}

/** Of any of them: what it asks is the same of all, but for raw items. */
async function firstPrepared(order: readonly string[], prepare: Prepare): Promise<Prepared> {
  let missing: ApplicationFailure | undefined;
  for (const route of order) {
    const prepared = await prepare(route).catch(orMissing);
    if (!(prepared instanceof ApplicationFailure)) return prepared;
    missing ??= prepared;
  }
  throw missing ?? failure('Model.NotFound', 'the release names no model.');
}

interface ToAsk extends Prepared {
  route: string;
  counter: TokenCounter;
  patience: Patience;
}

async function sendTo({ quota, now }: GatewayDeps, toSend: ToSend, toAsk: ToAsk): Promise<Asked> {
  const { caller, call, spending, tasks, asking } = toSend;
  const { provider, route, counter, patience } = toAsk;
  let request: ModelRequest;
  try {
    request = affordable(spending, route, toAsk);
  } catch (error) {
    return { error, seen: { kind: 'unknown' } };
  }
  const expected = expectedOf(request, counter, tasks);
  const { patienceMs, firstTokenWithinMs } = patience;
  let admission: Admission;
  try {
    admission = await admitWithin(quota, { route, expected, caller }, patienceMs, now);
  } catch (error) {
    // Not its provider's word.
    return { error, seen: { kind: 'unknown' } };
  }
  request = cappedAt(request, admission.outputMost);
  spending.begins(route, expected);
  asking?.();
  const watched = watchFirstToken(call, firstTokenWithinMs, now);
  const startedAt = now();
  try {
    const told = { ...watched.call, onLimits: (limits: ToldByProvider) => admission.told?.(limits) };
    const response = await generate(provider, request, { call: told, route, counter });
    admission.settle(response.usage);
    const { input, output } = response.usage;
    const ms = now() - startedAt;
    return { response, seen: { kind: 'answered', input, output, ms, firstTokenMs: watched.firstTokenMs() } };
  } catch (error) {
    const usage = paidFor(error, watched, { request, counter });
    admission.settle(error instanceof StoppedCall ? error.usage : undefined, usage ?? 'nothing');
    if (usage) spending.lost(route, usage);
    if (watched.isGivenUp()) {
      const words = `${provider.name} sent no first token within ${firstTokenWithinMs} ms, and another can be asked.`;
      return { error: failure('Model.Timeout', words), seen: { kind: 'slow' }, ...(usage ? { usage } : {}) };
    }
    return { error, seen: call.signal.aborted ? { kind: 'unknown' } : seenOf(error), ...(usage ? { usage } : {}) };
  } finally {
    watched.end();
  }
}

/** @throws ApplicationFailure `Budget.MoneyExhausted`, `Model.PriceUnknown` */
function affordable(
  spending: Spending,
  route: string,
  { request, counter }: Pick<ToAsk, 'request' | 'counter'>,
): ModelRequest {
  return cappedAt(request, spending.allows(route, expectedOf(request, counter)));
}

function cappedAt(request: ModelRequest, most: number | undefined): ModelRequest {
  const { maxOutputTokens: own } = request.parameters;
  if (most === undefined || (typeof own === 'number' && own <= most)) return request;
  return { ...request, parameters: { ...request.parameters, maxOutputTokens: most } };
}

function seenOf(error: unknown): Seen {
  if (error instanceof ModelWaitError) return { kind: 'failed', type: 'Model.RateLimited', until: error.waitUntil };
  return error instanceof ApplicationFailure && error.type ? { kind: 'failed', type: error.type } : { kind: 'unknown' };
}

/** Estimated. A request that was refused is not paid for; one whose answer broke off, or was not waited for, may be. */
function paidFor(
  error: unknown,
  watched: WatchedCall,
  { request, counter }: Pick<ToAsk, 'request' | 'counter'>,
): Usage | undefined {
  if (error instanceof StoppedCall) return error.usage;
  const text = watched.text();
  const isRead = watched.firstTokenMs() !== undefined;
  if (!isRead && !mayBeRead(error)) return undefined;
  return { input: inputTokens(request, counter), cachedInput: 0, output: counter.countText(text), reasoning: 0 };
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
