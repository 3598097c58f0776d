// Needs: a Temporal CLI, local ports. A run under way is moved to the release gone back to: at its next turn, as the same run, where what it
// has said and done fits; otherwise it goes on as it is, and why is told.
import type { WorkflowStartOptions } from '@temporalio/client';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { changeTraffic } from '../../activities/store/change-traffic';
import { runRecordName } from '../../activities/store/ref-names';
import { moveToRelease } from '../../client/move-releases';
import { currentRelease } from '../../client/releases';
import { openRunsOn, rollBack } from '../../client/roll-back';
import { startModelServer, type ModelServer } from '../kit/model-server';
import { createHolds } from '../stack/holds';
import { manifestFor } from '../stack/manifest-for';
import { startTestStack, type TestStack } from '../stack/test-stack';

jest.setTimeout(120_000);

const tool = (name: string) =>
  defineTool({ name, description: name, input: z.object({}), output: z.string(), effect: 'read', run: () => name });
const desk = (instructions: string, ...tools: string[]) =>
  defineAgent({ name: 'desk', instructions, tools: tools.map(tool), limits: { turns: 6 } });
const one = desk('one', 'look');
const two = desk('two', 'look', 'extra');
const young = manifestFor(two, ['test/model']);

let model: ModelServer;
let stack: TestStack;
const { hold, pass } = createHolds();
/** What each request was told to be, in its order. */
const told: string[] = [];
beforeAll(async () => {
  model = await startModelServer();
  model.setRespond(async ({ messages }) => {
    const turn = messages.filter(({ role }) => role === 'assistant').length;
    const [input = ''] = messages.flatMap(({ role, text }) => (role === 'user' ? [text] : []));
    told.push(`${input} ${turn} ${messages[0]?.text.slice(0, 3) ?? ''}`);
    await pass(`${input} ${turn}`);
    const [, first = 'look'] = input.split(' ');
    return turn === 0 ? { calls: [{ name: first, args: {} }] } : { text: 'done' };
  });
  stack = await startTestStack({ agents: [one], modelUrl: model.url });
});
afterAll(async () => {
  await stack.close();
  await model.close();
});

const start = (id: string, input: string) => stack.client.agent<typeof one>('desk').start(input, { id });

test('moved between two turns, as the same run; what has called a tool that is not there stays, and says why', async () => {
  const before = await currentRelease(stack.store, 'desk');
  await stack.publish([two]);
  const withdrawn = await currentRelease(stack.store, 'desk');
  const [first, second] = [hold('a look 0'), hold('b extra 1')];
  const moves = await start('moves', 'a look');
  const stays = await start('stays', 'b extra');
  await Promise.all([first.arrived, second.arrived]);
  const back = await rollBack(stack.store, 'desk', { by: 'ana' });
  if (back.kind === 'refused') throw new Error(back.message);
  expect(back).toMatchObject({ withdrawn: [withdrawn.release] });
  const done = await moveToRelease(stack, back.withdrawn, before, { changedAt: back.record.at });
  expect(done).toEqual({
    moved: ['moves'],
    stayed: [{ run: 'stays', why: 'it has called the tool extra, which is not there any more' }],
  });
  // It has said that it will, and its turn goes on as it began.
  expect((await moves.progress()).steps.at(-1)).toMatchObject({
    label: `takes release ${before.release.slice(0, 12)} at its next turn`,
  });
  expect(await moves.record()).toMatchObject({ release: withdrawn.release });
  first.letGo();
  second.letGo();
  expect(await moves.result()).toMatchObject({ outcome: 'completed', output: 'done' });
  expect(await stays.result()).toMatchObject({ outcome: 'completed', output: 'done' });
  expect(told).toEqual(expect.arrayContaining(['a look 0 two', 'a look 1 one', 'b extra 0 two', 'b extra 1 two']));
  expect(await moves.record()).toMatchObject({
    release: before.release,
    moved: [{ from: withdrawn.release, at: expect.any(Number) as number }],
    ended: { length: 4, totals: { turns: 2, modelCalls: 2, toolCalls: 1 } },
  });
  expect(await stays.record()).toMatchObject({ release: withdrawn.release });
  const description = await moves.describe();
  expect(description.searchAttributes['AgentRelease']).toEqual([before.release.slice(0, 12)]);
  expect(await openRunsOn(stack.store, 'desk', back.withdrawn)).toEqual({ runs: [], subRuns: [] });
});

test('what has ended, or is of another run, or goes by it already, is not moved', async () => {
  const to = await currentRelease(stack.store, 'desk');
  const held = hold('c look 0');
  const run = await start('same', 'c look');
  await held.arrived;
  const handle = stack.temporal.workflow.getHandle('same');
  const ask = (request: unknown) => handle.executeUpdate('takeRelease', { args: [request] });
  await expect(ask({ release: to.release, plan: to.manifest.plan })).rejects.toMatchObject({
    cause: { message: `it goes by release ${to.release.slice(0, 12)} already` },
  });
  for (const wrong of [undefined, {}, { release: 'x', plan: to.manifest.plan }, { release: 'a'.repeat(64), plan: {} }])
    await expect(ask(wrong)).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/^give the hash/) as string },
    });
  held.letGo();
  await run.result();
  expect(await moveToRelease(stack, [to.release], to, { changedAt: 0 })).toEqual({ moved: [], stayed: [] });
});

