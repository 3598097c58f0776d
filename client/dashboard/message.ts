// A message of a conversation, whole.
import type { Message } from '../../workflows/contract/message';
import { formatBytes } from '../format';
import { html, preText, shownText, type Html } from './html';

type Part = Message['parts'][number];

/** @param isTop it stands under the page's own heading */
export function messageHtml(message: Message, title: string, isTop = false): Html {
  const heading = html`${title} ${roleOf(message)}`;
  return html`<section class="message">
    ${isTop ? html`<h2>${heading}</h2>` : html`<h3>${heading}</h3>`}
    ${message.parts.map((part) => html`<pre tabindex="0">${preText(partText(part))}</pre>`)}
  </section>`;
}

function roleOf(message: Message): Html {
  switch (message.role) {
    case 'user':
      return html`${message.from === 'runtime' ? 'runtime' : 'user'}`;
    case 'assistant':
      return html`${message.refused ? 'assistant (refused)' : 'assistant'}`;
    case 'tool':
      return html`tool ${shownText(message.name)} (call ${message.call + 1} of its turn, ${message.outcome})`;
  }
}

export function partText(part: Part): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'reasoning':
      return `(reasoning) ${part.text}`;
    case 'tool-call': {
      const { arguments: given, malformed } = part;
      const text =
        malformed && typeof given['unparsed'] === 'string' ? given['unparsed'] : JSON.stringify(given, null, 2);
      return `→ ${part.name}(${text})`;
    }
    case 'image':
    case 'file': {
      const { name = 'without a name', mediaType, bytes, sha256 } = part.file;
      return `[${part.type} ${name}, ${mediaType}, ${formatBytes(bytes)}, sha256 ${sha256.slice(0, 12)}]`;
    }
  }
}
