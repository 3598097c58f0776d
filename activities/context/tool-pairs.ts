// An assistant message with tool calls and the results that answer it stand or go together: providers refuse the one without the other.
import type { Message } from '../../workflows/contract/message';

/**
 * Whether a conversation can be cut before each of its messages, and at its end: `safe[n]` is the cut before message n. A cut is not
 * safe when a tool result stands after it whose call stands before it.
 */
export function safeCuts(messages: readonly Message[]): boolean[] {
  const safe = new Array<boolean>(messages.length + 1).fill(true);
  let resultFollows = false;
  for (let at = messages.length - 1; at >= 0; at -= 1) {
    const role = messages[at]?.role;
    if (role === 'tool') resultFollows = true;
    // Before the assistant message, and so before all that answers it.
    if (role === 'assistant') resultFollows = false;
    safe[at] = !resultFollows;
  }
  return safe;
}

/** Results that the model has not read yet: those after its last message. They are never taken from it. */
export function firstUnread(messages: readonly Message[]): number {
  return messages.findLastIndex(({ role }) => role === 'assistant') + 1;
}
