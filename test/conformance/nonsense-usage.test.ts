// Needs: nothing but loopback. A provider that reports nonsense as usage, over each of the three APIs: the call succeeds, what it took is
// counted here and told as estimated, and neither the quota nor the money of the run believes a word of it.
import { callModel } from '../../activities/call-model';
import { defineAgent } from '../../activities/define';
import { createPrices } from '../../activities/gateway/money/prices';
import { createGatewayQuota, type GatewayQuota } from '../../activities/gateway/quota/gateway-quota';
import { createMessagesProvider } from '../../activities/model/messages-provider';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import type { ModelAnswer } from '../../workflows/contract/activities';
import type { LedgerState, WindowLimit } from '../../workflows/contract/quota';
import { lease, newLedger } from '../../workflows/quota/ledger';
import { viewOf } from '../../workflows/quota/view';
import { attempt, given } from '../activities/given';
import { startModelServer, type ModelServer } from '../kit/model-server/model-server';
import { script } from '../kit/script';

const ROUTE = 'test/claude-sonnet-5';
const MINUTE_MS = 60_000;
const WINDOWS: WindowLimit[] = [
  { of: 'requests', perMs: MINUTE_MS, most: 100 },
  { of: 'tokens', perMs: MINUTE_MS, most: 100_000 },
  { of: 'input', perMs: MINUTE_MS, most: 100_000 },
  { of: 'output', perMs: MINUTE_MS, most: 100_000 },
  { of: 'usd', perMs: 24 * 60 * MINUTE_MS, most: 10_000_000 },
];
const PRICE = { input: 1, cachedInput: 0.5, cacheWrite: 2, output: 10 };
const SAID = 'It is sunny in Lisbon, as it always is.';
const agent = defineAgent({ name: 'plain', instructions: 'Answer.', tools: [] });
/** The quota's time, so that what is told within a second is told at once. */
const FASTER = 20;

const APIS = ['responses', 'chat', 'messages'] as const;
const NONSENSE: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['what is less than nothing', '-5'],
  ['what is not a number, as JSON has it', 'null'],
  ['what has no end', '1e999'],
  ['parts of tokens', '12.5'],
  ['more than there can be', '1e18'],
  ['more than the largest whole number', '9007199254740993'],
  ['digits as text', '"12"'],
  ['words', '"many"'],
  ['a list', '[12]'],
  ['an object', '{"tokens":12}'],
  ['yes', 'true'],
  ['nothing at all of everything', '0'],
];

let model: ModelServer;
let quota: GatewayQuota;
let ledger: LedgerState;
beforeAll(async () => {
  model = await startModelServer({ script: script().answer(SAID) });
});
afterAll(() => model.close());
beforeEach(() => {
  model.clearFaults();
  ledger = newLedger();
  const now = (): number => performance.now() * FASTER;
  quota = createGatewayQuota({
    quotas: {
      [ROUTE]: {
        ...{ limits: { windows: WINDOWS }, reserve: { kind: 'learned', quantile: 0.95 } },
        ...{ patienceMs: MINUTE_MS, weights: {}, key: 'k' },
      },
    },
    ...{ worker: 'one', now },
    clock: {
      now,
      after(ms, work) {
        const timer = setTimeout(work, ms / FASTER);
        return () => clearTimeout(timer);
      },
    },
    prices: createPrices({ prices: { [ROUTE]: PRICE }, providers: [] }),
    ask: (_route, _settings, request) => Promise.resolve(lease(ledger, request, Math.round(now()))),
  });
});
afterEach(() => quota.stop());

async function asked(api: (typeof APIS)[number]): Promise<ModelAnswer> {
  const fixture = await given(agent, undefined, { route: ROUTE });
  const options = { name: 'test', baseUrl: model.url, apiKey: 'sk-test-of-nonsense' };
  const provider = api === 'messages' ? createMessagesProvider(options) : createOpenAiProvider({ ...options, api });
  const deps = {
    ...{ ...fixture.deps, quota, prices: createPrices({ prices: { [ROUTE]: PRICE }, providers: [] }) },
    providers: { resolve: () => ({ provider, model: 'claude-sonnet-5' }) },
  };
  const answer = await callModel(deps, fixture.input, attempt());
  if (answer.kind !== 'answer') throw new Error(`it has no answer: ${answer.kind}`);
  return answer;
}

type ByDimension = { [of: string]: number };

/** What the quota counts, once it has been told all: as expected, or after a while as it is. */
async function used(expected: ByDimension): Promise<ByDimension> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const { limits } = viewOf(ledger, ROUTE);
    const counted = Object.fromEntries(limits.map(({ of, used: amount }) => [of, amount]));
    const isTold = Object.entries(expected).every(([of, amount]) => counted[of] === amount);
    if (isTold || Date.now() > deadline) return counted;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe.each(APIS)('over the %s API', (api) => {
  test.each(NONSENSE)('a provider that reports %s', async (_what, told) => {
    const honest = await asked(api);
    expect(honest.usage).not.toHaveProperty('estimated');
    model.addFaults({ do: { tokenCounts: told } });
    const { usage, cost, messages } = await asked(api);
    expect(messages[0]?.preview).toBe(SAID);
    expect(usage).toMatchObject({ cachedInput: 0, reasoning: 0, estimated: true });
    expect(usage).not.toHaveProperty('cacheWrite');
    // As tokens are counted here, which is not as the model server does, and not far from it.
    for (const kind of ['input', 'output'] as const) {
      expect(usage[kind]).toBeGreaterThan(0);
      expect(usage[kind]).toBeLessThan(3 * honest.usage[kind] + 20);
    }
    expect(cost).toEqual({ nanoUsd: 1_000 * (usage.input * PRICE.input + usage.output * PRICE.output) });
    const [input, output] = [honest.usage.input + usage.input, honest.usage.output + usage.output];
    const usd = input * PRICE.input + output * PRICE.output;
    const counted = { requests: 2, tokens: input + output, input, output, usd };
    expect(await used(counted)).toEqual(counted);
  });
});

test.each(APIS)('over the %s API: a bare NaN is no JSON, and never half of an answer', async (api) => {
  model.addFaults({ do: { tokenCounts: 'NaN' } });
  const asking = asked(api).then(
    ({ usage, messages }) => ({ usage, said: messages[0]?.preview }),
    (error: unknown) => error,
  );
  // In a chat the usage comes when the answer is whole.
  expect(await asking).toMatchObject(
    api === 'chat'
      ? { usage: { estimated: true }, said: SAID }
      : { type: 'Model.InvalidResponse', nonRetryable: false },
  );
});
