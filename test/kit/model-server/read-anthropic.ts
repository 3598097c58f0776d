// A body of the Messages API as messages, with the refusals of the real one.
import { isRecord, listOf, textOf, type JsonRecord } from './json';
import { signatureOf } from './messages-wire';
import type { RequestedCall, RequestMessage } from './model-request';
import { invalidRequest } from './wire-error';

/** Marks of a request that the prompt cache keeps; the real API takes no more. */
const CACHE_MARKS_MOST = 4;
/** What a schema of structured output must not say. */
const REFUSED_KEYWORDS = ['minimum', 'maximum', 'multipleOf', 'minLength', 'maxLength', 'oneOf', 'maxItems'];

export function readAnthropicMessages(body: JsonRecord): RequestMessage[] {
  if (typeof body['max_tokens'] !== 'number') throw invalidRequest('max_tokens: Field required');
  const messages = listOf(body['messages']);
  if (messages.length === 0) throw invalidRequest('messages: at least one message is required');
  checkThinking(body);
  checkMarks(body);
  checkFormat(body);
  const read: RequestMessage[] = [];
  const system = typeof body['system'] === 'string' ? body['system'] : textsOf(body['system']);
  if (system !== '') read.push({ role: 'system', text: system, calls: [] });
  let open: string[] = [];
  messages.forEach((message, index) => {
    const at = `messages.${index}`;
    if (!isRecord(message)) throw invalidRequest(`${at}: Input should be an object`);
    const content = contentOf(message, at);
    if (message['role'] === 'assistant') {
      requireResults(open, at);
      const calls = content.filter((block) => block['type'] === 'tool_use').map((block) => callOf(block, at));
      checkThoughts(content, at);
      open = calls.map(({ id }) => id);
      read.push({ role: 'assistant', text: textsOf(content), calls });
      return;
    }
    if (message['role'] !== 'user') throw invalidRequest(`${at}.role: Input should be 'user' or 'assistant'`);
    const results = content.filter((block) => block['type'] === 'tool_result');
    for (const block of results) {
      const callId = textOf(block['tool_use_id']) ?? '';
      if (!open.includes(callId))
        throw invalidRequest(`${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${callId}`);
      open = open.filter((id) => id !== callId);
      read.push({ role: 'tool', text: textsOf(block['content']), calls: [], callId });
    }
    requireResults(open, at);
    const rest = content.filter((block) => block['type'] !== 'tool_result');
    if (rest.length > 0) read.push({ role: 'user', text: textsOf(rest), calls: [] });
  });
  requireResults(open, 'messages');
  return read;
}

function requireResults(open: readonly string[], at: string): void {
  if (open.length === 0) return;
  throw invalidRequest(
    `${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${open.join(', ')}`,
  );
}

function contentOf(message: JsonRecord, at: string): JsonRecord[] {
  const { content } = message;
  if (typeof content === 'string') return contentOf({ content: [{ type: 'text', text: content }] }, at);
  const blocks = listOf(content).filter(isRecord);
  if (blocks.length === 0) throw invalidRequest(`${at}: content must not be empty`);
  blocks.forEach((block, nth) => {
    if (block['type'] === 'text' && !textOf(block['text'])?.trim())
      throw invalidRequest(`${at}: text content blocks must contain non-whitespace text (${nth})`);
  });
  return blocks;
}

function callOf(block: JsonRecord, at: string): RequestedCall {
  const id = textOf(block['id']);
  const name = textOf(block['name']);
  if (id === undefined || !/^[a-zA-Z0-9_-]+$/.test(id))
    throw invalidRequest(`${at}.tool_use.id: String should match pattern`);
  if (name === undefined) throw invalidRequest(`${at}.tool_use.name: Field required`);
  if (!isRecord(block['input'])) throw invalidRequest(`${at}.tool_use.input: Input should be a valid dictionary`);
  return { id, name, arguments: JSON.stringify(block['input']) };
}

/** Only what this server has signed itself passes, by the byte, unless the script chose its own signature. */
function checkThoughts(content: readonly JsonRecord[], at: string): void {
  for (const block of content.filter(({ type }) => type === 'thinking')) {
    const signature = textOf(block['signature']) ?? '';
    const isOwn = !signature.startsWith('Er') || signature === signatureOf(textOf(block['thinking']) ?? '');
    if (signature === '' || !isOwn) throw invalidRequest(`${at}: Invalid \`signature\` in \`thinking\` block`);
  }
}

function checkThinking(body: JsonRecord): void {
  const { thinking, max_tokens: most } = body;
  if (!isRecord(thinking) || thinking['type'] !== 'enabled') return;
  const budget = thinking['budget_tokens'];
  if (typeof budget !== 'number' || budget < 1024)
    throw invalidRequest('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024');
  if (typeof most === 'number' && budget >= most)
    throw invalidRequest('`max_tokens` must be greater than `thinking.budget_tokens`');
}

function checkMarks(body: JsonRecord): void {
  const { system, tools, messages } = body;
  const marks = JSON.stringify([system, tools, messages]).split('"cache_control":').length - 1;
  if (marks > CACHE_MARKS_MOST)
    throw invalidRequest(`A maximum of 4 blocks with cache_control may be provided. Found ${marks}.`);
}

function checkFormat(body: JsonRecord): void {
  const config = body['output_config'];
  const format = isRecord(config) ? config['format'] : undefined;
  if (!isRecord(format)) return;
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!isRecord(node)) return;
    if (node['type'] === 'object' && node['additionalProperties'] !== false)
      throw invalidRequest(
        `output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false`,
      );
    const refused = REFUSED_KEYWORDS.find((key) => key in node && typeof node['type'] === 'string');
    if (refused)
      throw invalidRequest(
        `output_config.format.schema: For '${String(node['type'])}' type, property '${refused}' is not supported`,
      );
    Object.values(node).forEach(visit);
  };
  visit(format['schema']);
}

const textsOf = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : listOf(content)
        .map((part) => (isRecord(part) && part['type'] === 'text' ? (textOf(part['text']) ?? '') : ''))
        .join('');
