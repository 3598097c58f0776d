// Needs: nothing but Node. Each limit of a run ends it with its own type, wherever the run is when it is reached.
import { z } from 'zod';
import { defineAgent, defineTool } from 'longhaul';
import { script, testAgent } from 'longhaul/testing';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => 'seen',
});
const looker = (limits: { turns?: number; toolCalls?: number; tokens?: number; wall?: '10m' }) =>
  defineAgent({ name: 'looker', instructions: 'Look.', tools: [look], limits });
const looks = (count: number) => script(Array.from({ length: count }, () => ({ calls: [{ name: 'look', args: {} }] })));

test('turns: as many model calls as allowed, and the last turn’s tools still run', async () => {
  const run = await testAgent(looker({ turns: 3 }), { model: looks(3) }).start('go');
  expect(await run.result()).toMatchObject({
    outcome: 'budget-exhausted',
    failure: { type: 'Budget.TurnsExhausted', message: '3 turns were allowed and used.' },
    totals: { turns: 3, modelCalls: 3, toolCalls: 3 },
  });
  expect((await run.transcript()).map(({ role }) => role)).toEqual([
    'user',
    ...['assistant', 'tool'],
    // What it is told of the turns that are left.
    ...['user', 'assistant', 'tool'],
    ...['user', 'assistant', 'tool'],
  ]);
});

test('tool calls: all calls of a turn run, or none', async () => {
  const two = { calls: [1, 2].map(() => ({ name: 'look', args: {} })) };
  const run = await testAgent(looker({ toolCalls: 3 }), { model: script([two, two]) }).start('go');
  expect(await run.result()).toMatchObject({
    outcome: 'budget-exhausted',
    failure: {
      type: 'Budget.ToolCallsExhausted',
      message: '3 tool calls were allowed, 2 used, 2 more asked for.',
    },
    totals: { turns: 2, toolCalls: 2 },
  });
  expect(run.calls.filter(({ kind }) => kind === 'tool')).toHaveLength(2);
});

test('tool calls: exactly as many as allowed are no excess', async () => {
  const run = await testAgent(looker({ toolCalls: 2 }), { model: looks(2).answer('done') }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { toolCalls: 2 } });
});

test('tokens: input and output of all calls count, and are checked before each call', async () => {
  const turn = { calls: [{ name: 'look', args: {} }], usage: { input: 40, output: 10 } };
  const run = await testAgent(looker({ tokens: 100 }), { model: script([turn, turn]) }).start('go');
  expect(await run.result()).toMatchObject({
    outcome: 'budget-exhausted',
    failure: { type: 'Budget.TokensExhausted', message: '100 tokens were allowed, 100 used.' },
    totals: { turns: 2, usage: { input: 80, output: 20 } },
  });
});

test('wall time: a wait that a provider asks for ends with it, and no further call is made', async () => {
  const run = await testAgent(looker({ wall: '10m' }), { model: () => ({ waits: '1h' }) }).start('go');
  expect(await run.result()).toMatchObject({
    outcome: 'budget-exhausted',
    failure: { type: 'Budget.WallTimeExhausted', message: '600 s were allowed and have passed.' },
  });
  expect(run.calls).toHaveLength(1);
});

test('wall time: a pause counts, and ends with it', async () => {
  const run = await testAgent(looker({ wall: '10m' }), {
    model: (_, { test: controls }) => {
      controls.pause();
      return { calls: [{ name: 'look', args: {} }] };
    },
  }).start('go');
  expect(run.progress().status).toBe('paused');
  await run.advance('10m');
  expect(await run.result()).toMatchObject({
    outcome: 'budget-exhausted',
    failure: { type: 'Budget.WallTimeExhausted' },
    totals: { toolCalls: 0 },
  });
});
