import { isRecord, listOf, textOf, type JsonRecord } from './json';
import type { RequestedCall, RequestMessage } from './model-request';
import { invalidRequest } from './wire-error';

/** The messages of a Chat Completions body. Throws the 400 that the real API answers a broken conversation with. */
export function readChatMessages(messages: readonly unknown[]): RequestMessage[] {
  const read = messages.map((message, index) => readChatMessage(message, index));
  let open: string[] = [];
  read.forEach((message, index) => {
    if (message.role === 'tool') {
      if (!open.includes(message.callId ?? '')) {
        throw invalidRequest(
          `Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.`,
          `messages.[${index}].role`,
        );
      }
      open = open.filter((id) => id !== message.callId);
      return;
    }
    requireChatResults(open);
    open = message.calls.map((call) => call.id);
  });
  requireChatResults(open);
  return read;
}

function requireChatResults(open: readonly string[]): void {
  if (open.length === 0) return;
  throw invalidRequest(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. ` +
      `The following tool_call_ids did not have response messages: ${open.join(', ')}`,
    'messages',
  );
}

function readChatMessage(message: unknown, index: number): RequestMessage {
  const at = `messages[${index}]`;
  if (!isRecord(message)) throw invalidRequest(`Invalid type for '${at}': expected an object.`, at, 'invalid_type');
  const { role, content } = message;
  const text = contentText(content);
  switch (role) {
    case 'system':
    case 'developer':
      return { role: 'system', text, calls: [] };
    case 'user':
      if (content === undefined || content === null) {
        throw invalidRequest(
          `Invalid value for 'content': expected a string, got null.`,
          `messages.[${index}].content`,
        );
      }
      return { role: 'user', text, calls: [] };
    case 'assistant':
      return {
        role: 'assistant',
        text: text || (textOf(message['refusal']) ?? ''),
        calls: listOf(message['tool_calls']).map((call, nth) => readChatCall(call, `${at}.tool_calls[${nth}]`)),
      };
    case 'tool': {
      const callId = textOf(message['tool_call_id']);
      if (callId === undefined) throw missing(`${at}.tool_call_id`);
      return { role: 'tool', text, calls: [], callId };
    }
    default:
      throw invalidRequest(
        `Invalid value: '${String(role)}'. Supported values are: 'system', 'assistant', 'user', 'tool', and 'developer'.`,
        `${at}.role`,
        'invalid_value',
      );
  }
}

function readChatCall(call: unknown, at: string): RequestedCall {
  const tool = isRecord(call) && isRecord(call['function']) ? call['function'] : undefined;
  const id = isRecord(call) ? textOf(call['id']) : undefined;
  const name = textOf(tool?.['name']);
  const args = textOf(tool?.['arguments']);
  if (id === undefined) throw missing(`${at}.id`);
  if (name === undefined) throw missing(`${at}.function.name`);
  if (args === undefined) throw missing(`${at}.function.arguments`);
  return { id, name, arguments: args };
}

interface OpenMessage {
  role: RequestMessage['role'];
  text: string;
  calls: RequestedCall[];
  callId?: string;
}

/** The messages of a Responses input. Throws the 400 that the real API answers a broken conversation with. */
export function readResponseItems(items: readonly unknown[]): RequestMessage[] {
  const messages: OpenMessage[] = [];
  const assistant = (): OpenMessage => {
    const last = messages.at(-1);
    if (last?.role === 'assistant') return last;
    const next: OpenMessage = { role: 'assistant', text: '', calls: [] };
    messages.push(next);
    return next;
  };
  items.forEach((item, index) => {
    const at = `input[${index}]`;
    if (!isRecord(item)) throw invalidRequest(`Invalid type for '${at}': expected an object.`, at, 'invalid_type');
    const type = textOf(item['type']) ?? 'message';
    if (type === 'message') {
      const role = responseRole(item, at);
      if (role === 'assistant') assistant().text += contentText(item['content']);
      else messages.push({ role, text: contentText(item['content']), calls: [] });
    } else if (type === 'function_call') {
      assistant().calls.push(readResponseCall(item, at));
    } else if (type === 'function_call_output') {
      const callId = textOf(item['call_id']);
      if (callId === undefined) throw missing(`${at}.call_id`);
      messages.push({ role: 'tool', text: contentText(item['output']), calls: [], callId });
    } else if (type === 'reasoning') {
      requireFollowingItem(item, items[index + 1]);
      assistant();
    }
  });
  requireResponseResults(messages);
  return messages;
}

function requireResponseResults(messages: readonly RequestMessage[]): void {
  const calls = new Set(messages.flatMap((message) => message.calls.map((call) => call.id)));
  const results = new Set(messages.flatMap((message) => (message.callId === undefined ? [] : [message.callId])));
  for (const id of calls) {
    if (!results.has(id)) throw invalidRequest(`No tool output found for function call ${id}.`, 'input');
  }
  for (const id of results) {
    if (!calls.has(id)) {
      throw invalidRequest(`No tool call found for function call output with call_id ${id}.`, 'input');
    }
  }
}

/** A reasoning item belongs to the answer it led to; the real API refuses one that stands alone. */
function requireFollowingItem(item: JsonRecord, next: unknown): void {
  const type = isRecord(next) ? (textOf(next['type']) ?? 'message') : undefined;
  const led =
    type === 'function_call' ||
    type === 'reasoning' ||
    (type === 'message' && isRecord(next) && next['role'] === 'assistant');
  if (!led) {
    throw invalidRequest(
      `Item ${JSON.stringify(item['id'] ?? 'rs')} of type 'reasoning' was provided without its required following item.`,
      'input',
    );
  }
}

function responseRole(item: JsonRecord, at: string): RequestMessage['role'] {
  const { role } = item;
  if (role === 'user' || role === 'assistant' || role === 'system') return role;
  if (role === 'developer') return 'system';
  throw invalidRequest(
    `Invalid value: '${String(role)}'. Supported values are: 'assistant', 'system', 'developer', and 'user'.`,
    `${at}.role`,
    'invalid_value',
  );
}

function readResponseCall(item: JsonRecord, at: string): RequestedCall {
  const id = textOf(item['call_id']);
  const name = textOf(item['name']);
  const args = textOf(item['arguments']);
  if (id === undefined) throw missing(`${at}.call_id`);
  if (name === undefined) throw missing(`${at}.name`);
  if (args === undefined) throw missing(`${at}.arguments`);
  return { id, name, arguments: args };
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map((part) => (isRecord(part) ? (textOf(part['text']) ?? textOf(part['refusal']) ?? '') : ''))
    .join('');
}

function missing(param: string): Error {
  return invalidRequest(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter');
}
