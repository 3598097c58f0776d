// The events of a Messages stream as a canonical answer. Blocks are put together as the provider would have sent them whole: thinking
// that it signed goes back to it by the byte.
import { APIError } from 'openai';
import type { AssistantMessage, JsonValue } from '../../workflows/contract/message';
import { failure } from '../failure';
import { countAt, isJsonObject, objectAt, textAt, type JsonObject } from './json';
import type { FinishReason, ModelRequest } from './provider';
import { hasToolCalls, toolCallPart, usageOf, type AnswerReader, type ReadUsage } from './wire-adapter';

interface StreamedBlock {
  /** As it began, with what was added to it. */
  block: JsonObject;
  /** Arguments of a tool call, as written. */
  json: string;
}

interface Stop {
  reason: string;
  details: JsonObject | undefined;
}

export function createMessagesReader(request: ModelRequest): AnswerReader {
  const blocks = new Map<number, StreamedBlock>();
  let usage: JsonObject = {};
  let model: string | undefined;
  let id: string | undefined;
  let stop: Stop | undefined;
  return {
    read(event) {
      switch (textAt(event, 'type')) {
        case 'message_start': {
          const message = objectAt(event, 'message');
          model = textAt(message, 'model');
          id = textAt(message, 'id');
          usage = withTold(usage, objectAt(message, 'usage'));
          return undefined;
        }
        case 'content_block_start':
          blocks.set(countAt(event, 'index') ?? blocks.size, {
            block: { ...objectAt(event, 'content_block') },
            json: '',
          });
          return undefined;
        case 'content_block_delta':
          return addDelta(blocks.get(countAt(event, 'index') ?? blocks.size - 1), objectAt(event, 'delta'));
        case 'message_delta': {
          const delta = objectAt(event, 'delta');
          const reason = textAt(delta, 'stop_reason');
          if (reason !== undefined) stop = { reason, details: objectAt(delta, 'stop_details') };
          usage = withTold(usage, objectAt(event, 'usage'));
          return undefined;
        }
        case 'error':
          // Where the error is not an object, which the client would have thrown by itself.
          throw new APIError(undefined, { message: 'The provider failed without a reason' }, undefined, undefined);
        default:
          return undefined;
      }
    },
    answer() {
      if (!stop) return undefined;
      const read = [...blocks].sort(([a], [b]) => a - b).map(([, block]) => block);
      const message = messageOf(read, stop);
      return {
        message,
        finish: finishOf(stop, message),
        ...readUsage(usage),
        model: model ?? request.model,
        ...(id ? { responseId: id } : {}),
        raw: rawBlocks(read, message),
      };
    },
  };
}

/** Counts are cumulative: a later one replaces an earlier. */
function withTold(before: JsonObject, told: JsonObject | undefined): JsonObject {
  const known = Object.entries(told ?? {}).filter(([, value]) => value !== null);
  return { ...before, ...Object.fromEntries(known) };
}

/** @returns the text that it adds */
function addDelta(streamed: StreamedBlock | undefined, delta: JsonObject | undefined): string | undefined {
  if (!streamed || !delta) return undefined;
  const { block } = streamed;
  const append = (field: string): string => {
    const piece = textAt(delta, field) ?? '';
    block[field] = (textAt(block, field) ?? '') + piece;
    return piece;
  };
  switch (delta.type) {
    case 'text_delta':
      return append('text') || undefined;
    case 'input_json_delta':
      streamed.json += textAt(delta, 'partial_json') ?? '';
      return undefined;
    case 'thinking_delta':
      append('thinking');
      return undefined;
    case 'signature_delta':
      append('signature');
      return undefined;
    default:
      return undefined;
  }
}

function messageOf(blocks: readonly StreamedBlock[], stop: Stop): AssistantMessage {
  const parts: AssistantMessage['parts'] = [];
  let calls = 0;
  for (const { block, json } of blocks) {
    if (block.type === 'tool_use') {
      const name = textAt(block, 'name');
      if (!name) throw failure('Model.InvalidResponse', 'The model called a tool without naming it.');
      // Some servers send the arguments whole, where the block begins.
      parts.push(toolCallPart(calls, name, json === '' ? JSON.stringify(block.input ?? {}) : json));
      calls += 1;
    } else if (block.type === 'thinking' || block.type === 'text') {
      const text = textAt(block, block.type);
      if (text) parts.push({ type: block.type === 'text' ? 'text' : 'reasoning', text });
    }
  }
  if (stop.reason !== 'refusal') return { role: 'assistant', parts };
  // Stopped before its first word: the provider's own words are all there is.
  const explanation = textAt(stop.details, 'explanation');
  const isSilent = !parts.some((part) => part.type === 'text');
  if (isSilent && explanation) parts.push({ type: 'text', text: explanation });
  return { role: 'assistant', parts, refused: true };
}

function finishOf({ reason, details }: Stop, message: AssistantMessage): FinishReason {
  if (reason === 'max_tokens' || reason === 'model_context_window_exceeded') return 'length';
  // A category means that a classifier stopped it: asked again, it would be stopped again.
  if (reason === 'refusal') return textAt(details, 'category') ? 'content-filter' : 'refusal';
  return hasToolCalls(message) ? 'tool-calls' : 'stop';
}

/** Here the cached tokens, read and written, stand beside the others. */
function readUsage(usage: JsonObject): ReadUsage {
  const fresh = countAt(usage, 'input_tokens');
  const cachedInput = countAt(usage, 'cache_read_input_tokens');
  const cacheWrite = countAt(usage, 'cache_creation_input_tokens');
  return usageOf({
    input: fresh === undefined ? undefined : fresh + (cachedInput ?? 0) + (cacheWrite ?? 0),
    cachedInput,
    cacheWrite,
    cacheWriteHour: countAt(objectAt(usage, 'cache_creation'), 'ephemeral_1h_input_tokens'),
    output: countAt(usage, 'output_tokens'),
    reasoning: countAt(objectAt(usage, 'output_tokens_details'), 'thinking_tokens'),
  });
}

/** Blocks as they go back. Arguments are what was read of them, for only an object is taken there. */
function rawBlocks(blocks: readonly StreamedBlock[], message: AssistantMessage): JsonValue {
  const calls = message.parts.filter((part) => part.type === 'tool-call');
  return blocks.map(({ block }) => {
    if (block.type !== 'tool_use') return block;
    const input = calls.shift()?.arguments;
    return { ...block, input: isJsonObject(input) ? input : {} };
  });
}
