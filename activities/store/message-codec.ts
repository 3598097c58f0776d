// Messages and chain nodes as objects, and the previews that a history may show of them.
import type { z } from 'zod';
import { PREVIEW_CHARS } from '../../workflows/contract/limits';
import type { ChainNode, JsonValue, Message } from '../../workflows/contract/message';
import { chainNodeSchema, messageSchema } from '../../workflows/contract/schemas/message';
import { failure } from '../failure';
import { canonicalJson, objectHash } from './canonical-json';

export const encodeMessage = (message: Message): Uint8Array => canonicalJson(message);
export const encodeNode = (node: ChainNode): Uint8Array => canonicalJson(node);

/** @throws ApplicationFailure `Store.ObjectCorrupt` when the object is no message that this version knows */
export const decodeMessage = (bytes: Uint8Array): Message => decode(bytes, messageSchema, 'message');
/** @throws ApplicationFailure `Store.ObjectCorrupt` */
export const decodeNode = (bytes: Uint8Array): ChainNode => decode(bytes, chainNodeSchema, 'chain node');

function decode<T>(bytes: Uint8Array, schema: z.ZodType<T>, what: string): T {
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    if (parsed.success) return parsed.data;
  } catch {
    // Not JSON: the same answer as JSON of another shape.
  }
  throw failure('Store.ObjectCorrupt', `object ${objectHash(bytes)} is no ${what} that this version can read.`);
}

const isMessage = (value: Message | JsonValue): value is Message =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && 'role' in value && 'parts' in value;

/** One line of at most PREVIEW_CHARS characters. */
export function previewOf(value: Message | JsonValue): string {
  const text = isMessage(value)
    ? value.parts.map(partText).join(' ')
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);
  // eslint-disable-next-line no-control-regex -- control characters are what must go: they could move a terminal's cursor
  const line = text
    .slice(0, PREVIEW_CHARS * 8)
    .replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim()
    .toWellFormed();
  return line.length <= PREVIEW_CHARS ? line : `${line.slice(0, PREVIEW_CHARS - 1)}…`;
}

function partText(part: Message['parts'][number]): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'reasoning':
      return `(reasoning) ${part.text}`;
    case 'tool-call':
      return `${part.name}(${JSON.stringify(part.arguments)})`;
    case 'image':
    case 'file':
      return `[${part.file.name ?? part.file.mediaType}, ${part.file.bytes} bytes]`;
  }
}
