// What lies between a call and its provider: the one place through which every request to a model passes.
import type { ActivityDeps, LoadedAgent } from '../deps';
import { counterOf } from '../edited-conversation';
import type { ModelCall, ModelProvider, ModelRequest, ModelResponse } from '../model/provider';
import { generate } from './stopped-call';

export interface ToSend {
  loaded: LoadedAgent;
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

/** @throws StoppedCall, ModelWaitError, ApplicationFailure `Model.*` and what `requestTo` throws */
export async function sendRequest(
  { providers }: Pick<ActivityDeps, 'providers'>,
  { loaded, call, requestTo }: ToSend,
): Promise<Sent> {
  const { provider, model } = providers.resolve(loaded.manifest.model.route[0] ?? '');
  const route = `${provider.name}/${model}`;
  const request = await requestTo(provider, model);
  const response = await generate(provider, request, { call, route, counter: counterOf(loaded) });
  return { response, route, rawForm: provider.rawItemsForm };
}
