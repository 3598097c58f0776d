// Needs: nothing but Node. What a request costs: as the configuration says, as the library lists it, or not known.
import fc from 'fast-check';
import { costOf, createPrices, isPriced } from '../../activities/gateway/money/prices';
import { addCosts, type Cost } from '../../workflows/contract/cost';
import type { Usage } from '../../workflows/contract/message';

const OPENAI = { name: 'openai', url: 'https://api.openai.com/v1' };
const CLAUDE = { name: 'claude', url: 'https://api.anthropic.com' };
const LOCAL = { name: 'local', url: 'http://localhost:11434/v1' };
const own = { 'local/llama': { input: 0.1, cachedInput: 0.01, output: 0.4 } };
const prices = createPrices({ prices: own, providers: [OPENAI, CLAUDE, LOCAL] });
const usage = (of: Partial<Usage>): Usage => ({ input: 0, cachedInput: 0, output: 0, reasoning: 0, ...of });
const MILLION = 1_000_000;

test('as the configuration says: what is cached has a price of its own, and reasoning is in the output', () => {
  const used = usage({ input: 1_000, cachedInput: 600, output: 50, reasoning: 40 });
  // 400 × 0.1 + 600 × 0.01 + 50 × 0.4 = 66 dollars a million times: 66 millionths.
  expect(costOf(prices, 'local/llama', used)).toEqual({ nanoUsd: 66_000 });
});

test('as the library lists it, by the address that is asked and not by the name of the provider', () => {
  const known = prices.nanoUsd('openai/gpt-5-mini', usage({ input: MILLION, output: MILLION })) ?? 0;
  expect(known).toBeGreaterThan(0);
  const cached = prices.nanoUsd('openai/gpt-5-mini', usage({ input: MILLION, cachedInput: MILLION })) ?? 0;
  expect(cached).toBeGreaterThan(0);
  expect(cached).toBeLessThan(prices.nanoUsd('openai/gpt-5-mini', usage({ input: MILLION })) ?? 0);
  const plain = prices.nanoUsd('claude/claude-sonnet-4-5', usage({ input: 100_000 })) ?? 0;
  const written = prices.nanoUsd('claude/claude-sonnet-4-5', usage({ input: 100_000, cacheWrite: 100_000 })) ?? 0;
  expect(written).toBeGreaterThan(plain);
  const behind = createPrices({ prices: {}, providers: [{ ...LOCAL, name: 'openai' }] });
  expect(behind.nanoUsd('openai/gpt-5-mini', usage({ input: 1 }))).toBeUndefined();
});

test('what is written to a cache for an hour has a price of its own: the library’s, the configuration’s, or twice that of input', () => {
  const told = usage({ input: 100_000, cachedInput: 20_000, cacheWrite: 50_000, cacheWriteHour: 30_000 });
  // Of Anthropic's list, in dollars per million: 3 of input, 0.30 read, 3.75 for five minutes, 6 for an hour.
  const listed = 30_000 * 3 + 20_000 * 0.3 + 20_000 * 3.75 + 30_000 * 6;
  expect(prices.nanoUsd('claude/claude-sonnet-4-5', told)).toBe(1_000 * listed);
  const price = { input: 3, cachedInput: 0.3, cacheWrite: 3.75, output: 15 };
  const priced = (more: { cacheWriteHour?: number }): number | undefined =>
    createPrices({ prices: { 'near/model': { ...price, ...more } }, providers: [] }).nanoUsd('near/model', told);
  expect(priced({})).toBe(1_000 * listed);
  expect(priced({ cacheWriteHour: 5 })).toBe(1_000 * (listed - 30_000));
  // Nonsense: more for an hour than is written at all.
  const more = usage({ input: 10, cacheWrite: 10, cacheWriteHour: 900 });
  expect(prices.nanoUsd('claude/claude-sonnet-4-5', more)).toBe(1_000 * 10 * 6);
});

test('an unknown price is unknown, and never nothing; the demo is free', () => {
  for (const route of ['local/other', 'openai/no-such-model', 'nobody/model', 'local/__proto__']) {
    expect(costOf(prices, route, usage({ input: 10 }))).toEqual({ nanoUsd: 0, unknown: 1 });
    expect(isPriced(prices, route)).toBe(false);
  }
  expect(costOf(prices, 'demo/extractive', usage({ input: 10 }))).toEqual({ nanoUsd: 0 });
  expect(['demo/extractive', 'local/llama', 'openai/gpt-5-mini'].map((route) => isPriced(prices, route))).toEqual([
    ...[true, true, true],
  ]);
});

test('nonsense that a provider reports never gives a negative or endless cost', () => {
  const nonsense = usage({ input: 5, cachedInput: 900, cacheWrite: 900, output: -7 });
  for (const route of ['local/llama', 'openai/gpt-5-mini', 'claude/claude-sonnet-4-5']) {
    const least = prices.nanoUsd(route, nonsense) ?? NaN;
    expect(least).toBeGreaterThanOrEqual(0);
    expect(least).toBeLessThanOrEqual(prices.nanoUsd(route, usage({ input: 5, cacheWrite: 5 })) ?? NaN);
    expect(prices.nanoUsd(route, usage({ input: NaN, output: Infinity }))).toBe(0);
  }
});

test('sums are exact in whatever order they are made', () => {
  const cost = fc.record(
    { nanoUsd: fc.nat(1e9), unknown: fc.integer({ min: 1, max: 5 }) },
    { requiredKeys: ['nanoUsd'] },
  );
  const total = (costs: Cost[]): Cost | undefined => costs.reduce<Cost | undefined>(addCosts, undefined);
  fc.assert(
    fc.property(fc.array(cost, { minLength: 1 }), (costs) => {
      const sum = total(costs);
      expect(total([...costs].reverse())).toEqual(sum);
      expect(sum?.nanoUsd).toBe(costs.reduce((all, { nanoUsd }) => all + nanoUsd, 0));
    }),
  );
});
