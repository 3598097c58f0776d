// Needs: a Temporal CLI, local ports. A run under way is moved to the release gone back to: at its next turn, as the same run, where what it
// has said and done fits; otherwise it goes on as it is, and why is told.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { moveToRelease } from '../../client/move-releases';
import { currentRelease } from '../../client/releases';
import { openRunsOn, rollBack } from '../../client/roll-back';
import { startModelServer, type ModelServer } from '../kit/model-server';
import { createHolds } from '../stack/holds';
import { startTestStack, type TestStack } from '../stack/test-stack';

jest.setTimeout(120_000);

const tool = (name: string) =>
  defineTool({ name, description: name, input: z.object({}), output: z.string(), effect: 'read', run: () => name });
const desk = (instructions: string, ...tools: string[]) =>
  defineAgent({ name: 'desk', instructions, tools: tools.map(tool), limits: { turns: 6 } });
const one = desk('one', 'look');
const two = desk('two', 'look', 'extra');

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
