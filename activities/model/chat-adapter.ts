// Canonical messages as a body of Chat Completions, which every compatible server speaks.
import type { AssistantMessage, InputPart, JsonValue, ToolMessage } from '../../workflows/contract/message';
import { createChatReader } from './chat-answer';
import { isJsonObject, listAt, textAt, type JsonObject } from './json';
import type { ModelRequest } from './provider';
import { isStrictSchema } from './strict-schema';
import {
  argumentsText,
  derivedCallId,
  hasToolCalls,
  renamedParameters,
  type DataUrl,
  type WireAdapter,
} from './wire-adapter';

export const chatAdapter: WireAdapter = {
  path: '/chat/completions',
  body: chatBody,
  reader: createChatReader,
};

/** Order of the fields: those that stay the same over a conversation first, as a prompt cache reads them. */
function chatBody(request: ModelRequest, dataUrl: DataUrl): JsonObject {
  return {
    // Without it a stream reports no tokens. A parameter of the same name replaces it, for servers that take other options.
    stream_options: { include_usage: true },
    ...renamedParameters(request.parameters, {
      maxOutputTokens: 'max_completion_tokens',
      reasoningEffort: 'reasoning_effort',
    }),
    model: request.model,
    ...(request.tools.length === 0 ? {} : { tools: request.tools.map(toolOf) }),
    ...(request.output === undefined ? {} : { response_format: outputFormat(request.output) }),
    messages: chatMessages(request, dataUrl),
    stream: true,
  };
}

function toolOf(tool: ModelRequest['tools'][number]): JsonObject {
  return {
    type: 'function',
    function: {
      name: tool.name,
      description: tool.description,
      parameters: tool.input,
      // Absent means not strict here, and servers that do not know the field are spared it.
      ...(isStrictSchema(tool.input) ? { strict: true } : {}),
    },
  };
}

function outputFormat({ name, schema }: NonNullable<ModelRequest['output']>): JsonObject {
  return { type: 'json_schema', json_schema: { name, schema, strict: isStrictSchema(schema) } };
}

function chatMessages(request: ModelRequest, dataUrl: DataUrl): JsonObject[] {
  const messages: JsonObject[] = [];
  if (request.instructions !== '') messages.push({ role: 'system', content: request.instructions });
  let callIds: (call: number) => string = (call) => derivedCallId(0, call);
  // Role tool takes text alone, and all results of an answer must follow it directly: images and files that tools returned wait here,
  // and follow as one user message.
  let returned: JsonObject[] = [];
  const flush = () => {
    if (returned.length > 0) messages.push({ role: 'user', content: returned });
    returned = [];
  };
  request.messages.forEach((message, position) => {
    if (message.role === 'tool') {
      messages.push({ role: 'tool', tool_call_id: callIds(message.call), content: textOf(message) });
      const media = message.parts.filter((part) => part.type !== 'text');
      if (media.length > 0) returned.push({ type: 'text', text: `Returned by ${message.name}, call ${message.call}:` });
      returned.push(...media.map((part) => contentOf(part, dataUrl)));
      return;
    }
    flush();
    if (message.role === 'user') {
      messages.push({ role: 'user', content: userContent(message.parts, dataUrl) });
    } else {
      const raw = request.rawItems.get(position);
      callIds = callIdsOf(raw, position);
      messages.push(assistantMessage(message, raw, callIds));
    }
  });
  flush();
  return messages;
}

/**
 * The ids that the provider itself gave, for some know only their own form (Mistral: nine characters); derived ones where it did not
 * make the answer, or gave no usable ids.
 */
function callIdsOf(raw: JsonValue | undefined, position: number): (call: number) => string {
  const ids = listAt(raw, 'tool_calls').map((call) => textAt(call, 'id'));
  const usable = ids.every((id) => id) && new Set(ids).size === ids.length;
  return (call) => (usable ? ids[call] : undefined) ?? derivedCallId(position, call);
}

function assistantMessage(
  message: AssistantMessage,
  raw: JsonValue | undefined,
  callId: (call: number) => string,
): JsonObject {
  const text = message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
  if (!hasToolCalls(message)) return { role: 'assistant', content: text };
  const rawCalls = listAt(raw, 'tool_calls');
  return {
    role: 'assistant',
    content: text === '' ? null : text,
    ...keptFields(raw, ['reasoning_content', 'reasoning_details']),
    tool_calls: message.parts.flatMap((part) => {
      if (part.type !== 'tool-call') return [];
      return [
        {
          id: callId(part.call),
          type: 'function',
          function: { name: part.name, arguments: argumentsText(part) },
          ...keptFields(rawCalls[part.call], ['extra_content']),
        },
      ];
    }),
  };
}

/**
 * Reasoning that a vendor wants back between a tool call and its answer: DeepSeek and Moonshot its text, OpenRouter its details, Gemini
 * a signature per call. Only from the provider's own raw message, so no other server ever meets these fields.
 */
function keptFields(raw: JsonValue | undefined, names: string[]): JsonObject {
  if (!isJsonObject(raw)) return {};
  return Object.fromEntries(Object.entries(raw).filter(([name, value]) => names.includes(name) && value !== null));
}

/** The words of a tool's result; files it returned are named here and shown after it. */
function textOf(message: ToolMessage): string {
  const texts = message.parts.map((part) =>
    part.type === 'text' ? part.text : `[${part.type} ${part.file.name ?? part.file.mediaType}, shown below]`,
  );
  return texts.join('\n');
}

/** Text alone goes as text, which every compatible server takes. */
function userContent(parts: InputPart[], dataUrl: DataUrl): JsonValue {
  const [first] = parts;
  if (parts.length === 1 && first?.type === 'text') return first.text;
  return parts.map((part) => contentOf(part, dataUrl));
}

function contentOf(part: InputPart, dataUrl: DataUrl): JsonObject {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text };
    case 'image':
      return { type: 'image_url', image_url: { url: dataUrl(part.file) } };
    case 'file':
      return { type: 'file', file: { filename: part.file.name ?? part.file.sha256, file_data: dataUrl(part.file) } };
  }
}
