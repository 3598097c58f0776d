// Needs: nothing but Node. What becomes of an answer that is given again once a run that it was given to, or the one that asked, is erased or
// forgotten.
import { callModel } from '../../activities/call-model';
import { defineAgent } from '../../activities/define';
import { createAnswerCache } from '../../activities/gateway/cache/answer-cache';
import { allRefs } from '../../activities/store';
import { collectGarbage, GRACE_MS } from '../../activities/store/garbage/collect-garbage';
import { cacheOfTenant, runRecordName } from '../../activities/store/ref-names';
import { eraseStored } from '../../client/cli/erase-run';
import { forgetRuns } from '../../client/cli/forget-runs';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { given } from '../activities/given';

const agent = defineAgent({ name: 'sharer', instructions: 'Answer.', cache: { ttl: '100d' } });
const STARTED = Date.UTC(2026, 0, 1);

async function sharers() {
  let now = STARTED;
  let asked = 0;
  const made = await given(agent, () => ({ text: `answer ${(asked += 1)}` }), { now: () => now });
  const { store, input, about } = made;
  const deps = { ...made.deps, cache: createAnswerCache({ store, worker: 'a', now: () => now }), now: () => now };
  return {
    store,
    /** Of a run of its own, which ends with it. @returns the answer */
    ask: async (id: string): Promise<string> => {
      const key = { ...input.key, run: `first of ${id}` };
      const { signal } = new AbortController();
      const call = { number: 1, workflowId: id, runId: key.run, signal };
      const told = await callModel(deps, { ...input, key }, call);
      if (told.kind !== 'answer') throw new Error(told.kind);
      const none = { turns: 1, modelCalls: 1, toolCalls: 0, reusedCalls: 0, usage: told.usage };
      const ended = { at: now, outcome: 'completed' as const, head: told.head, length: 2, firstRunId: key.run };
      const record: RunRecord = {
        ...{ schemaVersion: 1, id, ...about, tags: [], input: input.append[0] ?? '', question: 'go', startedAt: now },
        ended: { ...ended, totals: none },
      };
      await store.commit({ refs: [{ op: 'put', name: runRecordName(id), value: record }] });
      return told.messages[0]?.preview ?? '';
    },
    erase: (id: string) => eraseStored(store, id, { at: now, by: 'tester' }),
    forget: async (): Promise<void> => {
      now += 1;
      await forgetRuns(store, now, false);
    },
    shared: async (): Promise<number> => (await allRefs(store, cacheOfTenant(about.tenant))).length,
    /** Once two collections were a day apart. */
    isStored: async (text: string): Promise<boolean> => {
      for (let nth = 0; nth < 2; nth += 1) {
        now += GRACE_MS + 1;
        await collectGarbage(store);
      }
      const objects = await store.get((await store.listObjects()).map(({ name }) => name));
      return objects.some((bytes) => Buffer.from(bytes).toString().includes(text));
    },
  };
}

test('the one that asked: its answer is given to nobody any more, and stays with those who have it', async () => {
  const { ask, erase, shared, isStored } = await sharers();
  expect([await ask('asked'), await ask('given')]).toEqual(['answer 1', 'answer 1']);
  await erase('asked');
  expect(await shared()).toBe(0);
  expect(await isStored('answer 1')).toBe(true);
  expect(await ask('later')).toBe('answer 2');
  await erase('given');
  expect(await isStored('answer 1')).toBe(false);
  // And the newer one, which has taken its place, is not taken away by an erasure that is repeated.
  await erase('asked');
  expect(await ask('last')).toBe('answer 2');
});

test('one that was given it: it is given on, for it was asked by another', async () => {
  const { ask, erase, isStored } = await sharers();
  expect([await ask('asked'), await ask('given')]).toEqual(['answer 1', 'answer 1']);
  await erase('given');
  expect(await ask('later')).toBe('answer 1');
  await erase('later');
  await erase('asked');
  expect(await isStored('answer 1')).toBe(false);
});

test('a run that is forgotten takes its shared answer along', async () => {
  const { ask, forget, shared, isStored } = await sharers();
  await ask('asked');
  await forget();
  expect(await shared()).toBe(0);
  expect(await isStored('answer 1')).toBe(false);
  expect(await ask('later')).toBe('answer 2');
});
