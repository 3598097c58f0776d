// Needs: nothing but Node. What is left of an erased run in the whole store, object by object, once two collections were a day apart:
// nothing that it alone said; and of what a fork of it began with, all.
import { z } from 'zod';
import { defineAgent, defineTool, fileRef, type AnyAgent } from '../../activities/define';
import {
  allRefs,
  canonicalJson,
  createConversation,
  createMemoryStore,
  type ContentStore,
} from '../../activities/store';
import { collectGarbage, GRACE_MS } from '../../activities/store/garbage/collect-garbage';
import { callRecordName, chainName, chainsOf, headName, runRecordName } from '../../activities/store/ref-names';
import { callsOf } from '../../activities/store/run-calls';
import { deleteLeftovers } from '../../client/cli/erased-leftovers';
import { eraseStored } from '../../client/cli/erase-run';
import { planFork, type PlannedFork } from '../../client/fork-run';
import { recordStart } from '../../client/start-workflow';
import type { Message } from '../../workflows/contract/message';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { testAgent } from '../kit/test-agent';
import { manifestFor } from '../stack/manifest-for';

const canary = (nth: number): string => `canary-${nth}-4711`;
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.number() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `seen ${canary(at)}`,
});
const FILES_FROM = 50;
const keep = defineTool({
  name: 'keep',
  description: 'Keeps a file.',
  input: z.object({ at: z.number() }),
  output: fileRef(),
  effect: 'idempotent',
  run: ({ at }, { files }) => files.write(Buffer.from(`kept ${canary(at)}`), { mediaType: 'text/plain' }),
});
const define = (compactAt: number) =>
  defineAgent({
    name: 'looker',
    instructions: 'Look.',
    tools: [look, keep],
    limits: { turns: 50 },
    context: { prune: false, compact: { when: { messages: compactAt }, keepLast: 2 } },
  });
const plain = define(1_000);
const forgetful = define(8);

let now: number;
let store: ContentStore;
beforeEach(() => {
  now = Date.UTC(2026, 0, 1);
  store = createMemoryStore(() => now);
});

/** Asks for these places, a turn each, and ends; a summary says nothing that anyone looks for. */
async function ended(agent: typeof plain, id: string, turns: readonly (readonly number[])[]): Promise<RunRecord> {
  let next = 0;
  const run = await testAgent(agent, {
    store,
    model: ({ instructions }) => {
      if (instructions.startsWith('You condense')) return { text: 'summed up' };
      const places = turns[next++];
      return places
        ? { calls: places.map((at) => ({ name: at < FILES_FROM ? 'look' : 'keep', args: { at } })) }
        : { text: canary(99) };
    },
  }).start(`I say ${canary(0)}`, { id, user: 'u1' });
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  return await recordOf(id);
}

const recordOf = async (id: string): Promise<RunRecord> =>
  runRecordSchema.parse((await store.readRef(runRecordName(id)))?.value);

async function forked(agent: AnyAgent, run: string, id: string, at: number): Promise<PlannedFork> {
  const { manifest, release } = manifestFor(agent, 'scripted/default');
  await store.commit({ objects: [canonicalJson(manifest)] });
  const plan = await planFork({ store }, run, { id, at, release });
  await recordStart(plan.store, plan.record, plan);
  return plan;
}

async function eraseAndCollect(id: string): Promise<void> {
  await eraseStored(store, id, { at: now, by: 'tester' });
  await collectTwice();
}

async function collectTwice(): Promise<void> {
  for (let nth = 0; nth < 2; nth += 1) {
    now += GRACE_MS + 1;
    await collectGarbage(store);
  }
}

/** Which canaries stand anywhere: in an object, or in a record. */
async function left(): Promise<number[]> {
  const objects = await store.get((await store.listObjects()).map(({ name }) => name));
  const texts = [...objects.map((bytes) => Buffer.from(bytes).toString()), JSON.stringify(await allRefs(store, ''))];
  const found = texts.flatMap((text) => [...text.matchAll(/canary-(\d+)-4711/g)].map(([, nth]) => Number(nth)));
  return [...new Set(found)].sort((a, b) => a - b);
}

/** What its model is given first, whatever was summed up on the way: read as the fork's own, with nothing of its origin's. */
const givenTo = async ({ record, beginning }: PlannedFork): Promise<string> => {
  const conversation = createConversation(store);
  const linked = beginning.base === null ? [] : await conversation.originals(beginning.base, record.id);
  const results = record.forkedFrom?.calling?.results.flatMap((result) => result?.message.hash ?? []) ?? [];
  const rest = await conversation.messages([...(record.forkedFrom?.append ?? []), ...results]);
  return JSON.stringify([...linked.map(({ message }) => message), ...rest] satisfies Message[]);
};
const said = (text: string): number[] => [...text.matchAll(/canary-(\d+)-4711/g)].map(([, nth]) => Number(nth));

