import { argumentsText, type ScriptTurn } from '../script';
import type { ModelRequest } from './model-request';

/** Tokens of one answer. `cached` is part of `input`, `reasoning` is part of `output`. */
export interface TokenUsage {
  readonly input: number;
  readonly cached: number;
  /** Written into the cache; the Messages API alone reports it. */
  readonly cacheWrite: number;
  /** Part of `cacheWrite`: kept for an hour instead of minutes. */
  readonly cacheWriteHour: number;
  readonly output: number;
  readonly reasoning: number;
}

/** OpenAI's rule of thumb for English text; a tokenizer would cost megabytes for no better test. */
export const BYTES_PER_TOKEN = 4;
/** Roles and separators around each message. */
const TOKENS_PER_MESSAGE = 4;
/** Documented rule of prompt caching: prefixes from 1,024 tokens, in steps of 128. */
const CACHE_MINIMUM_TOKENS = 1024;
const CACHE_STEP_TOKENS = 128;

export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}

/**
 * What the answer reports: the turn's own numbers, estimates for the rest. The cached prefix is what the request before
 * the conversation's last answer held, as if it had just been sent: computed from the request alone, so that a repeated
 * request reports the same usage.
 */
export function usageOf(request: ModelRequest, turn: ScriptTurn): TokenUsage {
  const { usage = {}, reasoning: thought } = turn;
  const tools = estimateTokens(JSON.stringify(request.body['tools'] ?? ''));
  const sizes = request.messages.map(
    (message) =>
      TOKENS_PER_MESSAGE +
      estimateTokens(message.text) +
      message.calls.reduce((sum, call) => sum + estimateTokens(call.name + call.arguments), 0),
  );
  const lastAnswer = request.messages.findLastIndex((message) => message.role === 'assistant');
  const input = usage.input ?? tools + sum(sizes);
  const prefix = lastAnswer === -1 ? 0 : tools + sum(sizes.slice(0, lastAnswer));
  const cacheable = prefix < CACHE_MINIMUM_TOKENS ? 0 : Math.floor(prefix / CACHE_STEP_TOKENS) * CACHE_STEP_TOKENS;
  const reasoning = usage.reasoning ?? (thought ? (thought.tokens ?? estimateTokens(thought.summary)) : 0);
  const said = estimateTokens(
    (turn.text ?? '') +
      (turn.refusal ?? '') +
      (turn.calls ?? []).map((call) => call.name + argumentsText(call)).join(''),
  );
  return {
    input,
    cached: usage.cached ?? Math.min(cacheable, input),
    cacheWrite: usage.cacheWrite ?? 0,
    cacheWriteHour: usage.cacheWriteHour ?? 0,
    output: usage.output ?? said + reasoning,
    reasoning,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
