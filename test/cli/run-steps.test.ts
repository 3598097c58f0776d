// Needs: nothing but Node. The steps of a fork: its own, behind those that its origin had when it began, whatever became of that since.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { allRefs, canonicalJson, createMemoryStore, type ContentStore } from '../../activities/store';
import { callRecordName, callsOfFirst, runRecordName } from '../../activities/store/ref-names';
import { deleteRunRefs } from '../../client/cli/run-refs';
import { allSteps } from '../../client/cli/run-steps';
import { planFork, type ForkOptions } from '../../client/fork-run';
import { recordStart } from '../../client/start-workflow';
import { toolRecordSchema, type StartedToolRecord } from '../../workflows/contract/schemas/call-record';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { script } from '../kit/script';
import { testAgent } from '../kit/test-agent';
import { manifestFor } from '../stack/manifest-for';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.number() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `seen ${at}`,
});
const agent = defineAgent({ name: 'looker', instructions: 'Look.', tools: [look] });

let store: ContentStore;
beforeEach(async () => {
  store = createMemoryStore();
  const calls = [1, 2, 3].map((at) => ({ name: 'look', args: { at } }));
  await (
    await testAgent(agent, { store, model: script().calls(calls).answer('done') }).start('go', { id: 'origin' })
  ).result();
});

const recordOf = async (id: string): Promise<RunRecord> =>
  runRecordSchema.parse((await store.readRef(runRecordName(id)))?.value);
const put = (name: string, value: unknown) => store.commit({ refs: [{ op: 'put', name, value }] });

async function forked(run: string, options: ForkOptions): Promise<RunRecord> {
  const { manifest, release } = manifestFor(agent, 'scripted/default');
  await store.commit({ objects: [canonicalJson(manifest)] });
  const plan = await planFork({ store }, run, { release, ...options });
  await recordStart(plan.store, plan.record, plan);
  return plan.record;
}
const steps = async (record: RunRecord): Promise<string[]> =>
  (await allSteps(store, record)).steps.map(({ kind, answered }) => `${kind} ${answered}`);
/** The origin as it stood when these of its tool calls, and nothing after them, were recorded. @returns the names of the others */
async function onlyCalls(...indexes: number[]): Promise<string[]> {
  const { ended: _, ...open } = await recordOf('origin');
  await put(runRecordName('origin'), open);
  const kept = [0, ...indexes].map((index) => callRecordName({ run: 'origin-1', fork: 0, turn: 1, index }));
  const others = (await allRefs(store, callsOfFirst('origin-1'))).filter(({ name }) => !kept.includes(name));
  await Promise.all(others.map(({ name }) => store.deleteRef(name)));
  return others.map(({ name }) => name);
}

test('of a fork at a step: those before it', async () => {
  const all = await steps(await recordOf('origin'));
  expect(all).toEqual([expect.stringMatching(/^model /), 'tool seen 1', 'tool seen 2', 'tool seen 3', 'model done']);
  for (const at of [1, 2, 3, 4, 5]) expect(await steps(await forked('origin', { at }))).toEqual(all.slice(0, at - 1));
});

test('a call beside them that is recorded later is not one of them: the fork makes it anew, in its place', async () => {
  const second = callRecordName({ run: 'origin-1', fork: 0, turn: 1, index: 2 });
  const value = (await store.readRef(second))?.value;
  await onlyCalls(1, 3);
  const behind = await forked('origin', { id: 'behind' });
  const at = await forked('origin', { id: 'at', at: 3 });
  expect(behind.forkedFrom?.calling?.results.map(Boolean)).toEqual([true, false, true]);
  await put(second, value);
  expect((await steps(behind)).slice(1)).toEqual(['tool seen 1', 'tool seen 3']);
  expect((await steps(at)).slice(1)).toEqual(['tool seen 1']);
  // Its own second call, as its worker records it.
  await put(callRecordName({ run: 'behind-1', fork: 0, turn: 0, index: 2 }), value);
  await put('head/behind/behind-1', { head: behind.forkedFrom?.base, length: 2, at: 1 });
  expect((await steps(behind)).slice(1)).toEqual(['tool seen 1', 'tool seen 2', 'tool seen 3']);
});

test('a call that has begun elsewhere counts as none of them, also once it has ended', async () => {
  const first = callRecordName({ run: 'origin-1', fork: 0, turn: 1, index: 1 });
  const { result: _, ...made } = toolRecordSchema.parse((await store.readRef(first))?.value);
  const value = (await store.readRef(first))?.value;
  await onlyCalls(1, 2);
  await put(first, { ...made, kind: 'started-tool', started: { job: 'x' } } satisfies StartedToolRecord);
  const fork = await forked('origin', { at: 4 });
  expect(await steps(fork)).toEqual([expect.stringMatching(/^model /), 'tool seen 2']);
  await put(first, value);
  expect(await steps(fork)).toEqual([expect.stringMatching(/^model /), 'tool seen 2']);
});

test('a fork that an earlier version recorded goes by the number of its step', async () => {
  const { forkedFrom, ...record } = await forked('origin', { at: 4 });
  const { run = '', step = 0, base = null, append = [] } = forkedFrom ?? {};
  expect(await steps({ ...record, forkedFrom: { run, step, base, append } })).toHaveLength(3);
});

test('a line of many forks is read once, however long it is', async () => {
  let last = await forked('origin', { id: 'f0', at: 5 });
  for (let nth = 1; nth < 12; nth += 1) {
    last = {
      ...last,
      id: `f${nth}`,
      startedAt: last.startedAt + 1,
      forkedFrom: { run: `f${nth - 1}`, step: 1, base: null, append: [] },
    };
    await put(runRecordName(last.id), last);
  }
  let reads = 0;
  const counting: ContentStore = {
    ...store,
    of: () => counting,
    readRef: (name) => {
      reads += 1;
      return store.readRef(name);
    },
  };
  expect((await allSteps(counting, last)).steps).toHaveLength(4);
  expect(reads).toBe(12);
});

test('an id that was used again is another run: a circle of forks has an end', async () => {
  const fork = await forked('origin', { id: 'fork', at: 3 });
  const again = {
    ...fork,
    id: 'origin',
    startedAt: fork.startedAt + 1,
    forkedFrom: { run: 'fork', step: 1, base: null, append: [] },
  };
  // As a collection that forgets runs leaves it.
  await deleteRunRefs(store, await recordOf('origin'));
  await put(runRecordName('origin'), again);
  expect(await steps(fork)).toEqual([]);
  expect(await steps(again)).toEqual([]);
});

test('of a fork whose origin is gone, it is said where they begin', async () => {
  const fork = await forked('origin', { at: 3 });
  await store.deleteRef(runRecordName('origin'));
  expect(await allSteps(store, fork)).toEqual({ steps: [], behind: { run: 'origin', step: 3 } });
});
