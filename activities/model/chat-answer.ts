// The chunks of a Chat Completions stream as a canonical answer. Compatible servers differ most here, so each departure from OpenAI's
// own stream that is read has its vendor named.
import { APIError } from 'openai';
import type { AssistantMessage, JsonValue } from '../../workflows/contract/message';
import { failure } from '../failure';
import { countAt, isJsonObject, listAt, objectAt, textAt, type JsonObject } from './json';
import type { FinishReason, ModelRequest } from './provider';
import { hasToolCalls, toolCallPart, usageOf, type AnswerReader } from './wire-adapter';

interface StreamedCall {
  id: string;
  name: string;
  arguments: string;
  /** Fields beside those of OpenAI, such as Gemini's signature. */
  extra: JsonObject;
}

const KNOWN_DELTA_FIELDS = new Set(['role', 'content', 'refusal', 'tool_calls', 'function_call']);
const KNOWN_CALL_FIELDS = new Set(['index', 'id', 'type', 'function']);

export function createChatReader(request: ModelRequest): AnswerReader {
  const calls: StreamedCall[] = [];
  const byIndex = new Map<number, StreamedCall>();
  let text = '';
  let refusal = '';
  let extra: JsonObject = {};
  let finish: string | undefined;
  let usage: JsonObject | undefined;
  let model: string | undefined;
  let id: string | undefined;

  const readCall = (delta: JsonValue): void => {
    const call = callOf(delta, calls, byIndex);
    const named = objectAt(delta, 'function');
    call.name = textAt(named, 'name') || call.name;
    call.arguments += textAt(named, 'arguments') ?? '';
    call.extra = merged(call.extra, delta, KNOWN_CALL_FIELDS);
  };

  return {
    read(chunk) {
      model ??= textAt(chunk, 'model') || undefined;
      id ??= textAt(chunk, 'id') || undefined;
      // Only choice 0 is an answer. Moonshot reports the tokens inside it.
      const choice = listAt(chunk, 'choices').find((one) => (countAt(one, 'index') ?? 0) === 0);
      usage = objectAt(chunk, 'usage') ?? objectAt(choice, 'usage') ?? usage;
      finish = textAt(choice, 'finish_reason') || finish;
      if (finish === 'error' || finish === 'insufficient_system_resource') throw stoppedBy(finish);
      const delta = objectAt(choice, 'delta');
      if (!delta) return undefined;
      extra = merged(extra, delta, KNOWN_DELTA_FIELDS);
      listAt(delta, 'tool_calls').forEach(readCall);
      const said = textAt(delta, 'content') ?? listedText(delta);
      const declined = textAt(delta, 'refusal') ?? '';
      text += said;
      refusal += declined;
      return said + declined || undefined;
    },
    answer() {
      if (finish === undefined) return undefined;
      const message = messageOf({ text, refusal, reasoning: reasoningOf(extra), calls });
      return {
        message,
        finish: finishOf(finish, message),
        ...readUsage(usage),
        model: model ?? request.model,
        ...(id === undefined ? {} : { responseId: id }),
        raw: rawMessage({ text, refusal, extra, calls }),
      };
    },
  };
}

/**
 * The call that a delta goes on with. Told apart by index, and by id for servers that leave the index out or repeat it for each call;
 * a piece without a name never begins a call, for some servers give every piece an id of its own.
 */
function callOf(delta: JsonValue, calls: StreamedCall[], byIndex: Map<number, StreamedCall>): StreamedCall {
  const index = countAt(delta, 'index');
  const id = textAt(delta, 'id') ?? '';
  const known = index === undefined ? calls.at(-1) : byIndex.get(index);
  const begins = id !== '' && textAt(objectAt(delta, 'function'), 'name') !== undefined;
  if (known && (!begins || known.id === id || known.id === '')) {
    known.id ||= id;
    return known;
  }
  const call: StreamedCall = { id, name: '', arguments: '', extra: {} };
  calls.push(call);
  if (index !== undefined) byIndex.set(index, call);
  return call;
}

