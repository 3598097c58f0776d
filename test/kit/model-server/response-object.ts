import { createHash } from 'node:crypto';
import type {
  Response,
  ResponseFunctionToolCall,
  ResponseOutputMessage,
  ResponseReasoningItem,
  ResponseUsage,
} from 'openai/resources/responses/responses';
import { argumentsText, type ScriptTurn } from '../script';
import { idOf } from './answer-identity';
import type { Answer } from './chat-wire';
import { isRecord, listOf } from './json';
import type { TokenUsage } from './token-usage';

/** The output items a scripted turn can lead to. */
export type OutputItem = ResponseReasoningItem | ResponseOutputMessage | ResponseFunctionToolCall;

/**
 * Settings a response repeats from its request. They go back as they came, so they are not typed; `store` is on the
 * wire though the client's types leave it out.
 */
type Echoed =
  'instructions' | 'metadata' | 'reasoning' | 'text' | 'tool_choice' | 'tools' | 'truncation' | 'output_text';
export type WireResponse = Omit<Response, Echoed | 'output'> & { readonly output: readonly OutputItem[] } & Readonly<
    Record<Exclude<Echoed, 'output_text'> | 'store', unknown>
  >;

export function outputItems({ request, turn, identity }: Answer): OutputItem[] {
  const items: OutputItem[] = [];
  const { reasoning, calls = [], refusal, text } = turn;
  if (reasoning) {
    const include = listOf(request.body['include']);
    items.push({
      id: idOf(identity, 'rs'),
      type: 'reasoning',
      summary: reasoning.summary === '' ? [] : [{ type: 'summary_text', text: reasoning.summary }],
      ...(include.includes('reasoning.encrypted_content')
        ? { encrypted_content: reasoning.encrypted ?? sealed(reasoning.summary) }
        : {}),
    });
  }
  const content: ResponseOutputMessage['content'] = [];
  if (text !== undefined) content.push({ type: 'output_text', text, annotations: [], logprobs: [] });
  if (refusal !== undefined) content.push({ type: 'refusal', refusal });
  if (content.length > 0) {
    const status = turn.cut ? 'incomplete' : 'completed';
    items.push({ id: idOf(identity, 'msg'), type: 'message', status, role: 'assistant', content });
  }
  calls.forEach((call, index) => {
    items.push({
      id: idOf(identity, 'fc', index),
      type: 'function_call',
      status: 'completed',
      call_id: call.id ?? idOf(identity, 'call', index),
      name: call.name,
      arguments: argumentsText(call),
    });
  });
  return items;
}

/** The response before its first token: what `response.created` and `response.in_progress` carry. */
export function openResponse(answer: Answer): WireResponse {
  return responseObject(answer, 'in_progress', []);
}

/** The finished response: the body without streaming, and what the last event carries. */
export function finishedResponse(answer: Answer): WireResponse {
  return responseObject(answer, answer.turn.cut ? 'incomplete' : 'completed', outputItems(answer));
}

/** A response that the provider gave up, as the event `response.failed` carries it. */
export function failedResponse(answer: Answer, message: string): WireResponse {
  return { ...responseObject(answer, 'failed', []), error: { code: 'server_error', message } };
}

function responseObject(
  { request, turn, identity, usage }: Answer,
  status: 'in_progress' | 'completed' | 'incomplete' | 'failed',
  output: readonly OutputItem[],
): WireResponse {
  const { body } = request;
  const over = status === 'completed' || status === 'incomplete';
  const number = (key: string) => (typeof body[key] === 'number' ? body[key] : null);
  return {
    id: idOf(identity, 'resp'),
    object: 'response',
    created_at: identity.createdAt,
    status,
    background: false,
    completed_at: status === 'completed' ? identity.createdAt : null,
    error: null,
    incomplete_details: status === 'incomplete' ? incompleteDetails(turn) : null,
    instructions: body['instructions'] ?? null,
    max_output_tokens: number('max_output_tokens'),
    model: request.model,
    output,
    parallel_tool_calls: body['parallel_tool_calls'] !== false,
    previous_response_id: typeof body['previous_response_id'] === 'string' ? body['previous_response_id'] : null,
    reasoning: isRecord(body['reasoning'])
      ? { effort: null, summary: null, ...body['reasoning'] }
      : { effort: null, summary: null },
    service_tier: 'default',
    store: body['store'] !== false,
    temperature: number('temperature') ?? 1,
    text: { format: { type: 'text' }, verbosity: 'medium', ...(isRecord(body['text']) ? body['text'] : {}) },
    tool_choice: body['tool_choice'] ?? 'auto',
    tools: listOf(body['tools']),
    top_logprobs: 0,
    top_p: number('top_p') ?? 1,
    truncation: body['truncation'] ?? 'disabled',
    ...(over ? { usage: responseUsage(usage) } : {}),
    metadata: body['metadata'] ?? {},
  };
}

function incompleteDetails(turn: ScriptTurn): Response.IncompleteDetails {
  return { reason: turn.cut === 'content_filter' ? 'content_filter' : 'max_output_tokens' };
}

function responseUsage(usage: TokenUsage): ResponseUsage {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: 0 },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  };
}

/** Stands for ciphertext: opaque, and the same for the same reasoning. */
function sealed(summary: string): string {
  return `gAAAA${createHash('sha512').update(summary).digest('base64url')}`;
}
