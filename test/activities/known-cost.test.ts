// Needs nothing but Node. What the record of a run says of its cost where no call told any: nothing, or that nobody knows.
import { defineAgent } from '../../activities/define';
import { endRun } from '../../activities/end-run';
import { recordUnrecordedEnd } from '../../activities/unrecorded-end';
import { runRecordName } from '../../activities/store/ref-names';
import type { FailureType } from '../../workflows/contract/failures';
import type { RunTotals } from '../../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { attempt, given, key } from './given';

const plain = defineAgent({ name: 'plain', instructions: 'Answer.' });
const usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
const NO_TOTALS: RunTotals = { turns: 0, modelCalls: 0, toolCalls: 0, reusedCalls: 0, usage };

async function ended(type: FailureType, totals: RunTotals): Promise<RunTotals | undefined> {
  const { deps, store, about } = await given(plain);
  const result = { schemaVersion: 1 as const, outcome: 'failed' as const, head: null, length: 0, totals };
  const failure = { type, message: 'no' };
  await endRun(deps, { ...about, key, base: null, append: [], result: { ...result, failure } }, attempt());
  return runRecordSchema.parse((await store.readRef(runRecordName('w')))?.value).ended?.totals;
}

test.each(['Model.QuotaShed', 'Budget.MoneyExhausted', 'Model.Authentication', 'Run.Cancelled'] as FailureType[])(
  'a run that ends with %s before anything was taken has cost nothing',
  async (type) => expect(await ended(type, NO_TOTALS)).toEqual({ ...NO_TOTALS, cost: { nanoUsd: 0 } }),
);

test('what was asked and not counted stays unknown', async () => {
  const asked = { ...NO_TOTALS, modelCalls: 1, usage: { ...usage, input: 10 } };
  expect(await ended('Run.Cancelled', asked)).toEqual(asked);
  // Given up by Temporal while it was under way: no attempt could say what it took.
  expect(await ended('Model.Timeout', NO_TOTALS)).toEqual(NO_TOTALS);
});

test.each([
  ['terminated: of what was under way nobody knows', 'first', undefined],
  ['never begun', '', { nanoUsd: 0 }],
])('an end that others record: %s', async (_, firstRunId, cost) => {
  const { store, about } = await given(plain);
  const record: RunRecord = {
    ...{ schemaVersion: 1, id: 'w', ...about, tags: [], input: 'e'.repeat(64), question: '?', startedAt: 1 },
  };
  await store.commit({ refs: [{ op: 'create', name: runRecordName('w'), value: record }] });
  const version = (await store.readRef(runRecordName('w')))?.version ?? 0;
  const failure = { type: 'Run.Cancelled' as const, message: 'terminated: by hand' };
  const end = { at: 2, outcome: 'cancelled' as const, failure, firstRunId };
  expect((await recordUnrecordedEnd(store, { record, version }, end))?.ended?.totals.cost).toEqual(cost);
});
