import { checkOutputFormat, readToolNames } from './check-tools';
import { readAnthropicMessages } from './read-anthropic';
import { isRecord, textOf, type JsonRecord } from './json';
import type { Api, ModelRequest, RequestMessage } from './model-request';
import { readChatMessages, readResponseItems } from './read-messages';
import { invalidRequest, WireError } from './wire-error';

export interface RequestSource {
  readonly nth: number;
  readonly api: Api;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
  /** Models that exist; undefined where any name does. */
  readonly models: readonly string[] | undefined;
  /** The conversation a response id stands for. */
  readonly stored: (responseId: string) => readonly unknown[] | undefined;
}

/** Reads and checks a request body. Throws a {@link WireError} worded like the real API's. */
export function readRequest(source: RequestSource): ModelRequest {
  const { api, nth, path, headers } = source;
  const body = parseBody(source.bytes);
  const model = textOf(body['model']);
  if (model === undefined || model === '') throw invalidRequest('you must provide a model parameter');
  if (source.models && !source.models.includes(model)) {
    throw new WireError(404, `The model \`${model}\` does not exist or you do not have access to it.`, {
      code: 'model_not_found',
    });
  }
  const toolNames = readToolNames(api, body);
  checkOutputFormat(api, body);
  const items = api === 'responses' ? responseItems(body, source.stored) : [];
  const messages = messagesOf(api, body, items);
  return {
    nth,
    api,
    path,
    model,
    stream: body['stream'] === true,
    messages,
    assistantTurns: messages.filter((message) => message.role === 'assistant').length,
    toolNames,
    headers,
    body,
    items,
  };
}

function messagesOf(api: Api, body: JsonRecord, items: readonly unknown[]): RequestMessage[] {
  if (api === 'responses') return responseMessages(body, items);
  return api === 'chat' ? chatMessages(body) : readAnthropicMessages(body);
}

function parseBody(bytes: Buffer): JsonRecord {
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch {
    body = undefined;
  }
  if (isRecord(body)) return body;
  throw invalidRequest(
    'We could not parse the JSON body of your request. (HINT: This likely means you aren’t using your HTTP library correctly.)',
  );
}

function chatMessages(body: JsonRecord): RequestMessage[] {
  const { messages } = body;
  if (!Array.isArray(messages)) {
    throw invalidRequest(`Missing required parameter: 'messages'.`, 'messages', 'missing_required_parameter');
  }
  if (messages.length === 0) {
    throw invalidRequest(
      `Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.`,
      'messages',
      'empty_array',
    );
  }
  return readChatMessages(messages);
}

function responseItems(body: JsonRecord, stored: RequestSource['stored']): unknown[] {
  const { input } = body;
  const own: unknown = typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : input;
  const previous = textOf(body['previous_response_id']);
  const before = previous === undefined ? [] : stored(previous);
  if (!before) {
    throw invalidRequest(
      `Previous response with id '${previous}' not found.`,
      'previous_response_id',
      'previous_response_not_found',
    );
  }
  if (!Array.isArray(own)) {
    throw invalidRequest(`Missing required parameter: 'input'.`, 'input', 'missing_required_parameter');
  }
  return [...before, ...(own as unknown[])];
}

function responseMessages(body: JsonRecord, items: readonly unknown[]): RequestMessage[] {
  const instructions = textOf(body['instructions']);
  const messages = readResponseItems(items);
  return instructions === undefined ? messages : [{ role: 'system', text: instructions, calls: [] }, ...messages];
}
