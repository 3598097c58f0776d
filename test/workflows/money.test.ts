// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { createPrices } from '../../activities/gateway/money/prices';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.number() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `page ${at}`,
});
const thrifty = defineAgent({ name: 'thrifty', instructions: 'Look.', tools: [look], limits: { usd: 0.2 } });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script() });
  stack = await startTestStack({
    ...{ agents: [thrifty], modelUrl: model.url },
    prices: createPrices({ prices: { 'test/model': { input: 1, output: 10 } }, providers: [] }),
  });
}, 60_000);
afterAll(async () => {
  await stack.close();
  await model.close();
});

test('a run ends when its money is spent, is told before, and its result has what the model had said', async () => {
  const turn = (at: number) => ({
    calls: [{ name: 'look', args: { at } }],
    text: `Page ${at} is read.`,
    usage: { input: 50_000, output: 5_000 },
  });
  model.setScript(script([turn(0), turn(1), turn(2)]));
  const run = await stack.client.agent<typeof thrifty>('thrifty').start('go', { id: 'spends' });
  const result = await run.result();
  expect(result).toMatchObject({
    outcome: 'budget-exhausted',
    failure: { type: 'Budget.MoneyExhausted', message: '$0.2000 were allowed, $0.2000 spent.' },
    achieved: 'Page 1 is read.',
    totals: { modelCalls: 2, cost: { nanoUsd: 200_000_000 } },
  });
  expect(model.requests()).toHaveLength(2);
  expect(model.requests()[1]?.body?.toString()).toContain('$0.1000 of the $0.2000 that this run may spend are spent');
});
