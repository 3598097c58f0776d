// Needs: nothing but Node. Which of a run's raw provider items go back to the provider.
import type { ActivityDeps } from '../../activities/deps';
import { rawItemsOf, turnTiedTo } from '../../activities/raw-items';
import { canonicalJson, createMemoryStore, objectHash } from '../../activities/store';
import { callRecordName } from '../../activities/store/ref-names';
import type { JsonValue } from '../../workflows/contract/message';
import type { ModelRecord } from '../../workflows/contract/schemas/call-record';

const store = createMemoryStore();
const key = (turn: number) => ({ run: 'first', fork: 0, turn, index: 0 });
const hashOf = (turn: number) => objectHash(new TextEncoder().encode(`answer ${turn}`));
const provider = { name: 'openai', rawItemsForm: 'openai-responses' };

async function record(
  turn: number,
  about: Partial<ModelRecord['answer']> & { form?: string; raw?: JsonValue } = {},
): Promise<void> {
  const { form = provider.rawItemsForm, raw: items = [{ turn }], ...answer } = about;
  const raw = canonicalJson(items);
  const value: ModelRecord = {
    kind: 'model',
    schemaVersion: 1,
    startedAt: 1,
    endedAt: 2,
    attempt: 1,
    worker: 'w',
    release: 'r',
    from: { base: null, append: [] },
    answer: {
      kind: 'answer',
      head: hashOf(turn),
      messages: [{ hash: hashOf(turn), role: 'assistant', preview: '' }],
      toolCalls: [],
      usage: { input: 1, cachedInput: 0, output: 1, reasoning: 0 },
      model: 'openai/m',
      ...answer,
    },
    position: turn,
    raw: objectHash(raw),
    rawForm: form,
    finish: 'stop',
    request: { sha256: '', bytes: 0 },
  };
  await store.commit({ objects: [raw], refs: [{ op: 'put', name: callRecordName(key(turn)), value }] });
}

const read = (earlier: string[], turn = 9, counted = store) =>
  rawItemsOf(
    { store: counted },
    { key: key(turn) },
    provider,
    earlier.map((hash) => ({ hash })),
  );

test('of answers that this provider made and that stand in this conversation; not of one that was not used', async () => {
  await record(0);
  await record(1, { problem: { type: 'Model.Truncated', message: 'cut' } });
  await record(2, { model: 'other/m' });
  await record(3, { form: 'openai-chat' });
  await record(4);
  await record(5);
  const conversation = [0, 1, 2, 3, 4].map(hashOf);
  const items = await read([...conversation, objectHash(new Uint8Array())]);
  expect([...items]).toEqual([
    [0, [{ turn: 0 }]],
    [4, [{ turn: 4 }]],
  ]);
});

test('a worker reads a record once; after a reset, when a turn comes again, all of them', async () => {
  const pages: number[] = [];
  const counted = {
    ...store,
    listRefs: async (...args: Parameters<typeof store.listRefs>) => {
      const refs = await store.listRefs(...args);
      pages.push(refs.length);
      return refs;
    },
  };
  const conversation = [0, 4, 5, 10].map(hashOf);
  await read(conversation, 9, counted);
  await record(10);
  const items = await read(conversation, 11, counted);
  expect([...items.keys()]).toEqual([0, 1, 2, 3]);
  await read(conversation, 10, counted);
  expect(pages).toEqual([6, 1, 7]);
});

describe('a turn under way', () => {
  const said = (turn: number) => ({ hash: hashOf(turn), message: { role: 'assistant' as const, parts: [] } });
  const result = {
    hash: 'r',
    message: { role: 'tool' as const, call: 0, name: 't', outcome: 'ok' as const, parts: [] },
  };
  const asked = { hash: 'u', message: { role: 'user' as const, parts: [] } };
  const tied = (earlier: Parameters<typeof turnTiedTo>[2], turn: number) =>
    turnTiedTo(
      { store } as ActivityDeps,
      { key: key(turn), agent: 'a', release: 'r', tenant: 't', base: null, append: [] },
      earlier,
    );

  test('is gone on with by whoever signed its thoughts, and by anybody where nothing is signed', async () => {
    await record(20, {
      model: 'claude/m',
      form: 'anthropic-messages',
      raw: [{ type: 'thinking', thinking: 'x', signature: 's' }],
    });
    await record(21, { model: 'claude/m', form: 'anthropic-messages', raw: [{ type: 'tool_use' }] });
    expect(await tied([asked, said(20), result], 30)).toBe('claude');
    expect(await tied([asked, said(20), result, said(21), result], 31)).toBe('claude');
    expect(await tied([asked, said(21), result], 32)).toBeUndefined();
    expect(await tied([asked, said(20), result, asked], 33)).toBeUndefined();
    expect(await tied([asked, said(4), result], 34)).toBeUndefined();
  });
});
