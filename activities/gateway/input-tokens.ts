// How many tokens a request has, as they are counted here.
import type { TokenCounter } from '../context/count-tokens';
import type { ModelRequest } from '../model/provider';

export function inputTokens({ instructions, tools, output, messages }: ModelRequest, counter: TokenCounter): number {
  const frame = `${instructions}${tools.length > 0 ? JSON.stringify(tools) : ''}${output ? JSON.stringify(output) : ''}`;
  return messages.reduce((sum, message) => sum + counter.count(message), counter.countAgain(frame));
}
