// What lies between a call and its provider: the one place through which every request to a model passes.
import type { CallContext } from '../../workflows/contract/activities';
import type { TokenCounter } from '../context/count-tokens';
import type { ActivityDeps, Attempt, LoadedAgent } from '../deps';
import { counterOf } from '../edited-conversation';
import { failure } from '../failure';
import type { ModelCall, ModelProvider, ModelRequest, ModelResponse } from '../model/provider';
import type { ModelRecord } from '../../workflows/contract/schemas/call-record';
import type { Admission, Caller, Expected } from './ports';
import { generate, inputTokens, StoppedCall } from './stopped-call';

export interface ToSend {
  loaded: LoadedAgent;
  caller: Caller;
  call: ModelCall;
  /** That it is for, where one call is for several. @default 1 */
  tasks?: number;
  /** What it asks of this provider, whose own raw items go back to it alone. */
  requestTo(provider: ModelProvider, model: string): Promise<ModelRequest>;
}

export type BatchPart = NonNullable<ModelRecord['batch']>;

export interface Sent {
  response: ModelResponse;
  /** Who answered, as `provider/model`. */
  route: string;
  /** Of the answer's raw items, where the provider wants its own back. */
  rawForm: string | undefined;
  /** Set where the call was shared with other tasks. */
  batch?: BatchPart;
}

export const callerOf = ({ agent, release, tenant }: CallContext, { workflowId, signal }: Attempt): Caller => ({
  agent,
  release,
  tenant,
  run: workflowId,
  signal,
});

export type GatewayDeps = Pick<ActivityDeps, 'providers' | 'quota' | 'routing' | 'now'>;

/** @throws StoppedCall, ModelWaitError, ApplicationFailure `Model.*` and what `requestTo` throws */
export async function sendRequest(deps: GatewayDeps, toSend: ToSend): Promise<Sent> {
  const { routing, now } = deps;
  const candidates = routing.candidates(toSend.loaded.manifest.model.route);
  for (const [nth, route] of candidates.entries()) {
    const startedAt = now();
    try {
      const sent = await sendTo(route, deps, toSend);
      routing.answered(route, (now() - startedAt) / 1000);
      return sent;
    } catch (error) {
      if (error instanceof StoppedCall || !routing.failed(route, error) || nth === candidates.length - 1) throw error;
    }
  }
  throw failure('Model.NotFound', 'the release names no model.');
}

async function sendTo(route: string, { providers, quota }: GatewayDeps, toSend: ToSend): Promise<Sent> {
  const { loaded, caller, call, requestTo } = toSend;
  const { provider, model } = providers.resolve(route);
  const request = await requestTo(provider, model);
  const counter = counterOf(loaded);
  const admission = await quota.admit(route, expectedOf(request, counter, toSend.tasks), caller);
  const response = await settled(admission, () => generate(provider, request, { call, route, counter }));
  return { response, route, rawForm: provider.rawItemsForm };
}

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

async function settled(admission: Admission, send: () => Promise<ModelResponse>): Promise<ModelResponse> {
  try {
    const response = await send();
    admission.settle(response.usage);
    return response;
  } catch (error) {
    admission.settle(error instanceof StoppedCall ? error.usage : undefined);
    throw error;
  }
}
