// Messages as text that a model reads: by `recall` and by the summariser. Text as it is, everything else in brackets.
import type { Message } from '../../workflows/contract/message';
import { canonicalJson } from '../store/canonical-json';

type Part = Message['parts'][number];

/**
 * The words of a message. Reasoning is left out: it is no part of what was said. Files are named with all that a tool needs to take them.
 */
export const renderParts = (message: Message): string =>
  message.parts
    .filter(({ type }) => type !== 'reasoning')
    .map(renderPart)
    .join('\n');

function renderPart(part: Part): string {
  switch (part.type) {
    case 'text':
    case 'reasoning':
      return part.text;
    case 'tool-call': {
      const { unparsed } = part.arguments;
      return `[call ${part.call}: ${part.name}(${part.malformed && typeof unparsed === 'string' ? unparsed : json(part.arguments)})]`;
    }
    case 'image':
    case 'file':
      return `[${part.type} ${json(part.file)}]`;
  }
}

/** Who said it. */
export function speakerOf(message: Message): string {
  switch (message.role) {
    case 'user':
      return message.from === 'runtime' ? 'user (written by the runtime)' : 'user';
    case 'assistant':
      return message.refused ? 'assistant (declined)' : 'assistant';
    case 'tool':
      return `tool ${message.name}, result of call ${message.call} (${message.outcome})`;
  }
}

/** The end of a cut at most at `end`, moved back where it would split a surrogate pair. */
export function wholeCharacters(text: string, end: number): number {
  const splits = /[\ud800-\udbff]/.test(text.charAt(end - 1)) && /[\udc00-\udfff]/.test(text.charAt(end));
  return splits ? end - 1 : end;
}

const json = (value: unknown): string => Buffer.from(canonicalJson(value)).toString();
