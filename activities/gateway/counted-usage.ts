// What a call has cost whose provider does not say it, or says what cannot be: counted here, and told as counted.
import type { TokenCounter } from '../context/count-tokens';
import type { ModelRequest, ModelResponse } from '../model/provider';
import { inputTokens } from './input-tokens';

/** What was told and can be stays as it is. */
export function withCountedUsage(response: ModelResponse, request: ModelRequest, counter: TokenCounter): ModelResponse {
  if (!response.isUsageMissing) return response;
  const { isUsageMissing: _, usage, ...rest } = response;
  return {
    ...rest,
    usage: {
      ...usage,
      input: usage.input || inputTokens(request, counter),
      output: usage.output || counter.count(response.message),
      estimated: true,
    },
  };
}
