// Needs nothing. What a doctor says of models of a route that cannot do what an agent asks.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { createPrices } from '../../activities/gateway/money/prices';
import { checkPrices, checkRoutes } from '../../client/cli/route-checks';
import { manifestFor } from '../stack/manifest-for';

const providers = [
  { name: 'openai', keyFrom: 'K', api: 'responses' as const },
  { name: 'deepseek', keyFrom: 'K', api: 'chat' as const, baseUrl: 'https://api.deepseek.com/v1' },
];
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => Promise.resolve('x'),
});
const agents = (output: boolean, route: string[]) => {
  const agent = defineAgent({
    ...{ name: 'a', instructions: 'x', tools: [look] },
    ...(output ? { output: z.object({ yes: z.boolean() }) } : {}),
  });
  return { agents: [manifestFor(agent, route)] };
};

test('one that holds no output to its schema is named where the agent has one, and there is another', () => {
  const route = ['openai/gpt-5', 'deepseek/chat'];
  const found = 'agent a: deepseek/chat has no output held to a schema, and is passed over';
  expect(checkRoutes({ providers }, agents(true, route))).toMatchObject([{ state: 'note', found }]);
  expect(checkRoutes({ providers }, agents(false, route))).toEqual([]);
  expect(checkRoutes({ providers }, agents(true, ['deepseek/chat']))).toEqual([]);
});

test('a model without a price is named where a tenant has a budget in dollars', () => {
  const prices = createPrices({ prices: { 'openai/gpt-5': { input: 1, output: 2 } }, providers: [] });
  const budget = (of: 'usd' | 'tokens') => ({
    budgets: { default: undefined, tenants: { acme: { windows: [{ of, perMs: 86_400_000, most: 1 }] } } },
  });
  const loaded = agents(false, ['openai/gpt-5', 'deepseek/chat']);
  expect(checkPrices({ prices, ...budget('usd') }, loaded)).toMatchObject([
    {
      name: 'prices',
      state: 'note',
      found: expect.stringMatching(/^deepseek\/chat \(a\) has no known price/) as string,
    },
  ]);
  expect(checkPrices({ prices, ...budget('tokens') }, loaded)).toEqual([]);
  expect(checkPrices({ prices }, loaded)).toEqual([]);
});
