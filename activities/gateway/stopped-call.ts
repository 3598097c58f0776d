// What a model call has cost that was stopped on its way: the provider does not say it any more, and has read and written all the same.
import type { Usage } from '../../workflows/contract/message';
import type { TokenCounter } from '../context/count-tokens';
import { withCountedUsage } from './counted-usage';
import { inputTokens } from './input-tokens';
import type { ModelCall, ModelProvider, ModelRequest, ModelResponse } from '../model/provider';

export class StoppedCall extends Error {
  override readonly name = 'StoppedCall';
  /**
   * @param usage estimated: the whole request, and the text that had come
   * @param route who was asked, as `provider/model`
   */
  constructor(
    readonly usage: Usage,
    readonly route: string,
  ) {
    super('stopped');
  }
}

/** @throws StoppedCall once the call's signal is aborted; otherwise what the provider throws */
export async function generate(
  provider: ModelProvider,
  request: ModelRequest,
  { call, route, counter }: { call: ModelCall; route: string; counter: TokenCounter },
): Promise<ModelResponse> {
  // Before anything is sent nothing is paid.
  call.signal.throwIfAborted();
  const came: string[] = [];
  try {
    const response = await provider.generate(request, {
      ...call,
      onDelta: (delta) => {
        if (delta.text !== undefined) came.push(delta.text);
        call.onDelta?.(delta);
      },
    });
    return withCountedUsage(response, request, counter);
  } catch (error) {
    if (!call.signal.aborted) throw error;
    const output = counter.countText(came.join(''));
    throw new StoppedCall({ input: inputTokens(request, counter), cachedInput: 0, output, reasoning: 0 }, route);
  }
}
