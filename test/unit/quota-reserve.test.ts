// Needs nothing: what a request is given of a quota before it is sent, and what it has taken once the provider has said it.
import { createReserving } from '../../activities/gateway/quota/reserve';
import type { Usage } from '../../workflows/contract/message';
import { DIMENSIONS } from '../../workflows/contract/quota';

const USD = DIMENSIONS.indexOf('usd');
const caller = { release: 'r' };
/** As Anthropic's: what is written to its cache costs a quarter more, what is read from it a tenth. */
const priceOf = (_route: string, { input, cachedInput, cacheWrite = 0, output }: Usage): number =>
  (input - cachedInput - cacheWrite) * 4 + cachedInput * 0.4 + cacheWrite * 5 + output * 20;

test('money is reserved for input that is all written to a cache, and counted as it was read and written', () => {
  const reserving = createReserving('test/model', { kind: 'strict' }, priceOf);
  const reserved = reserving.reserved({ input: 1_000, outputCap: 100 }, caller);
  expect(reserved?.[USD]).toBe(1_000 * 5 + 100 * 20);
  const usage = { input: 1_000, cachedInput: 900, cacheWrite: 60, output: 50, reasoning: 0 };
  expect(reserving.taken(usage, caller)[USD]).toBe(40 * 4 + 900 * 0.4 + 60 * 5 + 50 * 20);
});

test('where reading costs more than writing to a cache, that is reserved', () => {
  const reserving = createReserving('test/model', { kind: 'strict' }, (_route, { input, cacheWrite = 0 }) =>
    cacheWrite > 0 ? 0 : input,
  );
  expect(reserving.reserved({ input: 10, outputCap: 1 }, caller)?.[USD]).toBe(10);
});
