// What a person says to a run on its way. A caller has stored it, so that its history holds a name; by plain Temporal it comes as a text.
// A ref of the run names it from then on: a run that is paused for weeks has not lost it to the garbage collection.
import type { TakeMessageInput } from '../workflows/contract/activities';
import { STEER_CHARS } from '../workflows/contract/limits';
import type { MessageHead, UserMessage } from '../workflows/contract/message';
import type { ActivityDeps } from './deps';
import { failure } from './failure';
import { encodeMessage, previewOf } from './store';
import { saidName } from './store/ref-names';

const saidMessage = (text: string): UserMessage => ({ role: 'user', parts: [{ type: 'text', text }] });

/** Repeating it changes nothing. @throws ApplicationFailure `Run.NotHeard` where that is no message that a person could say */
export async function takeMessage(
  { store, conversation, now }: Pick<ActivityDeps, 'store' | 'conversation' | 'now'>,
  { key, said }: TakeMessageInput,
): Promise<MessageHead> {
  const message = 'text' in said ? saidMessage(said.text) : await storedMessage(conversation, said.message);
  const bytes = encodeMessage(message);
  const hash = store.nameOf(bytes);
  const value = { schemaVersion: 1, message: hash, at: now() };
  await store.commit({ objects: [bytes], refs: [{ op: 'put', name: saidName(key.run, hash), value }] });
  return { hash, role: message.role, preview: previewOf(message) };
}

/** A name that anybody may have sent: what it names is read again, and nothing of it kept but the text. */
async function storedMessage(conversation: ActivityDeps['conversation'], hash: string): Promise<UserMessage> {
  const [stored] = await conversation.messages([hash]);
  const [part, ...more] = stored?.role === 'user' && stored.from === undefined ? stored.parts : [];
  if (part?.type === 'text' && more.length === 0 && part.text.length <= STEER_CHARS) return saidMessage(part.text);
  throw failure('Run.NotHeard', 'what is to be said must be one text in the store of the run, as a person says it.');
}
