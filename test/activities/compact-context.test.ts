// Needs: nothing but Node. What one compaction leaves in the store: its head, the indexes of both chains, and what it was paid for.
import { compactContext } from '../../activities/compact-context';
import { defineAgent } from '../../activities/define';
import type { ActivityDeps } from '../../activities/deps';
import { createConversation, encodeMessage, objectHash, type ContentStore } from '../../activities/store';
import { chainName, headName } from '../../activities/store/ref-names';
import type { CompactContextInput } from '../../workflows/contract/activities';
import { COMPACTION_INDEX } from '../../workflows/contract/context';
import type { Message } from '../../workflows/contract/message';
import { attempt, given, key, text } from './given';

const keeper = defineAgent({
  name: 'keeper',
  instructions: 'Answer.',
  context: { compact: { when: { messages: 20 }, keepLast: 4 } },
});
const said = (count: number, from = 0): Message[] =>
  Array.from({ length: count }, (_, at) =>
    (from + at) % 2 === 0
      ? text(`question ${from + at}`)
      : { role: 'assistant', parts: [{ type: 'text', text: `answer ${from + at}` }] },
  );
const hashOf = (message: Message): string => objectHash(encodeMessage(message));

/** A stored conversation of so many messages, and what is to be appended to it. */
async function conversationOf(stored: number, appended: number) {
  const fixture = await given(keeper, () => ({ text: 'What was said.' }));
  const { store, deps, about } = fixture;
  const hashes = said(stored).map(hashOf);
  const { head, objects } = deps.conversation.extend(null, hashes);
  const index = await deps.conversation.index(null, hashes, chainName('w'));
  const messages = said(stored + appended).map(encodeMessage);
  await store.commit({ objects: [...messages, ...objects, ...index.objects], refs: index.refs });
  const append = said(appended, stored).map(hashOf);
  const input: CompactContextInput = { ...about, key: { ...key, index: COMPACTION_INDEX }, base: head, append };
  return { ...fixture, input };
}

async function headOf(deps: ActivityDeps, input: CompactContextInput): Promise<string> {
  const compacted = await compactContext(deps, input, attempt());
  if (compacted.kind !== 'compacted') throw new Error('nothing was summed up');
  return compacted.head;
}

test('the head of the execution counts original messages, not what stands for them', async () => {
  const { store, deps, input } = await conversationOf(30, 1);
  const head = await headOf(deps, input);
  expect((await store.readRef(headName('w', 'r')))?.value).toMatchObject({ head, length: 31 });
  // A second summary covers the first one.
  const more = said(31, 31).map(encodeMessage);
  const { hashes } = await store.commit({ objects: more });
  const second = await headOf(deps, { ...input, key: { ...input.key, turn: 2 }, base: head, append: hashes });
  expect((await store.readRef(headName('w', 'r')))?.value).toMatchObject({ head: second, length: 62 });
  expect(await createConversation(store).originals(second, 'w')).toHaveLength(62);
});

test.each([0, 1])('what it covers loads cold in few round trips, with %i messages appended to it', async (appended) => {
  const { store, deps, input } = await conversationOf(120, appended);
  // As another worker does it.
  const head = await headOf({ ...deps, conversation: createConversation(store) }, input);
  let trips = 0;
  const remote: ContentStore = {
    ...store,
    get: (hashes) => {
      trips += 1;
      return store.get(hashes);
    },
    readRef: (name) => {
      trips += 1;
      return store.readRef(name);
    },
  };
  const originals = await createConversation(remote).originals(head, 'w');
  expect(originals.map(({ message }) => message)).toEqual(said(120 + appended));
  // Of each chain its index and messages, and of the long one its segments.
  expect(trips).toBeLessThanOrEqual(6);
});

test('a summary that the store could not take is kept, and paid once', async () => {
  const { store, deps, input, requests } = await conversationOf(30, 1);
  const away = new Error('the store is away');
  const full: ContentStore = { ...store, commit: () => Promise.reject(away) };
  await expect(compactContext({ ...deps, store: full }, input, attempt())).rejects.toBe(away);
  // Not even what an index has to be made from can be read.
  const indexless = { ...deps.conversation, index: () => Promise.reject(away) };
  await expect(compactContext({ ...deps, conversation: indexless }, input, attempt(2))).rejects.toBe(away);
  const head = await headOf(deps, input);
  expect(requests).toHaveLength(1);
  // Also by a worker that knows none of its nodes.
  expect(await createConversation(store).originals(head, 'w')).toHaveLength(31);
});
