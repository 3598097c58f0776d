// What a history may show of content: one short line.
import { PREVIEW_CHARS } from '../../workflows/contract/limits';
import type { JsonValue, Message } from '../../workflows/contract/message';

type AnyPart = Message['parts'][number];

/** What survives the squeezing of white space; without it a long text would be scanned whole for 120 characters. */
const SCANNED_CHARS = 40 * PREVIEW_CHARS;
/** Control characters, line separators, and marks that turn the direction of what stands beside them on a terminal or a page. */
const UNSHOWABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+|\p{Surrogate}/gu;

/** @returns one line of at most PREVIEW_CHARS UTF-16 units, without control characters */
export function previewOf(content: Message | JsonValue): string {
  if (typeof content === 'string') return oneLine(content);
  if (isMessage(content)) return oneLine(content.parts.map(previewOfPart).filter(Boolean).join(' '));
  return oneLine(JSON.stringify(content));
}

function previewOfPart(part: AnyPart): string {
  switch (part.type) {
    case 'text':
      return part.text.slice(0, SCANNED_CHARS);
    case 'reasoning':
      // Providers show it to the caller, not to whoever reads histories.
      return '';
    case 'tool-call': {
      const { unparsed } = part.arguments;
      return `${part.name}(${part.malformed && typeof unparsed === 'string' ? unparsed : JSON.stringify(part.arguments)})`;
    }
    case 'image':
    case 'file':
      return `[${part.type} ${part.file.name ?? part.file.mediaType}, ${sizeOf(part.file.bytes)}]`;
  }
}

function oneLine(text: string): string {
  const line = text.slice(0, SCANNED_CHARS).replace(UNSHOWABLE, ' ').replace(/\s+/g, ' ').trim();
  if (line.length <= PREVIEW_CHARS && text.length <= SCANNED_CHARS) return line;
  const cut = line.slice(0, PREVIEW_CHARS - 1).replace(/\p{Surrogate}$/u, '');
  return `${cut.trimEnd()}…`;
}

const sizeOf = (bytes: number): string =>
  bytes < 1_000
    ? `${bytes} bytes`
    : bytes < 1_000_000
      ? `${Math.round(bytes / 1_000)} KB`
      : `${(bytes / 1_000_000).toFixed(1)} MB`;

const isMessage = (content: Message | JsonValue): content is Message =>
  typeof content === 'object' &&
  content !== null &&
  'role' in content &&
  typeof content.role === 'string' &&
  'parts' in content &&
  Array.isArray(content.parts);
