import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionMessageToolCall,
} from 'openai/resources/chat/completions';
import type { CompletionUsage } from 'openai/resources/completions';
import { argumentsText, type ScriptTurn } from '../script';
import { idOf, type AnswerIdentity } from './answer-identity';
import { isRecord } from './json';
import type { ModelRequest } from './model-request';
import { obfuscation, pieces, type SseEvent } from './sse';
import type { TokenUsage } from './token-usage';

export interface Answer {
  readonly request: ModelRequest;
  readonly turn: ScriptTurn;
  readonly identity: AnswerIdentity;
  readonly usage: TokenUsage;
  /** Characters in one delta of a stream. */
  readonly deltaChars: number;
}

/** The body of `POST /v1/chat/completions` without streaming. */
export function chatCompletion(answer: Answer): ChatCompletion {
  const { request, turn, identity, usage } = answer;
  const calls = toolCalls(answer);
  return {
    id: idOf(identity, 'chatcmpl'),
    object: 'chat.completion',
    created: identity.createdAt,
    model: request.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: contentOf(turn),
          ...(calls.length > 0 ? { tool_calls: calls } : {}),
          refusal: turn.refusal ?? null,
          annotations: [],
        },
        logprobs: null,
        finish_reason: finishReason(turn),
      },
    ],
    usage: completionUsage(usage),
    service_tier: 'default',
    system_fingerprint: 'fp_scripted',
  };
}

/** The chunks of a streamed completion, in the order the real API sends them, up to and with `[DONE]`. */
export function* chatChunks(answer: Answer): Generator<SseEvent> {
  const { request, turn, identity, usage, deltaChars } = answer;
  const options = request.body['stream_options'];
  const withUsage = isRecord(options) && options['include_usage'] === true;
  const padded = !(isRecord(options) && options['include_obfuscation'] === false);
  const chunk = (choices: ChatCompletionChunk.Choice[], final: CompletionUsage | null, delta?: string): SseEvent => ({
    data: JSON.stringify({
      id: idOf(identity, 'chatcmpl'),
      object: 'chat.completion.chunk',
      created: identity.createdAt,
      model: request.model,
      service_tier: 'default',
      system_fingerprint: 'fp_scripted',
      choices,
      ...(withUsage ? { usage: final } : {}),
      ...(padded && delta !== undefined ? { obfuscation: obfuscation(delta) } : {}),
    } satisfies ChatCompletionChunk & { obfuscation?: string }),
  });
  const step = (delta: ChatCompletionChunk.Choice.Delta, padFor?: string) =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason: null }], null, padFor);

  const content = contentOf(turn);
  yield step({ role: 'assistant', content: content === null ? null : '', refusal: null }, '');
  for (const piece of pieces(content ?? '', deltaChars)) yield step({ content: piece }, piece);
  for (const piece of pieces(turn.refusal ?? '', deltaChars)) yield step({ refusal: piece }, piece);
  for (const [index, call] of toolCalls(answer).entries()) {
    const { id, function: called } = call;
    yield step({ tool_calls: [{ index, id, type: 'function', function: { name: called.name, arguments: '' } }] }, '');
    for (const piece of pieces(called.arguments, deltaChars)) {
      yield step({ tool_calls: [{ index, function: { arguments: piece } }] }, piece);
    }
  }
  yield chunk([{ index: 0, delta: {}, logprobs: null, finish_reason: finishReason(turn) }], null, '');
  if (withUsage) yield chunk([], completionUsage(usage));
  yield { data: '[DONE]' };
}

/** The error a chat stream ends with when the provider fails in the middle. */
export function chatStreamError(message: string): SseEvent {
  return { data: JSON.stringify({ error: { message, type: 'server_error', param: null, code: null } }) };
}

function toolCalls({ turn, identity }: Answer) {
  return (turn.calls ?? []).map((call, index) => ({
    id: call.id ?? idOf(identity, 'call', index),
    type: 'function' as const,
    function: { name: call.name, arguments: argumentsText(call) },
  })) satisfies ChatCompletionMessageToolCall[];
}

function contentOf(turn: ScriptTurn): string | null {
  if (turn.text !== undefined) return turn.text;
  return turn.calls?.length || turn.refusal !== undefined ? null : '';
}

function finishReason(turn: ScriptTurn): ChatCompletion.Choice['finish_reason'] {
  if (turn.cut) return turn.cut;
  return turn.calls?.length ? 'tool_calls' : 'stop';
}

function completionUsage(usage: TokenUsage): CompletionUsage {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
