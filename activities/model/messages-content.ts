// A conversation as the `messages` of the Messages API, with the places up to which its prompt cache shall keep it.
import type { AssistantMessage, FileRef, InputPart, JsonValue, ToolMessage } from '../../workflows/contract/message';
import { isJsonObject, textAt, type JsonObject } from './json';
import type { ModelRequest } from './provider';
import { derivedCallId, type DataUrl } from './wire-adapter';

interface Turn {
  role: 'user' | 'assistant';
  content: JsonObject[];
}

/** Two: the newest, for the next request, and the one before, which the last request wrote. One more stands behind the instructions. */
const MARKED_TURNS = 2;
/** The API refuses content without a word. */
const NOTHING_SAID = '(empty)';

export function conversationOf(
  request: ModelRequest,
  dataUrl: DataUrl,
  cacheControl: JsonObject | undefined,
): JsonObject[] {
  const turns = turnsOf(request, dataUrl);
  const marked = cacheControl ? turns.filter(({ role }) => role === 'user').slice(-MARKED_TURNS) : [];
  return turns.map((turn) => {
    if (!cacheControl || !marked.includes(turn)) return { role: turn.role, content: turn.content };
    const content = turn.content.map((block, at) =>
      at === turn.content.length - 1 ? { ...block, cache_control: cacheControl } : block,
    );
    return { role: turn.role, content };
  });
}

function turnsOf(request: ModelRequest, dataUrl: DataUrl): Turn[] {
  const turns: Turn[] = [];
  let callIds: (call: number) => string = (call) => derivedCallId(0, call);
  let results: JsonObject[] | undefined;
  request.messages.forEach((message, position) => {
    if (message.role === 'tool') {
      // All results of an answer stand in one message, directly after it.
      if (!results) turns.push({ role: 'user', content: (results = []) });
      results.push(toolResult(message, callIds(message.call), dataUrl));
      return;
    }
    results = undefined;
    if (message.role === 'user') {
      const content = message.parts.filter(isSaid).map((part) => contentOf(part, dataUrl));
      turns.push({ role: 'user', content: content.length > 0 ? content : [{ type: 'text', text: NOTHING_SAID }] });
      return;
    }
    const raw = rawBlocksOf(request.rawItems.get(position));
    const ids = raw?.flatMap((block) => (block.type === 'tool_use' ? [textAt(block, 'id')] : [])) ?? [];
    callIds = (call) => ids[call] ?? derivedCallId(position, call);
    const content = raw ?? rebuiltBlocks(message, callIds);
    // An empty answer cannot be sent back; without it, two messages of the user follow each other, which the API joins.
    if (content.length > 0) turns.push({ role: 'assistant', content });
  });
  return turns;
}

const isSaid = (part: { type: string; text?: string }): boolean => part.type !== 'text' || part.text?.trim() !== '';

/** The provider's own blocks, verbatim, but for texts without a word, which it writes and does not take back. */
function rawBlocksOf(raw: JsonValue | undefined): JsonObject[] | undefined {
  if (!Array.isArray(raw) || !raw.every(isJsonObject)) return undefined;
  return raw.filter((block) => block.type !== 'text' || textAt(block, 'text')?.trim());
}

/** Reasoning is left out: without its signature the API takes none. */
function rebuiltBlocks(message: AssistantMessage, callId: (call: number) => string): JsonObject[] {
  return message.parts.filter(isSaid).flatMap((part): JsonObject[] => {
    switch (part.type) {
      case 'text':
        return [{ type: 'text', text: part.text }];
      case 'reasoning':
        return [];
      case 'tool-call':
        return [{ type: 'tool_use', id: callId(part.call), name: part.name, input: part.arguments }];
    }
  });
}

function toolResult({ parts, outcome }: ToolMessage, callId: string, dataUrl: DataUrl): JsonObject {
  const said = parts.filter(isSaid);
  const isText = said.every((part) => part.type === 'text');
  return {
    type: 'tool_result',
    tool_use_id: callId,
    ...(said.length === 0 ? {} : { content: said.map((part) => contentOf(part, dataUrl)) }),
    // Beside anything but text the API refuses the mark; the words say what went wrong.
    ...(outcome === 'error' && isText ? { is_error: true } : {}),
  };
}

function contentOf(part: InputPart, dataUrl: DataUrl): JsonObject {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text };
    case 'image':
      return { type: 'image', source: bytesOf(part.file, dataUrl) };
    case 'file':
      return { type: 'document', source: documentOf(part.file, dataUrl), title: part.file.name ?? part.file.sha256 };
  }
}

const bytesOf = (file: FileRef, dataUrl: DataUrl): JsonObject => ({
  type: 'base64',
  media_type: file.mediaType,
  data: base64Of(dataUrl(file)),
});

/** Text goes as text, of whatever kind: only PDFs are taken as bytes. */
function documentOf(file: FileRef, dataUrl: DataUrl): JsonObject {
  if (!/^text\/|[/+](json|xml|yaml)$/.test(file.mediaType)) return bytesOf(file, dataUrl);
  const data = Buffer.from(base64Of(dataUrl(file)), 'base64').toString('utf8');
  return { type: 'text', media_type: 'text/plain', data };
}

const base64Of = (url: string): string => url.slice(url.indexOf(',') + 1);
