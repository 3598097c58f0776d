// Needs: nothing. What a configuration may say of quotas, and what a provider's answer says of its own.
import { quotaSchema } from '../../activities/define/quota';
import { createPrices } from '../../activities/gateway/money/prices';
import { toldLimits } from '../../activities/model/told-limits';
import { quotaSettings } from '../../workers/quota-settings';

const problemsOf = (quota: unknown): string[] => {
  const parsed = quotaSchema.safeParse(quota);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => [...path, message].join(': '));
};
const providers = [{ name: 'openai', keyFrom: 'OPENAI_API_KEY', api: 'chat' as const }];
const prices = createPrices({ prices: { 'openai/priced': { input: 1, output: 2 } }, providers: [] });
const settingsOf = (route: string, quota: unknown) =>
  quotaSettings({ quotas: { [route]: quotaSchema.parse(quota) } }, 'longhaul.config.ts', { providers }, prices);

test.each([
  [{}, /it names no limit/],
  [{ patience: '10m' }, /it names no limit/],
  [{ requestsPerMinute: 0 }, /^requestsPerMinute: it is above zero/],
  [{ requestsPerMinute: -3 }, /^requestsPerMinute: it is above zero/],
  [{ tokensPerMinute: 1.5 }, /^tokensPerMinute: it is a whole number/],
  [{ tokensPerMinute: 'many' }, /^tokensPerMinute: it is a number/],
  [{ usdPerDay: 0 }, /^usdPerDay: it is above zero/],
  [{ requestsPerMinute: 10, requestsPerDay: 5 }, /^requestsPerDay: it is below requestsPerMinute \(10\)/],
  [{ tokensPerMinute: 10, tokensPerDay: 5 }, /^tokensPerDay: it is below tokensPerMinute \(10\)/],
  [{ tokensPerMinute: 10, outputTokensPerMinute: 20 }, /^tokensPerMinute: it is below outputTokensPerMinute \(20\)/],
  [{ requestsPerMinute: 10, patience: 'soon' }, /^patience: .*milliseconds, or text/],
  [{ requestsPerMinute: 10, patience: '0s' }, /^patience: it is more than zero/],
  [{ requestsPerMinute: 10, reserve: 'strickt' }, /^reserve: it is "strict", "learned" or \{ quantile: 0\.95 \}/],
  [{ requestsPerMinute: 10, reserve: { quantile: 2 } }, /^reserve/],
  [{ requestsPerMinute: 10, weights: { acme: 0 } }, /^weights: acme: it is above zero/],
])('%j is refused with its place', (quota, problem) => {
  expect(problemsOf(quota).join('; ')).toMatch(problem);
});

test('a quota of what is no model of a provider is refused, with what there is', () => {
  expect(() => settingsOf('gpt-5', { requestsPerMinute: 5 })).toThrow(
    'longhaul.config.ts: quotas["gpt-5"]: it is not a model: write provider/model (providers: demo, openai).',
  );
});

test('a limit in money is refused while no price is known, and never taken for none', () => {
  expect(() => settingsOf('openai/x', { usdPerDay: 5 })).toThrow(
    /quotas\["openai\/x"\]\.usdPerDay: what openai\/x costs is not known: name it in prices/,
  );
  expect(settingsOf('openai/priced', { usdPerDay: 5 })['openai/priced']?.limits.windows).toEqual([
    { of: 'usd', perMs: 86_400_000, most: 5e6 },
  ]);
});

test('limits by the second are spread, small ones are not, and the key is named without being told', () => {
  const { 'openai/x': large } = settingsOf('openai/x', { requestsPerMinute: 60_000, requestsPerDay: 90_000 });
  expect(large?.limits.windows).toEqual([
    { of: 'requests', perMs: 60_000, most: 60_000, burst: 500 },
    { of: 'requests', perMs: 86_400_000, most: 90_000 },
  ]);
  const { 'openai/x': small } = settingsOf('openai/x', { requestsPerMinute: 3, tokensPerDay: 2_500, patience: '1m' });
  expect(small?.limits.windows).toEqual([
    { of: 'requests', perMs: 60_000, most: 3, burst: 3 },
    { of: 'tokens', perMs: 86_400_000, most: 2_500 },
  ]);
  expect(small).toMatchObject({ patienceMs: 60_000, reserve: { kind: 'learned', quantile: 0.95 } });
  expect(small?.key).toMatch(/^[0-9a-f]{8}$/);
});

test.each([
  [200, {}, undefined],
  [429, {}, { pauseMs: 1_000, refused: 1 }],
  [429, { 'retry-after-ms': '250' }, { pauseMs: 250, refused: 1 }],
  // Of a limit of hours: the refusal is told, and its own error says how long this request waits.
  [429, { 'retry-after': '7200' }, { refused: 1 }],
  [200, { 'x-ratelimit-limit-requests': '500', 'x-ratelimit-remaining-requests': '3' }, { requestsPerMinute: 500 }],
  [
    200,
    { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0s', 'x-ratelimit-limit-tokens': '90000' },
    { tokensPerMinute: 90_000 },
  ],
  [200, { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '2.5s' }, { pauseMs: 2_500 }],
  [200, { 'x-ratelimit-limit-requests': '9e99', 'x-ratelimit-remaining-requests': '-1' }, undefined],
])('status %i with %j says %j', (status, headers, told) => {
  expect(toldLimits(status, new Headers(headers), 0)).toEqual(told);
});
