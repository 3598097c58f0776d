// Needs: nothing but Node. A run spends no more than it was given, is told before, and leaves what it had achieved.
import fc from 'fast-check';
import { z } from 'zod';
import { defineAgent, defineTool } from 'longhaul';
import { script, testAgent } from 'longhaul/testing';
import { allowedOutput } from '../../activities/gateway/money/allowance';
import { createPrices } from '../../activities/gateway/money/prices';
import { buildRelease } from '../../workers/build-release';
import { agentTool } from '../../activities/define';
import { settingsFor } from './temp-project';
import type { PublishedQueue } from '../../workflows/contract/schemas/queue';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.number() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `page ${at}`,
});
type Limits = { turns?: number; usd?: number; modelCalls?: number };
const looker = (limits: Limits) => defineAgent({ name: 'looker', instructions: 'Look.', tools: [look], limits });
/** A dollar for a million tokens of input, and ten for as many of output. */
const price = { input: 1, output: 10 };
/** A tenth of a dollar each. */
const turn = (at: number, text?: string) => ({
  calls: [{ name: 'look', args: { at } }],
  usage: { input: 50_000, output: 5_000 },
  ...(text === undefined ? {} : { text }),
});
const turns = (count: number) => script(Array.from({ length: count }, (_, at) => turn(at, `page ${at} is dull.`)));
const told = (messages: readonly { role: string; parts: readonly unknown[] }[]): string =>
  JSON.stringify(messages.filter(({ role }) => role === 'user').slice(1));

test('money: the run ends before the call that there is no money for, and keeps what its model had said', async () => {
  const run = await testAgent(looker({ usd: 0.3 }), { model: turns(3), price }).start('go');
  expect(await run.result()).toMatchObject({
    outcome: 'budget-exhausted',
    failure: { type: 'Budget.MoneyExhausted', message: '$0.3000 were allowed, $0.3000 spent.' },
    totals: { modelCalls: 3, cost: { nanoUsd: 300_000_000 } },
  });
  expect(run.progress().result?.achieved).toMatchObject({ preview: 'page 2 is dull.', bytes: 15 });
  expect(told(await run.transcript())).toMatch(
    /\$0\.1000 of the \$0\.3000 that this run may spend are spent, and each.*\$0\.2000 of the \$0\.3000[^"]*after this answer there is no money for another\. Give your final answer now/,
  );
});

test('money: who concludes when it is told completes', async () => {
  const run = await testAgent(looker({ usd: 0.3 }), { model: turns(2).answer('dull'), price }).start('go');
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'completed', output: 'dull' });
  expect(run.progress().result).not.toHaveProperty('achieved');
});

test('money: more of it counts from then on, in whole billionths of a dollar', async () => {
  let asked = 0;
  const run = await testAgent(looker({ usd: 0.1 }), {
    model: () => ((asked += 1) === 1 ? { waits: '1h' } : { text: 'done', usage: { input: 50_000, output: 5_000 } }),
    price,
  }).start('go');
  expect(() => run.progress()).not.toThrow();
  await run.extend({ nanoUsd: 50_000_000 });
  expect(run.progress().limits).toMatchObject({ nanoUsd: 150_000_000 });
  await expect(run.extend({ modelCalls: 2 })).rejects.toThrow('the run has no limit of modelCalls');
  await run.advance('2h');
  expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { cost: { nanoUsd: 100_000_000 } } });
});

test('model calls: as many as allowed, of which the last is told', async () => {
  const run = await testAgent(looker({ modelCalls: 2 }), { model: turns(2) }).start('go');
  expect(await run.result()).toMatchObject({
    outcome: 'budget-exhausted',
    failure: { type: 'Budget.ModelCallsExhausted', message: '2 model calls were allowed, 2 made.' },
    totals: { modelCalls: 2 },
  });
  expect(told(await run.transcript())).toContain('This is the last of the 2 model calls that this run may make');
});

test.each([0, -1, NaN, Infinity, 2_000_000])('a limit of %p dollars is refused', (usd) => {
  expect(() => looker({ usd })).toThrow(
    'agent looker: limits.usd must be a number of dollars above 0 and up to 1000000, such as 0.5.',
  );
});

