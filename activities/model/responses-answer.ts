// The events of a Responses stream as a canonical answer. Built from whole items (`output_item.done`, then the final response), not
// from deltas: those are for progress only, so that an event unknown to us cannot bend the answer.
import { APIError } from 'openai';
import type { AssistantMessage } from '../../workflows/contract/message';
import { failure } from '../failure';
import { countAt, isJsonObject, listAt, objectAt, textAt, type JsonObject } from './json';
import type { FinishReason, ModelRequest } from './provider';
import { hasToolCalls, toolCallPart, usageOf, type AnswerReader, type ParsedAnswer } from './wire-adapter';

export function createResponsesReader(request: ModelRequest): AnswerReader {
  const done = new Map<number, JsonObject>();
  let response: JsonObject | undefined;
  return {
    read(event) {
      switch (textAt(event, 'type')) {
        case 'response.output_text.delta':
        case 'response.refusal.delta':
          return textAt(event, 'delta');
        case 'response.output_item.done': {
          const item = objectAt(event, 'item');
          if (item) done.set(countAt(event, 'output_index') ?? done.size, item);
          return undefined;
        }
        case 'response.completed':
        case 'response.incomplete':
          response = objectAt(event, 'response');
          return undefined;
        case 'response.failed':
          throw reported(objectAt(objectAt(event, 'response'), 'error'));
        case 'error':
          throw reported(isJsonObject(event) ? event : undefined);
        default:
          return undefined;
      }
    },
    answer() {
      if (!response) return undefined;
      const listed = listAt(response, 'output').filter(isJsonObject);
      // Some servers leave the final list empty, having sent its items one by one.
      const items = listed.length > 0 ? listed : [...done].sort(([a], [b]) => a - b).map(([, item]) => item);
      return parseResponse(response, items, request.model);
    },
  };
}

/** In the shape of an HTTP error without status, for the one classifier. */
function reported(error: JsonObject | undefined): Error {
  const { code, message, param, type } = error ?? {};
  return new APIError(
    undefined,
    {
      code,
      message: message ?? 'The provider failed without a reason',
      param,
      type: type === 'error' ? undefined : type,
    },
    undefined,
    undefined,
  );
}

function parseResponse(response: JsonObject, items: JsonObject[], model: string): ParsedAnswer {
  const message = messageOf(items);
  const usage = objectAt(response, 'usage');
  const id = textAt(response, 'id');
  return {
    message,
    finish: finishOf(response, message),
    ...usageOf({
      input: countAt(usage, 'input_tokens'),
      cachedInput: countAt(objectAt(usage, 'input_tokens_details'), 'cached_tokens'),
      cacheWrite: countAt(objectAt(usage, 'input_tokens_details'), 'cache_write_tokens'),
      cacheWriteHour: undefined,
      output: countAt(usage, 'output_tokens'),
      reasoning: countAt(objectAt(usage, 'output_tokens_details'), 'reasoning_tokens'),
    }),
    model: textAt(response, 'model') ?? model,
    ...(id ? { responseId: id } : {}),
    raw: items,
  };
}

function finishOf(response: JsonObject, message: AssistantMessage): FinishReason {
  const reason = textAt(objectAt(response, 'incomplete_details'), 'reason');
  if (reason === 'content_filter') return 'content-filter';
  // Any other reason to stop early is a limit of the provider's.
  if (reason !== undefined || response.status === 'incomplete') return 'length';
  if (message.refused) return 'refusal';
  return hasToolCalls(message) ? 'tool-calls' : 'stop';
}

function messageOf(items: JsonObject[]): AssistantMessage {
  const parts: AssistantMessage['parts'] = [];
  let refused = false;
  let calls = 0;
  for (const item of items) {
    if (item.type === 'function_call') {
      const name = textAt(item, 'name');
      if (name === undefined) throw failure('Model.InvalidResponse', 'The model called a tool without naming it.');
      parts.push(toolCallPart(calls, name, textAt(item, 'arguments') ?? ''));
      calls += 1;
    } else if (item.type === 'reasoning') {
      for (const piece of [...listAt(item, 'summary'), ...listAt(item, 'content')]) {
        const text = textAt(piece, 'text');
        if (text) parts.push({ type: 'reasoning', text });
      }
    } else if (item.type === 'message') {
      for (const piece of listAt(item, 'content')) {
        const refusal = textAt(piece, 'refusal');
        const text = refusal ?? textAt(piece, 'text');
        if (refusal !== undefined) refused = true;
        if (text) parts.push({ type: 'text', text });
      }
    }
  }
  return { role: 'assistant', parts, ...(refused ? { refused: true as const } : {}) };
}
