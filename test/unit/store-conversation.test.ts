// Needs: nothing. Conversations as chains: what is read is what was appended, warm and cold, through any forks, in few round trips.
import fc from 'fast-check';
import {
  createConversation,
  createMemoryStore,
  encodeMessage,
  encodeNode,
  objectHash,
  type ContentStore,
  type Conversation,
} from '../../activities/store';
import { SEGMENT_ITEMS } from '../../activities/store/chain-index';
import { chainName } from '../../activities/store/ref-names';
import type { Message } from '../../workflows/contract/message';

const message = (text: string): Message => ({ role: 'user', parts: [{ type: 'text', text }] });
const messages = (count: number, from = 0): Message[] =>
  Array.from({ length: count }, (_, at) => message(`message ${from + at}`));

const CHAIN = chainName('run_1');

/** A store that counts what a remote one would take a round trip for. */
function counting(store: ContentStore): { store: ContentStore; trips: () => number } {
  let trips = 0;
  return {
    trips: () => trips,
    store: {
      ...store,
      get: (hashes) => {
        trips++;
        return store.get(hashes);
      },
      readRef: (name) => {
        trips++;
        return store.readRef(name);
      },
    },
  };
}

/** As an activity does it: the nodes, their messages and the index in one commit. */
async function append(
  store: ContentStore,
  conversation: Conversation,
  base: string | null,
  added: readonly Message[],
  indexed = true,
  chain = CHAIN,
): Promise<string> {
  const encoded = added.map(encodeMessage);
  const hashes = encoded.map(objectHash);
  const { head, objects } = conversation.extend(base, hashes);
  const index = indexed ? await conversation.index(base, hashes, chain) : { objects: [], refs: [] };
  await store.commit({ objects: [...encoded, ...objects, ...index.objects], refs: index.refs });
  if (head === null) throw new Error('nothing was appended to nothing');
  return head;
}

const read = async (conversation: Conversation, head: string): Promise<Message[]> =>
  (await conversation.load(head, CHAIN)).map((entry) => entry.message);

test('the head is the hash of the chain, and each entry names its own', async () => {
  const store = createMemoryStore();
  const conversation = createConversation(store);
  const added = messages(3);
  const head = await append(store, conversation, null, added);
  let parent: string | null = null;
  const entries = await createConversation(store).load(head);
  for (const [at, entry] of entries.entries()) {
    const hash = objectHash(encodeMessage(added[at] ?? message('')));
    parent = objectHash(encodeNode({ parent, message: hash }));
    expect(entry).toMatchObject({ hash, node: parent });
  }
  expect(parent).toBe(head);
  expect(conversation.extend(head, [])).toEqual({ head, objects: [] });
  expect(conversation.extend(null, [])).toEqual({ head: null, objects: [] });
});

test('400 messages load cold in at most 10 round trips, at any of the lengths on the way', async () => {
  const store = createMemoryStore();
  const writer = createConversation(store);
  const all = messages(400);
  const heads: string[] = [];
  for (let at = 0; at < all.length; at += 2) {
    heads.push(await append(store, writer, heads.at(-1) ?? null, all.slice(at, at + 2)));
  }
  for (const at of [0, 7, 8, 127, 128, 135, 199]) {
    const remote = counting(store);
    expect(await read(createConversation(remote.store), heads[at] ?? '')).toEqual(all.slice(0, 2 * at + 2));
    expect(remote.trips()).toBeLessThanOrEqual(10);
  }
});

test('an edit of the past costs a walk over what no index has, and no more', async () => {
  const store = createMemoryStore();
  const writer = createConversation(store);
  const abandoned = await append(store, writer, await append(store, writer, null, messages(100)), messages(3, 100));
  const kept = (await writer.load(abandoned)).at(99)?.node ?? '';
  await append(store, writer, kept, messages(50, 200));
  const remote = counting(store);
  expect(await read(createConversation(remote.store), abandoned)).toEqual(messages(103));
  // Three nodes of the abandoned branch, the index, its two levels of segments, the messages.
  expect(remote.trips()).toBeLessThanOrEqual(7);
});

test('a warm worker fetches only what is new: nothing twice, the messages of others in one round trip', async () => {
  const store = createMemoryStore();
  const warm = counting(store);
  const conversation = createConversation(warm.store);
  let head: string | null = null;
  let expected: Message[] = [];
  for (let turn = 0; turn < 60; turn++) {
    const added = messages(3, 3 * turn);
    head = await append(store, conversation, head, added);
    expected = [...expected, ...added];
    const before = warm.trips();
    expect(await read(conversation, head)).toEqual(expected);
    expect(warm.trips() - before).toBe(1);
    expect(await read(conversation, head)).toEqual(expected);
    expect(warm.trips() - before).toBe(1);
  }
});