describe('a request', () => {
  const written = { ...price, cachedInput: price.input / 10, cacheWrite: price.input * 1.25 };
  const prices = createPrices({ prices: { 'a/x': price, 'a/written': written }, providers: [] });

  test('is not begun where its input alone costs more than is left', () => {
    expect(() => allowedOutput(prices, 'a/x', 50_000, 49_000_000)).toThrow(
      'the next request to a/x costs $0.0500 before its answer, a least answer of 16 tokens $0.0002 more, and $0.0490 are left.',
    );
    // Its input has room, and the least answer has not.
    expect(() => allowedOutput(prices, 'a/x', 50_000, 50_100_000)).toThrow(
      'the next request to a/x costs $0.0500 before its answer, a least answer of 16 tokens $0.0002 more, and $0.0501 are left.',
    );
    expect(() => allowedOutput(prices, 'b/y', 1, 1)).toThrow("prices: { 'b/y': { input: 1, output: 2 } }");
  });

  test.each(['a/x', 'a/written'])('to %s never costs more than is left, whatever its provider keeps of it', (route) => {
    fc.assert(
      fc.property(
        ...[fc.nat(200_000), fc.nat(500_000_000), fc.nat(8_191), fc.nat(200_000)],
        (input, left, output, cacheWrite) => {
          let most: number | undefined;
          try {
            most = allowedOutput(prices, route, input, left);
          } catch {
            return;
          }
          const used = { input, cachedInput: 0, output: Math.min(output, most ?? Infinity), reasoning: 0 };
          expect(prices.nanoUsd(route, { ...used, cacheWrite: Math.min(cacheWrite, input) })).toBeLessThanOrEqual(left);
        },
      ),
    );
  });

  test('whose input costs more than is left ends the run, and nothing is asked', async () => {
    const run = await testAgent(looker({ usd: 0.000_001 }), { model: script().answer('yes'), price }).start('go');
    expect(await run.result()).toMatchObject({
      outcome: 'budget-exhausted',
      failure: {
        type: 'Budget.MoneyExhausted',
        message: expect.stringMatching(/^the next request to scripted\/default/),
      },
    });
    expect(run.calls).toEqual([]);
  });

  test('is told to answer within what is left', async () => {
    const run = await testAgent(looker({ usd: 0.02 }), { model: script().answer('yes'), price }).start('go');
    expect(await run.result()).toMatchObject({ outcome: 'completed' });
    expect(run.calls[0]).toMatchObject({ parameters: { maxOutputTokens: expect.any(Number) } });
  });
});

describe('a release whose money is limited', () => {
  const release = (
    agent: ReturnType<typeof defineAgent>,
    known: readonly string[],
    degrade: PublishedQueue['degrade'] = [],
  ) =>
    buildRelease(agent, {
      ...{ file: '/nowhere/agent.ts', code: 'c0de', releaseOf: () => 'f'.repeat(64) },
      settings: {
        ...settingsFor('/nowhere'),
        queues: { line: { depth: 10, concurrency: 1, weights: {}, shards: 1, degrade } },
        prices: createPrices({ prices: Object.fromEntries(known.map((name) => [name, price])), providers: [] }),
      },
    });
  const [mini, nano] = ['openai/gpt-5-mini', 'openai/gpt-5-nano'];
  const limited = defineAgent({ name: 'limited', instructions: 'x', model: 'smart', limits: { usd: 1 } });

  test('needs a price of every model of its route', async () => {
    await expect(release(limited, [mini])).rejects.toThrow(
      "limits.usd: nobody knows what openai/gpt-5-nano costs. Give its price in longhaul.config.ts: prices: { 'openai/gpt-5-nano'",
    );
    await expect(release(limited, [mini, nano])).resolves.toMatchObject({
      manifest: { plan: { limits: { nanoUsd: 1_000_000_000 } } },
    });
    await expect(release(defineAgent({ name: 'free', instructions: 'x', model: 'smart' }), [])).resolves.toBeDefined();
  });

  test('needs those of the models that its queue takes under load; of a queue that takes a sum of money all of them', async () => {
    const queued = defineAgent({ name: 'queued', instructions: 'x', model: mini, queue: 'line', limits: { usd: 1 } });
    const free = defineAgent({ name: 'free', instructions: 'x', model: mini, queue: 'line' });
    const step = { above: 0.5, route: [nano] };
    const withSum = { ...step, limits: { nanoUsd: 1_000 } };
    await expect(release(queued, [mini], [step])).rejects.toThrow(
      'its queue takes another model under load, and limits.usd: nobody knows what openai/gpt-5-nano costs.',
    );
    await expect(release(queued, [mini, nano], [step])).resolves.toMatchObject({ manifest: { queue: 'line' } });
    await expect(release(free, [], [step])).resolves.toBeDefined();
    await expect(release(free, [nano], [withSum])).rejects.toThrow('nobody knows what openai/gpt-5-mini costs');
    await expect(release(free, [mini, nano], [withSum])).resolves.toBeDefined();
  });

  test('needs them of its sub-agents too', async () => {
    const sub = defineAgent({ name: 'sub', description: 'd', instructions: 'x', model: 'smart' });
    const caller = defineAgent({ name: 'caller', instructions: 'x', tools: [agentTool(sub, { usd: 0.1 })] });
    await expect(release(caller, [mini])).rejects.toThrow('nobody knows what openai/gpt-5-nano costs');
    await expect(release(caller, [mini, nano])).resolves.toMatchObject({
      manifest: { plan: { tools: { sub: { agent: { limits: { nanoUsd: 100_000_000 } } } } } },
    });
  });
});
