// What lies between a call and its provider: the one place through which every request to a model passes.
import { ApplicationFailure } from '@temporalio/common';
import type { CallContext } from '../../workflows/contract/activities';
import type { Cost } from '../../workflows/contract/cost';
import type { ModelRecord, Tried } from '../../workflows/contract/schemas/call-record';
import type { ActivityDeps, Attempt, LoadedAgent } from '../deps';
import { counterOf } from '../edited-conversation';
import { failure } from '../failure';
import type { ModelCall, ModelProvider, ModelRequest, ModelResponse } from '../model/provider';
import type { Spending } from './money/spending';
import { askOne } from './ask-one';
import type { Caller } from './ports';
import { askInTurn } from './routing/ask-in-turn';
import { capable, needsOf } from './routing/needs';
import { preferredOrder } from './routing/preferred-order';
import { inputTokens } from './input-tokens';

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
  metrics: Pick<ActivityDeps['metrics'], 'failedOver' | 'quotaWaited'>;
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
    ask: async (asked, patience, held) => {
      const prepared = await prepare(asked).catch((error: unknown) => ({ error }));
      if ('error' in prepared) return { ...prepared, seen: { kind: 'unknown' } };
      return await askOne(deps, toSend, { ...prepared, route: asked, counter, patience, held });
    },
    wasted: (answer) => toSend.spending.wasted(answer.route, answer.response.usage),
    failed: (failed) => {
      if (isChoice) toSend.spending.failed([...passedOver, ...failed]);
    },
  });
  const all = [...toSend.spending.failedBefore(), ...passedOver, ...tried];
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