test('what an index adds to the store does not grow with the conversation', async () => {
  const store = createMemoryStore();
  const conversation = createConversation(store);
  let head: string | null = null;
  let largest = 0;
  for (let turn = 0; turn < 300; turn++) {
    const hashes = messages(4, 4 * turn).map((each) => objectHash(encodeMessage(each)));
    const { objects, refs } = await conversation.index(head, hashes, CHAIN);
    await store.commit({ objects, refs });
    head = conversation.extend(head, hashes).head;
    const bytes = objects.reduce((sum, { length }) => sum + length, 0) + JSON.stringify(refs).length;
    largest = Math.max(largest, bytes);
  }
  // Three levels of 15 hashes, and as many segments as one append may fill.
  expect(largest).toBeLessThan(3 * SEGMENT_ITEMS * 70 + 3 * SEGMENT_ITEMS * 70);
});

test('whatever is appended and forked is read as it was, byte for byte, warm and cold, indexed or not', async () => {
  const step = fc.record({
    /** Which of the heads so far is continued; the last is the empty conversation. */
    from: fc.nat(),
    /** Continues in the middle of what one append stored. */
    back: fc.nat({ max: 3 }),
    texts: fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { minLength: 1, maxLength: 40 }),
    indexed: fc.boolean(),
    cold: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const store = createMemoryStore();
      let writer = createConversation(store, 20_000);
      const chains: { head: string | null; said: Message[] }[] = [{ head: null, said: [] }];
      for (const { from, back, texts, indexed, cold } of steps) {
        if (cold) writer = createConversation(store, 20_000);
        const base = chains[from % chains.length] ?? { head: null, said: [] };
        const chain = base.head === null ? [] : await writer.load(base.head);
        const kept = chain.slice(0, Math.max(0, chain.length - back));
        const added = texts.map((text) => message(text.toWellFormed()));
        const head = await append(store, writer, kept.at(-1)?.node ?? null, added, indexed);
        chains.push({ head, said: [...base.said.slice(0, kept.length), ...added] });
      }
      for (const { head, said } of chains) {
        if (head === null) continue;
        for (const reader of [writer, createConversation(store)]) {
          expect((await read(reader, head)).map((each) => Buffer.from(encodeMessage(each)))).toEqual(
            said.map((each) => Buffer.from(encodeMessage(each))),
          );
        }
      }
    }),
    { numRuns: 60 },
  );
});

describe('an index is a hint', () => {
  const all = messages(40);
  let store: ContentStore;
  let head: string;
  beforeEach(async () => {
    store = createMemoryStore();
    head = await append(store, createConversation(store), null, all);
  });

  test.each<[string, (of: string) => unknown]>([
    ['of another chain', (of: string) => ({ schemaVersion: 1, head: of, levels: [['a'.repeat(64)]] })],
    ['whose segment is not stored', (of: string) => ({ schemaVersion: 1, head: of, levels: [[], ['b'.repeat(64)]] })],
    ['of another shape', () => ({ levels: 7 })],
    ['of nothing', (of: string) => ({ schemaVersion: 1, head: of, levels: [] })],
  ])('one %s is not believed', async (_, valueOf) => {
    await store.commit({ refs: [{ op: 'put', name: CHAIN, value: valueOf(head) }] });
    expect(await read(createConversation(store), head)).toEqual(all);
  });

  test('one whose segment is another object is not believed', async () => {
    const [segment = ''] = (await store.commit({ objects: [Buffer.from('no segment')] })).hashes;
    const value = { schemaVersion: 1, head, levels: [[], [segment]] };
    await store.commit({ refs: [{ op: 'put', name: CHAIN, value }] });
    expect(await read(createConversation(store), head)).toEqual(all);
  });

  test('without one the chain is followed node by node, and the next append indexes all of it', async () => {
    const bare = createMemoryStore();
    head = await append(bare, createConversation(bare), null, all, false);
    expect(await read(createConversation(bare), head)).toEqual(all);
    const longer = await append(bare, createConversation(bare), head, messages(1, 40));
    const remote = counting(bare);
    expect(await read(createConversation(remote.store), longer)).toHaveLength(41);
    expect(remote.trips()).toBeLessThanOrEqual(5);
  });
});

test('a message or node that is not stored, or is none, is a typed failure that names it', async () => {
  const store = createMemoryStore();
  const conversation = createConversation(store);
  const absent = objectHash(Buffer.from('absent'));
  await expect(conversation.load(absent)).rejects.toMatchObject({
    type: 'Store.ObjectMissing',
    message: expect.stringContaining(absent),
  });
  await expect(conversation.messages([absent])).rejects.toMatchObject({ type: 'Store.ObjectMissing' });
  const [none = ''] = (await store.commit({ objects: [Buffer.from('no message')] })).hashes;
  await expect(conversation.messages([none])).rejects.toMatchObject({
    type: 'Store.ObjectCorrupt',
    message: expect.stringContaining(none),
  });
  const { head, objects } = conversation.extend(null, [none]);
  await store.commit({ objects });
  await expect(createConversation(store).load(head ?? '')).rejects.toMatchObject({ type: 'Store.ObjectCorrupt' });
});

test('what one caller does to a message does not reach another', async () => {
  const store = createMemoryStore();
  const conversation = createConversation(store);
  const head = await append(store, conversation, null, messages(1));
  const [first] = await read(conversation, head);
  expect(() => first?.parts.pop()).toThrow(TypeError);
  expect(await read(conversation, head)).toEqual(messages(1));
});
