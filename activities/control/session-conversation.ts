// A session's conversation, from run to run.
import { MESSAGES_SHOWN } from '../../workflows/contract/limits';
import type { FailureType } from '../../workflows/contract/failures';
import type { Message, MessageHead } from '../../workflows/contract/message';
import { sessionWorkflowId } from '../../workflows/contract/names';
import type { KeepSessionInput, Reached } from '../../workflows/contract/session';
import type { ChainEntry, Conversation } from '../store/conversation';
import { originalPositions, placesOf } from '../store/original-messages';
import { previewOf } from '../store/preview';
import { chainName } from '../store/ref-names';

/** What a session has said, in the order in which it did. Its index has the session's own name: its runs may be forgotten one by one. */
export const saidIn = async (
  conversation: Conversation,
  session: string,
  { head }: Pick<Reached, 'head'>,
): Promise<ChainEntry[]> => (head === null ? [] : conversation.load(head, chainName(sessionWorkflowId(session))));

/** The newest messages, with their places among the originals. */
export function newestOf(entries: readonly ChainEntry[]): (MessageHead & { position: number })[] {
  const places = originalPositions(entries.map(({ message }) => message));
  return entries
    .map(({ hash, message }, at) => ({
      ...{ hash, role: message.role, preview: previewOf(message), position: places[at] ?? at },
    }))
    .slice(-MESSAGES_SHOWN);
}

/** What a model would not or could not read at all, it would refuse again with every message that follows. */
const UNREADABLE: readonly FailureType[] = ['Model.ContentFiltered', 'Model.BadRequest', 'Model.ContextTooLong'];

/** Where a session goes on after a run. What was said to a run that failed stays said, where a conversation can go on from there. */
export async function reachedBy(
  conversation: Conversation,
  from: Reached,
  { run, outcome, failure, head, length }: NonNullable<KeepSessionInput['ended']>,
): Promise<{ reached: Reached; entries: ChainEntry[] | undefined }> {
  if (head === null || (failure !== undefined && UNREADABLE.includes(failure)))
    return { reached: from, entries: undefined };
  const entries = await conversation.load(head, chainName(run));
  if (outcome === 'completed') return { reached: { head, length }, entries };
  const whole = entries.slice(0, wholeLength(entries.map(({ message }) => message)));
  const last = whole.at(-1);
  if (!last) return { reached: from, entries: undefined };
  const places = whole.reduce((sum, { message }) => sum + placesOf(message), 0);
  return { reached: { head: last.node, length: places }, entries: whole };
}

/** Up to where every call that a model asked for has its result: no provider reads a conversation in which one has none. */
export function wholeLength(messages: readonly Message[]): number {
  let whole = 0;
  let open = 0;
  messages.forEach((message, at) => {
    if (message.role === 'tool') open -= 1;
    if (message.role === 'assistant') open = message.parts.filter(({ type }) => type === 'tool-call').length;
    if (open === 0) whole = at + 1;
  });
  return whole;
}
