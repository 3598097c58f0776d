// Needs: nothing but Node. A window that is known is held: what does not fit is made shorter, or refused before it is sent.
import { callModel } from '../../activities/call-model';
import { failure } from '../../activities/failure';
import { compactContext } from '../../activities/compact-context';
import { defineAgent, type ContextOptions } from '../../activities/define';
import { encodeMessage } from '../../activities/store';
import { COMPACTION_INDEX } from '../../workflows/contract/context';
import type { Message } from '../../workflows/contract/message';
import { attempt, given } from './given';

const WORDS = 'one two three four five six seven eight nine ten '.repeat(10);
/** Some 100 tokens each. */
const talk = (count: number): Message[] =>
  Array.from({ length: count }, (_, at) => ({
    role: at % 2 === 0 ? ('user' as const) : ('assistant' as const),
    parts: [{ type: 'text' as const, text: `${at}: ${WORDS}` }],
  }));

/** Asks about a conversation of so many messages: an odd number, so that it ends with a question. */
async function ask(context: false | ContextOptions, messages: number, model = 'openai/gpt-4o') {
  const agent = defineAgent({ name: 'talker', instructions: 'Talk.', context });
  const fixture = await given(agent, () => ({ text: 'A summary.' }), { route: model });
  const { hashes } = await fixture.store.commit({ objects: talk(messages).map(encodeMessage) });
  const input = { ...fixture.input, append: hashes };
  return { ...fixture, input, asked: () => callModel(fixture.deps, input, attempt()) };
}

const keepsMuch: ContextOptions = { window: 2_000, prune: false, compact: { keepLast: 500 } };

test('more messages are summed up than the plan wants to keep, where the request does not fit otherwise', async () => {
  const { asked, requests, deps, input } = await ask(keepsMuch, 31);
  expect(await asked()).toMatchObject({
    kind: 'compact',
    reason: expect.stringMatching(/^\d+ tokens of 2000/) as string,
  });
  expect(requests).toHaveLength(0);
  const key = { ...input.key, index: COMPACTION_INDEX };
  const compacted = await compactContext(deps, { ...input, key }, attempt());
  if (compacted.kind !== 'compacted') throw new Error('nothing was summed up');
  expect(compacted.covered).toBeGreaterThan(12);
  const again = await callModel(deps, { ...input, base: compacted.head, append: [], compacted: true }, attempt());
  expect(again).toMatchObject({ kind: 'answer' });
  expect(requests.at(-1)?.messages.length).toBeLessThan(20);
});

test.each([
  ['nothing is edited', false, 'openai/gpt-4', 101, /the request has \d+,\d+ tokens; the model reads 8,192\./],
  [
    'nothing is summed up',
    { window: 2_000, prune: false, compact: false },
    'openai/gpt-4o',
    31,
    /the model reads 2,000/,
  ],
  ['only the first message and the last are there', keepsMuch, 'openai/gpt-4o', 1, undefined],
] as const)('where %s, it is refused before it is sent', async (_, context, model, messages, message) => {
  const { asked, requests } = await ask(context, messages, model);
  if (message === undefined) return expect(await asked()).toMatchObject({ kind: 'answer' });
  await expect(asked()).rejects.toMatchObject({
    type: 'Model.ContextTooLong',
    message: expect.stringMatching(message) as string,
  });
  expect(requests).toHaveLength(0);
});

test('what is still too long after a summary is refused, and not summed up without end', async () => {
  const { deps, input, requests } = await ask(keepsMuch, 31);
  await expect(callModel(deps, { ...input, compacted: true }, attempt())).rejects.toMatchObject({
    type: 'Model.ContextTooLong',
    message: expect.stringContaining('after a summary') as string,
  });
  expect(requests).toHaveLength(0);
});

test('a count that is an estimate refuses nothing that may fit', async () => {
  const fits = await ask({ window: 3_100, prune: false, compact: false }, 31, 'near/qwen3-32b');
  expect(await fits.asked()).toMatchObject({ kind: 'answer' });
  const exact = await ask({ window: 3_100, prune: false, compact: false }, 31);
  await expect(exact.asked()).rejects.toMatchObject({ type: 'Model.ContextTooLong' });
});

test.each([1_000, 1_500, 3_000])(
  'whatever the length, a request after a summary fits a window of %i, or is refused',
  async (window) => {
    for (const messages of [11, 21, 41, 81]) {
      const { asked, requests, deps, input } = await ask({ window, prune: false, compact: { keepLast: 30 } }, messages);
      const first = await asked();
      if (first.kind !== 'compact') continue;
      const key = { ...input.key, index: COMPACTION_INDEX };
      const compacted = await compactContext(deps, { ...input, key }, attempt());
      if (compacted.kind !== 'compacted') throw new Error('nothing was summed up');
      await callModel(deps, { ...input, base: compacted.head, append: [], compacted: true }, attempt());
      // Some 100 tokens each, and a few of instructions.
      expect((requests.at(-1)?.messages.length ?? 0) * 100).toBeLessThan(window);
    }
  },
);

test.each([
  ['a summary may help', 31, true, 'compact'],
  ['no summary makes it fit', 31, false, 'refused'],
  ['nothing can be summed up', 1, true, 'refused'],
])('a quota that is too small for a request, where %s: %i messages', async (_, messages, shorterFits, ends) => {
  const message = 'the request needs 3000, more than the quota of a/x ever has: 2000 tokens a minute.';
  const { deps, input, requests } = await ask({ ...keepsMuch, window: 100_000 }, messages);
  const quota = {
    admit: () => Promise.reject(failure('Model.QuotaTooSmall', message, { details: [{ shorterFits }] })),
  };
  const asked = callModel({ ...deps, quota }, input, attempt());
  if (ends === 'compact') expect(await asked).toMatchObject({ kind: 'compact', reason: message, refused: true });
  else await expect(asked).rejects.toMatchObject({ type: 'Model.QuotaTooSmall', message });
  expect(requests).toHaveLength(0);
});