/** Adds the pieces of fields unknown to us: text is continued, lists grow, anything else is replaced. */
function merged(before: JsonObject, delta: JsonValue, known: ReadonlySet<string>): JsonObject {
  if (!isJsonObject(delta)) return before;
  const after = { ...before };
  for (const [name, value] of Object.entries(delta)) {
    if (known.has(name) || value === null) continue;
    const old = after[name];
    if (typeof old === 'string' && typeof value === 'string') after[name] = old + value;
    else if (Array.isArray(old) && Array.isArray(value)) after[name] = [...old, ...value];
    else after[name] = value;
  }
  return after;
}

/** Mistral streams the content of reasoning models as a list of parts. */
function listedText(delta: JsonObject): string {
  return listAt(delta, 'content')
    .map((part) => (textAt(part, 'type') === 'text' ? (textAt(part, 'text') ?? '') : ''))
    .join('');
}

/** `reasoning_content` as DeepSeek names it, `reasoning` as OpenRouter and Groq do; vLLM may send both. */
function reasoningOf(extra: JsonObject): string {
  return textAt(extra, 'reasoning_content') ?? textAt(extra, 'reasoning') ?? '';
}

function messageOf(read: {
  text: string;
  refusal: string;
  reasoning: string;
  calls: StreamedCall[];
}): AssistantMessage {
  const texts = [read.text, read.refusal].filter((text) => text !== '');
  return {
    role: 'assistant',
    parts: [
      ...(read.reasoning === '' ? [] : [{ type: 'reasoning' as const, text: read.reasoning }]),
      ...texts.map((text) => ({ type: 'text' as const, text })),
      ...read.calls.map((call, position) => {
        if (call.name === '') throw failure('Model.InvalidResponse', 'The model called a tool without naming it.');
        return toolCallPart(position, call.name, call.arguments);
      }),
    ],
    ...(read.refusal === '' ? {} : { refused: true as const }),
  };
}

function finishOf(finish: string, message: AssistantMessage): FinishReason {
  if (finish === 'content_filter') return 'content-filter';
  if (finish === 'length') return 'length';
  if (message.refused) return 'refusal';
  // By what is there, not by the word: several servers say `stop` beside tool calls.
  return hasToolCalls(message) ? 'tool-calls' : 'stop';
}

/** OpenRouter and DeepSeek end a stream that failed with a finish reason instead of an error. */
function stoppedBy(finish: string): Error {
  const code = finish === 'error' ? 'server_error' : 'overloaded';
  const message = `The provider stopped the answer (${finish})`;
  return new APIError(undefined, { code, message }, undefined, undefined);
}

function readUsage(usage: JsonObject | undefined) {
  return usageOf({
    input: countAt(usage, 'prompt_tokens'),
    // The second is DeepSeek's.
    cachedInput:
      countAt(objectAt(usage, 'prompt_tokens_details'), 'cached_tokens') ?? countAt(usage, 'prompt_cache_hit_tokens'),
    cacheWrite: countAt(objectAt(usage, 'prompt_tokens_details'), 'cache_write_tokens'),
    cacheWriteHour: undefined,
    output: countAt(usage, 'completion_tokens'),
    reasoning: countAt(objectAt(usage, 'completion_tokens_details'), 'reasoning_tokens'),
  });
}

/** The message as an answer without streaming would have held it. */
function rawMessage(read: { text: string; refusal: string; extra: JsonObject; calls: StreamedCall[] }): JsonObject {
  return {
    role: 'assistant',
    content: read.text === '' ? null : read.text,
    ...(read.refusal === '' ? {} : { refusal: read.refusal }),
    ...read.extra,
    ...(read.calls.length === 0
      ? {}
      : {
          tool_calls: read.calls.map((call) => ({
            id: call.id,
            type: 'function',
            function: { name: call.name, arguments: call.arguments },
            ...call.extra,
          })),
        }),
  };
}
