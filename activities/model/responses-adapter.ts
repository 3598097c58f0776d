// Canonical messages as a body of the Responses API. Stateless: everything is sent, nothing is kept by the provider.
import type { AssistantMessage, InputPart, JsonValue, ToolMessage } from '../../workflows/contract/message';
import { isJsonObject, listAt, objectAt, textAt, type JsonObject } from './json';
import type { ModelRequest } from './provider';
import { createResponsesReader } from './responses-answer';
import { isStrictSchema } from './strict-schema';
import { argumentsText, derivedCallId, renamedParameters, type DataUrl, type WireAdapter } from './wire-adapter';

export const responsesAdapter: WireAdapter = {
  path: '/responses',
  body: responsesBody,
  reader: createResponsesReader,
};

/**
 * OpenAI's reasoning models, also behind a gateway that prefixes their names. They reason without being asked to, and without storing
 * need their encrypted reasoning back.
 */
const REASONING_MODEL = /(^|\/)(o\d|gpt-[5-9]|codex|computer-use)(?!.*-chat)/;

/** Order of the fields: those that stay the same over a conversation first, as a prompt cache reads them. */
function responsesBody(request: ModelRequest, dataUrl: DataUrl): JsonObject {
  const { reasoningEffort, ...parameters } = request.parameters;
  const reasoning = {
    ...objectAt(parameters, 'reasoning'),
    ...(reasoningEffort === undefined ? {} : { effort: reasoningEffort }),
  };
  const reasons = Object.keys(reasoning).length > 0;
  return {
    store: false,
    // Asked for only where it is meant: models that do not reason answer 400, and compatible servers may not know the value.
    ...(reasons || REASONING_MODEL.test(request.model) ? { include: ['reasoning.encrypted_content'] } : {}),
    ...renamedParameters(parameters, { maxOutputTokens: 'max_output_tokens' }),
    ...(reasons ? { reasoning } : {}),
    model: request.model,
    ...(request.instructions === '' ? {} : { instructions: request.instructions }),
    ...(request.tools.length === 0 ? {} : { tools: request.tools.map(toolOf) }),
    ...(request.output === undefined
      ? {}
      : { text: { ...objectAt(parameters, 'text'), format: outputFormat(request.output) } }),
    input: inputItems(request, dataUrl),
    stream: true,
  };
}

function toolOf(tool: ModelRequest['tools'][number]): JsonObject {
  return {
    type: 'function',
    name: tool.name,
    description: tool.description,
    parameters: tool.input,
    // Always said: this API turns strict mode on where the field is absent.
    strict: isStrictSchema(tool.input),
  };
}

function outputFormat({ name, schema }: NonNullable<ModelRequest['output']>): JsonObject {
  return { type: 'json_schema', name, schema, strict: isStrictSchema(schema) };
}

function inputItems(request: ModelRequest, dataUrl: DataUrl): JsonObject[] {
  const items: JsonObject[] = [];
  let callIds: (call: number) => string = (call) => derivedCallId(0, call);
  request.messages.forEach((message, position) => {
    switch (message.role) {
      case 'user':
        items.push({ role: 'user', content: message.parts.map((part) => contentOf(part, dataUrl)) });
        break;
      case 'assistant': {
        const raw = rawItemsOf(request.rawItems.get(position));
        const ids = raw?.flatMap((item) => (item.type === 'function_call' ? [textAt(item, 'call_id')] : [])) ?? [];
        callIds = (call) => ids[call] ?? derivedCallId(position, call);
        items.push(...(raw ?? rebuiltItems(message, callIds)));
        break;
      }
      case 'tool':
        items.push({
          type: 'function_call_output',
          call_id: callIds(message.call),
          output: outputOf(message, dataUrl),
        });
        break;
    }
  });
  return items;
}

/**
 * The provider's own items, verbatim. Where it kept its reasoning to itself (neither encrypted nor open, and nothing stored), the
 * reasoning item would not be found, and the others may not name it: then it is left out and they go without their ids.
 */
function rawItemsOf(raw: JsonValue | undefined): JsonObject[] | undefined {
  if (!Array.isArray(raw) || !raw.every(isJsonObject)) return undefined;
  const isHidden = (item: JsonObject) =>
    item.type === 'reasoning' && !item.encrypted_content && listAt(item, 'content').length === 0;
  if (!raw.some(isHidden)) return raw;
  return raw.flatMap((item) => {
    if (item.type === 'reasoning') return [];
    const { id: _id, ...rest } = item;
    return [rest];
  });
}

/** Reasoning is left out: what can be read of it is a summary, which the API does not take as input. */
function rebuiltItems(message: AssistantMessage, callId: (call: number) => string): JsonObject[] {
  return message.parts.flatMap((part): JsonObject[] => {
    switch (part.type) {
      case 'text':
        return [{ role: 'assistant', content: part.text }];
      case 'reasoning':
        return [];
      case 'tool-call':
        return [{ type: 'function_call', call_id: callId(part.call), name: part.name, arguments: argumentsText(part) }];
    }
  });
}

/** Text alone goes as text, which every compatible server takes; a list of contents only where there is an image or a file. */
function outputOf(message: ToolMessage, dataUrl: DataUrl): JsonValue {
  const texts = message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  if (texts.length === message.parts.length) return texts.join('\n');
  return message.parts.map((part) => contentOf(part, dataUrl));
}

function contentOf(part: InputPart, dataUrl: DataUrl): JsonObject {
  switch (part.type) {
    case 'text':
      return { type: 'input_text', text: part.text };
    case 'image':
      return { type: 'input_image', image_url: dataUrl(part.file), detail: 'auto' };
    case 'file':
      return { type: 'input_file', filename: part.file.name ?? part.file.sha256, file_data: dataUrl(part.file) };
  }
}