/** The release with the tool `extra` takes new runs again, and is taken back once `begin` has begun its runs. */
async function takenBackAfter(begin: () => Promise<unknown>) {
  const to = await currentRelease(stack.store, 'desk');
  await changeTraffic(stack.store, 'desk', { kind: 'release', release: young.release }, { by: 'ana' });
  await begin();
  const back = await rollBack(stack.store, 'desk', { by: 'ana' });
  if (back.kind === 'refused') throw new Error(back.message);
  return { to, withdrawn: back.withdrawn, changedAt: back.record.at };
}

test('asked in the middle of a turn that then calls a tool that is not there, it stays with what it has, and says so', async () => {
  const held = hold('d extra 0');
  const { to, withdrawn, changedAt } = await takenBackAfter(async () => {
    await start('turns', 'd extra');
    await held.arrived;
  });
  // Nothing that it has said so far is against it.
  expect(await moveToRelease(stack, withdrawn, to, { changedAt })).toEqual({ moved: ['turns'], stayed: [] });
  const next = hold('d extra 1');
  held.letGo();
  await next.arrived;
  const run = stack.client.run('turns');
  expect((await run.progress()).steps.map(({ label }) => label)).toContainEqual(
    `stays with release ${young.release.slice(0, 12)}: ${to.release.slice(0, 12)} has no tool extra, which it has called`,
  );
  next.letGo();
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(told).toEqual(expect.arrayContaining(['d extra 0 two', 'd extra 1 two']));
  expect(await run.record()).toMatchObject({ release: young.release });
  expect(await run.record()).not.toHaveProperty('moved');
});

test('a start that is under way is looked at again until it has begun; one that does not begin is not said to be moved', async () => {
  const gate = createHolds();
  const [begins, never] = [gate.hold('begins'), gate.hold('never')];
  // Their callers are slow between the two halves of a start.
  const { workflow } = stack.temporal;
  const { start: begin } = workflow;
  workflow.start = (async (type: string, options: WorkflowStartOptions) => {
    await gate.pass(options.workflowId);
    return await begin.call(workflow, type, options);
  }) as typeof begin;
  const held = hold('e look 0');
  const starts: Promise<unknown>[] = [];
  const { to, withdrawn } = await takenBackAfter(async () => {
    starts.push(start('begins', 'e look'), start('never', 'f look'));
    await Promise.all([begins.arrived, never.arrived]);
  });
  try {
    // A machine that is busy may need longer than a start does.
    const moving = moveToRelease(stack, withdrawn, to, { changedAt: Date.now() + 10_000 });
    begins.letGo();
    await held.arrived;
    expect(await moving).toEqual({
      moved: ['begins'],
      stayed: [{ run: 'never', why: expect.stringMatching(/^it has not begun: /) as string }],
    });
  } finally {
    never.letGo();
    held.letGo();
    await Promise.all(starts);
    workflow.start = begin;
  }
  expect(await stack.client.run('begins').result()).toMatchObject({ outcome: 'completed' });
  expect(await stack.client.run('begins').record()).toMatchObject({ release: to.release });
  // As was said: whoever began it in that moment began it as it was.
  expect(await stack.client.run('never').result()).toMatchObject({ outcome: 'completed' });
  expect(await stack.client.run('never').record()).toMatchObject({ release: young.release });
});

test('cancelled while it is moved it ends, whichever of the two is heard first, and once it goes by the other release too', async () => {
  const held = ['g look 0', 'h look 0'].map((text) => hold(text));
  const { to, withdrawn, changedAt } = await takenBackAfter(async () => {
    await Promise.all([start('both', 'g look'), start('taking', 'h look')]);
    await Promise.all(held.map(({ arrived }) => arrived));
  });
  const [both, taking] = [stack.client.run('both'), stack.client.run('taking')];
  const [moved] = await Promise.all([moveToRelease(stack, withdrawn, to, { changedAt }), both.cancel('enough')]);
  expect(moved.moved).toContain('taking');
  // The next execution of the other is about to write down what it goes by.
  const { commit } = stack.store;
  const gate = createHolds();
  const writes = gate.hold('taken');
  stack.store.commit = async (request) => {
    const value = request.refs?.find(({ name }) => name === runRecordName('taking'));
    if (value && 'value' in value && JSON.stringify(value.value).includes('"moved"')) await gate.pass('taken');
    return await commit(request);
  };
  try {
    held.forEach(({ letGo }) => letGo());
    await writes.arrived;
    await taking.cancel('enough');
  } finally {
    stack.store.commit = commit;
    writes.letGo();
  }
  expect(await both.result()).toMatchObject({ outcome: 'cancelled', failure: { message: 'enough' } });
  expect(await both.record()).toMatchObject({ release: young.release, ended: { outcome: 'cancelled' } });

  expect(await taking.result()).toMatchObject({ outcome: 'cancelled', failure: { message: 'enough' } });
  expect(await taking.record()).toMatchObject({ ended: { outcome: 'cancelled', totals: { turns: 1 } } });
  expect(await openRunsOn(stack.store, 'desk', withdrawn)).toEqual({ runs: [], subRuns: [] });
});
