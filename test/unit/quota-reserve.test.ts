// Needs nothing: what a request is given of a quota before it is sent, and what it has taken once the provider has said it.
import { createPrices, type Prices } from '../../activities/gateway/money/prices';
import { createReserving } from '../../activities/gateway/quota/reserve';
import { DIMENSIONS } from '../../workflows/contract/quota';

const USD = DIMENSIONS.indexOf('usd');
const caller = { release: 'r' };
/** As Anthropic's: what is written to its cache costs a quarter more, what is read from it a tenth. */
const prices = createPrices({
  prices: { 'test/model': { input: 4, cachedInput: 0.4, cacheWrite: 5, output: 20 } },
  providers: [],
});

test('money is reserved for input that is all written to a cache, and counted as it was read and written', () => {
  const reserving = createReserving('test/model', { kind: 'strict' }, prices);
  const reserved = reserving.reserved({ input: 1_000, outputCap: 100 }, caller);
  expect(reserved?.[USD]).toBe(1_000 * 5 + 100 * 20);
  const usage = { input: 1_000, cachedInput: 900, cacheWrite: 60, output: 50, reasoning: 0 };
  expect(reserving.taken(usage, caller)[USD]).toBe(40 * 4 + 900 * 0.4 + 60 * 5 + 50 * 20);
});

test('where reading costs more than writing to a cache, that is reserved', () => {
  const ofReading: Prices = { nanoUsd: (_route, { input, cacheWrite = 0 }) => (cacheWrite > 0 ? 0 : input * 1_000) };
  const reserving = createReserving('test/model', { kind: 'strict' }, ofReading);
  expect(reserving.reserved({ input: 10, outputCap: 1 }, caller)?.[USD]).toBe(10);
});

test('what nobody knows the price of a part of is counted at the dearest, and not as nothing', () => {
  const some: Prices = {
    nanoUsd: (route, usage) => (usage.cachedInput > 0 ? undefined : prices.nanoUsd(route, usage)),
  };
  const reserving = createReserving('test/model', { kind: 'strict' }, some);
  const usage = { input: 1_000, cachedInput: 900, output: 50, reasoning: 0 };
  expect(reserving.taken(usage, caller)[USD]).toBe(1_000 * 5 + 50 * 20);
});
