// Needs: nothing but Node. What the runtime says to the model before it answers: stored with the answer, and where it says.
import { callModel } from '../../activities/call-model';
import { compactContext } from '../../activities/compact-context';
import { defineAgent } from '../../activities/define';
import { createConversation, encodeMessage } from '../../activities/store';
import { headName } from '../../activities/store/ref-names';
import { callsOf } from '../../activities/store/run-calls';
import type { CallModelResult } from '../../workflows/contract/activities';
import { COMPACTION_INDEX } from '../../workflows/contract/context';
import { attempt, given, text } from './given';

const agent = defineAgent({ name: 'talker', instructions: 'Talk.', context: false });
const answered = (result: CallModelResult) => {
  if (result.kind !== 'answer') throw new Error(`no answer: ${result.kind}`);
  return result;
};

test('it is linked before the answer, read by the model, counted, and found again with the record', async () => {
  const { deps, store, input, requests } = await given(agent);
  const notice = 'One answer is left.';
  const one = answered(await callModel(deps, { ...input, notice }, attempt()));
  expect(one.notices).toMatchObject([{ role: 'user', preview: notice }]);
  expect(requests[0]?.messages.map((message) => message.parts)).toEqual([
    text('go').parts,
    [{ type: 'text', text: notice }],
  ]);
  const originals = await createConversation(store).originals(one.head, 'w');
  expect(originals.map(({ message }) => message)).toMatchObject([
    { role: 'user' },
    { role: 'user', from: 'runtime', parts: [{ text: notice }] },
    { role: 'assistant' },
  ]);
  expect((await store.readRef(headName('w', 'r')))?.value).toMatchObject({ head: one.head, length: 3 });

  const { calls } = await callsOf(store, 'first');
  const record = calls[0]?.record;
  if (record?.kind !== 'model') throw new Error('no record');
  // The answer's position, and the head of what the model read: both with it.
  expect(record.position).toBe(2);
  const read = await createConversation(store).load(record.edited ?? '');
  expect(read.map(({ message }) => message)).toEqual(requests[0]?.messages);

  // A later attempt may have another clock; what was answered stays.
  for (const again of [{ ...input, notice: 'No answer is left.' }, input])
    expect(await callModel(deps, again, attempt(2))).toEqual({ ...one, reused: true });
  expect(requests).toHaveLength(1);
});

test('without anything to say an answer is what it was before there were notices', async () => {
  const { deps, store, input } = await given(agent);
  expect(await callModel(deps, input, attempt())).not.toHaveProperty('notices');
  const { calls } = await callsOf(store, 'first');
  expect(calls[0]?.record).not.toHaveProperty('edited');
});

const WORDS = 'one two three four five six seven eight nine ten '.repeat(10);

test('where it is what makes a request too long, the summary makes room for it, and does not link it', async () => {
  const held = defineAgent({
    ...{ name: 'talker', instructions: 'Talk.' },
    context: { window: 1_700, prune: false, compact: { when: { tokens: 1_000_000 }, keepLast: 500 } },
  });
  const { deps, store, input, requests } = await given(held, () => ({ text: 'Said.' }), { route: 'openai/gpt-4o' });
  const said = Array.from({ length: 15 }, (_, at) => text(`${at}: ${WORDS}`));
  said.forEach((message, at) => at % 2 && Object.assign(message, { role: 'assistant' }));
  const { hashes } = await store.commit({ objects: said.map(encodeMessage) });
  const asked = { ...input, append: hashes };
  const told = { ...asked, notice: WORDS };
  expect(await callModel(deps, told, attempt())).toMatchObject({ kind: 'compact' });
  const summary = { ...told, key: { ...input.key, index: COMPACTION_INDEX } };
  const compacted = await compactContext(deps, summary, attempt());
  if (compacted.kind !== 'compacted') throw new Error('nothing was summed up');
  expect(await createConversation(store).originals(compacted.head, 'w')).toHaveLength(15);
  const next = { ...told, base: compacted.head, append: [], compacted: true as const };
  const answer = answered(await callModel(deps, next, attempt()));
  expect(answer.notices).toHaveLength(1);
  expect(requests.at(-1)?.messages.at(-1)).toMatchObject({ from: 'runtime', parts: [{ text: WORDS }] });
  expect(await createConversation(store).originals(answer.head, 'w')).toHaveLength(17);
  // Without it the same request would have been sent as it is.
  const other = await given(held, () => ({ text: 'Said.' }), { route: 'openai/gpt-4o' });
  await other.store.commit({ objects: said.map(encodeMessage) });
  expect(await callModel(other.deps, asked, attempt())).toMatchObject({ kind: 'answer' });
});