test('what it alone said is gone; its tombstone stays', async () => {
  await ended(plain, 'gone', [[1], [2, 3]]);
  expect(await left()).toEqual([0, 1, 2, 3, 99]);
  await collectTwice();
  expect(await left()).toEqual([0, 1, 2, 3, 99]);
  await eraseAndCollect('gone');
  expect(await left()).toEqual([]);
  expect(JSON.stringify(await allRefs(store, ''))).not.toContain('u1');
  expect(await recordOf('gone')).toMatchObject({ erased: { by: 'tester' }, ended: { totals: { toolCalls: 3 } } });
});

test('a fork keeps what it began with, and nothing that was said behind its step', async () => {
  await ended(plain, 'gone', [[1], [2], [3]]);
  // Behind the first look: steps are the model, the look, the model.
  const fork = await forked(plain, 'gone', 'kept', 3);
  await eraseAndCollect('gone');
  expect(await left()).toEqual([0, 1]);
  expect(said(await givenTo(fork))).toEqual([0, 1]);
});

test('a fork that waits among the tool calls of a turn keeps the results that it began with', async () => {
  await ended(plain, 'gone', [[1, 2, 3]]);
  const fork = await forked(plain, 'gone', 'kept', 4);
  expect(fork.record.forkedFrom).toMatchObject({ append: [], calling: { results: [{}, {}, null] } });
  await eraseAndCollect('gone');
  expect(await left()).toEqual([0, 1, 2]);
  expect(said(await givenTo(fork))).toEqual([0, 1, 2]);
});

test('of what was summed up a fork keeps its own part, read back word for word', async () => {
  const turns = Array.from({ length: 12 }, (_, at) => [at + 1]);
  const { ended: end } = await ended(forgetful, 'gone', turns);
  const { calls } = await callsOf(store, end?.firstRunId ?? '');
  const compactions = calls.filter(({ record }) => record.kind === 'compaction');
  expect(compactions.length).toBeGreaterThan(2);
  const step = calls.find(({ turn, record }) => turn === 10 && record.kind === 'model')?.number ?? 0;
  const fork = await forked(forgetful, 'gone', 'kept', step);
  const before = compactions.filter(({ turn }) => turn <= 10).length;
  expect(before).toBeLessThan(compactions.length);
  const chains = (await allRefs(store, chainsOf('kept'))).map(({ name }) => name);
  expect(chains).toHaveLength(1 + before);
  expect(chains).toContain(chainName('kept'));
  await eraseAndCollect('gone');
  expect(await left()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(said(await givenTo(fork))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('what an activity that outlived its run stores after the erasure goes with the next collection', async () => {
  const { ended: end } = await ended(plain, 'gone', [[1]]);
  await eraseAndCollect('gone');
  const late = Buffer.from(JSON.stringify({ role: 'tool', parts: [{ type: 'text', text: canary(7) }] }));
  const value = { message: store.nameOf(late) };
  const key = { run: end?.firstRunId ?? '', fork: 0, turn: 2, index: 1 };
  for (const name of [callRecordName(key), headName('gone', 'late'), chainName('gone')])
    await store.commit({ objects: [late], refs: [{ op: 'put', name, value }] });
  await collectTwice();
  expect(await left()).toEqual([7]);
  expect(await deleteLeftovers(store)).toBe(3);
  await collectTwice();
  expect(await left()).toEqual([]);
  expect(await deleteLeftovers(store)).toBe(0);
});

test('a run that ends after it was erased leaves its tombstone as it is, also when both come at once', async () => {
  const { input: _, ...about } = await ended(plain, 'other', [[1]]);
  const tombstone = { ...about, id: 'late', input: '', erased: { at: now, by: 'tester' } };
  const bury = () => store.commit({ refs: [{ op: 'put', name: runRecordName('late'), value: tombstone }] });
  const readRef: ContentStore['readRef'] = async (name) => {
    const ref = await store.readRef(name);
    if (name === runRecordName('late')) await bury();
    return ref;
  };
  for (const used of [{ ...store, readRef }, store]) {
    const run = await testAgent(plain, { store: used, model: () => ({ text: 'done' }) }).start('hello', { id: 'late' });
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    expect((await store.readRef(runRecordName('late')))?.value).toEqual(tombstone);
  }
});

test('files that its tools wrote into the store go with it', async () => {
  await ended(plain, 'gone', [[50]]);
  expect(await left()).toEqual([0, 50, 99]);
  await collectTwice();
  expect(await left()).toEqual([0, 50, 99]);
  await eraseAndCollect('gone');
  expect(await left()).toEqual([]);
});

test('a run that says the same keeps it', async () => {
  await ended(plain, 'gone', [[1], [2]]);
  await ended(plain, 'stays', [[1]]);
  await eraseAndCollect('gone');
  expect(await left()).toEqual([0, 1, 99]);
});
