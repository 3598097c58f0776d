// Needs nothing: the store in memory. What requests took that brought no answer, or one that nobody took, is each model's own.
import { conversationRecords } from '../../activities/call-records';
import { addInVain } from '../../activities/gateway/money/in-vain';
import { withLoser } from '../../activities/store-answer';
import { createMemoryStore } from '../../activities/store';
import { callRecordName, runRecordName } from '../../activities/store/ref-names';
import { costsOf } from '../../client/cost/run-costs';
import type { SpentDetails } from '../../workflows/contract/cost';
import { modelRecordSchema } from '../../workflows/contract/schemas/call-record';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import { storeRun } from '../cli/store-run';

const usage = (input: number) => ({ input, cachedInput: 0, output: 1, reasoning: 0 });
const spent = (model: string, input: number, answered?: true): SpentDetails => {
  const own = { spent: usage(input), cost: { nanoUsd: input * 10 } };
  return { ...own, by: [{ model, requests: 1, ...own, ...(answered ? { answered } : {}) }] };
};

test('sums keep who was asked, and what was estimated apart from what was told', () => {
  const all = [spent('a/1', 5), spent('a/1', 7), spent('a/1', 11, true), spent('b/1', 3)];
  const sum = all.reduce<SpentDetails | undefined>(addInVain, undefined);
  expect(sum).toMatchObject({ spent: { input: 26, output: 4 }, cost: { nanoUsd: 260 } });
  expect(sum?.by).toMatchObject([
    { model: 'a/1', requests: 2, spent: { input: 12 } },
    { model: 'a/1', requests: 1, spent: { input: 11 }, answered: true },
    { model: 'b/1', requests: 1, cost: { nanoUsd: 30 } },
  ]);
});

test('a part of before it was kept who was asked leaves the sum without: no model is given what may be another one’s', () => {
  const before = { spent: usage(4), cost: { nanoUsd: 40 } };
  expect(addInVain(before, spent('a/1', 6))).toEqual({
    spent: { input: 10, cachedInput: 0, output: 2, reasoning: 0 },
    cost: { nanoUsd: 100 },
  });
});

test('of two attempts that were both answered the other’s cost is in the record that is kept, and in each sum', async () => {
  const store = createMemoryStore();
  await storeRun(store, { id: 'one' });
  const key = { run: 'first-of-one', fork: 0, turn: 1, index: 0 };
  const kept = modelRecordSchema.parse((await store.readRef(callRecordName(key)))?.value);
  const records = conversationRecords({ store }, { key, ...kept.from }, modelRecordSchema);
  const received = { ...kept, worker: 'another' };
  const lost = spent('other/model', 900, true);
  // Its own answer, of which it has not heard that it is kept.
  expect(await withLoser(store, records, { kept, received: kept, lost })).toBe(kept);
  const told = await withLoser(store, records, { kept, received, lost });
  expect(told.answer.unanswered).toMatchObject({ spent: { input: 900 }, cost: { nanoUsd: 9_000 } });
  expect(await withLoser(store, records, { kept, received, lost: undefined })).toBe(kept);
  // As its workflow adds it up.
  const run = runRecordSchema.parse((await store.readRef(runRecordName('one')))?.value);
  if (!run.ended) throw new Error('the run has not ended');
  const { totals } = run.ended;
  const now = { ...totals.usage, input: totals.usage.input + 900, output: totals.usage.output + 1 };
  const ended = { ...run.ended, totals: { ...totals, usage: now, cost: { nanoUsd: 9_000 }, estimated: true as const } };
  await store.commit({ refs: [{ op: 'put', name: runRecordName('one'), value: { ...run, ended } }] });
  const { costs, total } = await costsOf(store, { by: ['model'] });
  expect(total).toMatchObject({ usage: { input: 3_300 }, inVain: { wasted: { input: 900 }, requests: 0 } });
  expect(costs.find(({ of }) => of === 'other/model')).toMatchObject({
    usage: { input: 900 },
    cost: { nanoUsd: 9_000 },
  });
  expect(costs.find(({ of }) => of === 'test/model-1')).toMatchObject({ usage: { input: 2_400 } });
});
