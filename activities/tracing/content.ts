// What was said, as the conventions write it: exported only where the configuration asks for it, and without what looks like a credential.
import type { AssistantMessage, JsonValue, Message, ToolCallPart } from '../../workflows/contract/message';
import type { SeenModelCall, SpanAttributes } from './port';

type Hide = (text: string) => string;

/** Of one attribute, in characters: a collector drops what is much longer, with all that comes beside it. */
const CONTENT_CHARS = 64_000;

type Part = { [name: string]: JsonValue };

function partsOf(message: Message): Part[] {
  const text = (content: string): Part => ({ type: 'text', content });
  if (message.role === 'tool') {
    const response = message.parts.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join('\n');
    return [{ type: 'tool_call_response', id: String(message.call), response }];
  }
  return message.parts.map((part): Part => {
    if (part.type === 'text') return text(part.text);
    if (part.type === 'reasoning') return { type: 'reasoning', content: part.text };
    if (part.type === 'tool-call')
      return { type: 'tool_call', id: String(part.call), name: part.name, arguments: part.arguments };
    // Bytes stay in the store, under this name.
    return { type: 'file', modality: part.type, mime_type: part.file.mediaType, file_id: part.file.sha256 };
  });
}

/** JSON whose texts have passed through `hide`, within the length: of messages the oldest give way. */
function messagesText(messages: readonly Part[], hide: Hide): string {
  const written = messages.map((message) => hidden(message, hide));
  let chars = 2;
  let from = written.length;
  while (from > 0 && chars + (written[from - 1]?.length ?? 0) + 1 <= CONTENT_CHARS) {
    from -= 1;
    chars += (written[from]?.length ?? 0) + 1;
  }
  return `[${written.slice(from).join(',')}]`;
}

/** Each text by itself: a pattern must not see JSON's own quotes. */
const hidden = (value: JsonValue, hide: Hide): string =>
  JSON.stringify(value, (_name, inner: unknown) => (typeof inner === 'string' ? hide(inner) : inner));

const cut = (text: string): string => text.slice(0, CONTENT_CHARS);

export function chatContent({ asked, response }: SeenModelCall, hide: Hide): SpanAttributes {
  return {
    ...(asked
      ? {
          'gen_ai.system_instructions': cut(hidden([{ type: 'text', content: asked.instructions }], hide)),
          'gen_ai.input.messages': messagesText(
            asked.messages.map((message) => ({ role: message.role, parts: partsOf(message) })),
            hide,
          ),
        }
      : {}),
    ...(response ? { 'gen_ai.output.messages': outputText(response.message, response.finish, hide) } : {}),
  };
}

const outputText = (message: AssistantMessage, finish: string, hide: Hide): string =>
  messagesText([{ role: message.role, parts: partsOf(message), finish_reason: finish }], hide);

export const toolContent = (
  call: Pick<ToolCallPart, 'arguments'> | undefined,
  result: Message | undefined,
  hide: Hide,
): SpanAttributes => ({
  ...(call ? { 'gen_ai.tool.call.arguments': cut(hidden(call.arguments, hide)) } : {}),
  ...(result ? { 'gen_ai.tool.call.result': cut(hidden(partsOf(result), hide)) } : {}),
});
