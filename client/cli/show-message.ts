// A message of a conversation, in full, as a person reads it.
import type { InputPart, Message } from '../../workflows/contract/message';
import { formatBytes } from '../format';
import type { Output } from './output';

export function showMessage(output: Output, title: string, message: Message): void {
  const { colors } = output;
  output.line(colors.dim(`── ${title} ${roleOf(message)}`));
  for (const part of message.parts) output.line(output.safe(partText(part)));
  output.line();
}

function roleOf(message: Message): string {
  switch (message.role) {
    case 'user':
      return message.from === 'runtime' ? 'runtime' : 'user';
    case 'assistant':
      return message.refused ? 'assistant (refused)' : 'assistant';
    case 'tool':
      return `tool ${message.name} (call ${message.call + 1} of its turn, ${message.outcome})`;
  }
}

type Part = Message['parts'][number];

function partText(part: Part): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'reasoning':
      return `(reasoning) ${part.text}`;
    case 'tool-call':
      return `→ ${part.name}(${argumentsText(part)})`;
    case 'image':
    case 'file':
      return fileText(part);
  }
}

const argumentsText = ({ arguments: given, malformed }: Extract<Part, { type: 'tool-call' }>): string =>
  malformed && typeof given['unparsed'] === 'string' ? given['unparsed'] : JSON.stringify(given);

const fileText = ({ type, file }: Exclude<InputPart, { type: 'text' }>): string =>
  `[${type} ${file.name ?? 'without a name'}, ${file.mediaType}, ${formatBytes(file.bytes)}, sha256 ${file.sha256.slice(0, 12)}]`;
