// What goes on the wire of Anthropic's Messages API.
import { createHash } from 'node:crypto';
import { argumentsText, type ScriptTurn } from '../script';
import { idOf } from './answer-identity';
import type { Answer } from './chat-wire';
import { isRecord, parsedOrText, type JsonRecord } from './json';
import { pieces, type SseEvent } from './sse';
import type { WireError } from './wire-error';

type Block = { readonly type: string } & JsonRecord;

/** The body of `POST /v1/messages` without streaming. */
export function messageObject(answer: Answer): JsonRecord {
  const { turn } = answer;
  return {
    ...openMessage(answer),
    content: blocksOf(answer).map(({ block }) => block),
    stop_reason: stopReason(turn),
    stop_details: stopDetails(turn),
    usage: { ...inputUsage(answer), ...outputUsage(answer) },
  };
}

/** The events of a streamed message, in the order the real API sends them. */
export function* messageEvents(answer: Answer): Generator<SseEvent> {
  const { turn, deltaChars } = answer;
  yield event('message_start', {
    message: { ...openMessage(answer), usage: { ...inputUsage(answer), output_tokens: 1 } },
  });
  for (const [index, { block, text }] of blocksOf(answer).entries()) {
    yield event('content_block_start', { index, content_block: openBlock(block) });
    if (index === 0) yield event('ping', {});
    for (const delta of deltasOf(block, text, deltaChars)) yield event('content_block_delta', { index, delta });
    yield event('content_block_stop', { index });
  }
  const delta = { stop_reason: stopReason(turn), stop_sequence: null, stop_details: stopDetails(turn) };
  yield event('message_delta', { delta, usage: { ...inputUsage(answer), ...outputUsage(answer) } });
  yield event('message_stop', {});
}

/** The event a stream ends with when the provider fails in the middle. */
export function messageStreamError(message: string): SseEvent {
  return event('error', { error: { type: 'api_error', message } });
}

const ERROR_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

export function messageError({ status, message }: WireError, requestId: string): string {
  const type = ERROR_TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
  return JSON.stringify({ type: 'error', error: { type, message }, request_id: requestId });
}

/** Stands for what only the provider can make and read. */
export function signatureOf(thinking: string): string {
  return `Er${createHash('sha512').update(thinking).digest('base64')}`;
}

const event = (type: string, fields: JsonRecord): SseEvent => ({
  event: type,
  data: JSON.stringify({ type, ...fields }),
});

function openMessage({ request, identity }: Answer): JsonRecord {
  return {
    id: idOf(identity, 'msg'),
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
  };
}

/** `text`: the arguments of a call as they were written, which need not be JSON. */
function blocksOf({ request, turn, identity }: Answer): { block: Block; text: string }[] {
  const { reasoning, calls = [], refusal } = turn;
  const { thinking } = request.body;
  const thinks = isRecord(thinking) && thinking['type'] !== 'disabled';
  const said = refusal ?? turn.text;
  return [
    ...(reasoning && thinks ? [{ block: thought(reasoning), text: reasoning.summary }] : []),
    ...(said === undefined || said === ''
      ? []
      : [{ block: { type: 'text', text: said, citations: null }, text: said }]),
    ...calls.map((call, index) => {
      const text = argumentsText(call);
      const read = parsedOrText(text);
      const id = call.id ?? idOf(identity, 'toolu', index);
      return { block: { type: 'tool_use', id, name: call.name, input: isRecord(read) ? read : {} }, text };
    }),
  ];
}

function thought({ summary, encrypted, redacted }: NonNullable<ScriptTurn['reasoning']>): Block {
  if (redacted) return { type: 'redacted_thinking', data: encrypted ?? signatureOf(summary) };
  return { type: 'thinking', thinking: summary, signature: encrypted ?? signatureOf(summary) };
}

function openBlock(block: Block): JsonRecord {
  if (block.type === 'text') return { ...block, text: '' };
  if (block.type === 'thinking') return { ...block, thinking: '', signature: '' };
  return block.type === 'tool_use' ? { ...block, input: {} } : block;
}

function* deltasOf(block: Block, text: string, size: number): Generator<JsonRecord> {
  if (block.type === 'text') for (const piece of pieces(text, size)) yield { type: 'text_delta', text: piece };
  if (block.type === 'tool_use') {
    yield { type: 'input_json_delta', partial_json: '' };
    for (const piece of pieces(text, size)) yield { type: 'input_json_delta', partial_json: piece };
  }
  if (block.type === 'thinking') {
    for (const piece of pieces(text, size)) yield { type: 'thinking_delta', thinking: piece };
    yield { type: 'signature_delta', signature: block['signature'] };
  }
}

function stopReason(turn: ScriptTurn): string {
  if (turn.cut === 'length') return 'max_tokens';
  if (turn.cut === 'content_filter' || turn.refusal !== undefined) return 'refusal';
  return turn.calls?.length ? 'tool_use' : 'end_turn';
}

function stopDetails(turn: ScriptTurn): JsonRecord | null {
  return turn.cut === 'content_filter'
    ? { type: 'refusal', category: 'cyber', explanation: 'A classifier stopped this answer.' }
    : null;
}

/** Here what was cached stands beside the rest. */
function inputUsage({ usage }: Answer): JsonRecord {
  const { input, cached, cacheWrite, cacheWriteHour: hour } = usage;
  return {
    input_tokens: input - cached - cacheWrite,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cached,
    cache_creation: { ephemeral_5m_input_tokens: cacheWrite - hour, ephemeral_1h_input_tokens: hour },
    service_tier: 'standard',
  };
}

const outputUsage = ({ usage }: Answer): JsonRecord => ({
  output_tokens: usage.output,
  output_tokens_details: { thinking_tokens: usage.reasoning },
});
