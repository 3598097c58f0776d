// What lies between a call and its provider: the one place through which every request to a model passes.
import type { CallContext } from '../../workflows/contract/activities';
import type { ActivityDeps, Attempt, LoadedAgent } from '../deps';
import { counterOf } from '../edited-conversation';
import { failure } from '../failure';
import type { ModelCall, ModelProvider, ModelRequest, ModelResponse } from '../model/provider';
import type { Admission, Caller, Expected } from './ports';
import { inputTokens } from './input-tokens';
import { generate, StoppedCall } from './stopped-call';

export interface ToSend {
  loaded: LoadedAgent;
  caller: Caller;
  call: ModelCall;
  /** What it asks of this provider, whose own raw items go back to it alone. */
  requestTo(provider: ModelProvider, model: string): Promise<ModelRequest>;
}

export interface Sent {
  response: ModelResponse;
  /** Who answered, as `provider/model`. */
  route: string;
  /** Of the answer's raw items, where the provider wants its own back. */
  rawForm: string | undefined;
}

export const callerOf = ({ agent, release, tenant }: CallContext, { workflowId, signal }: Attempt): Caller => ({
  agent,
  release,
  tenant,
  run: workflowId,
  signal,
});

type GatewayDeps = Pick<ActivityDeps, 'providers' | 'quota' | 'routing' | 'now'>;

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
  const admission = await quota.admit(route, expectedOf(request, inputTokens(request, counter)), caller);
  const response = await settled(admission, () => generate(provider, request, { call, route, counter }));
  return { response, route, rawForm: provider.rawItemsForm };
}

function expectedOf({ parameters }: ModelRequest, input: number): Expected {
  const cap = parameters['maxOutputTokens'];
  return { input, ...(typeof cap === 'number' ? { outputCap: cap } : {}) };
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
