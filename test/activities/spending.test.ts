// Needs: nothing but Node; the model server over HTTP. What a call has cost, with the requests that brought no answer.
import { callModel } from '../../activities/call-model';
import { defineAgent } from '../../activities/define';
import type { ActivityDeps, Attempt } from '../../activities/deps';
import { createPrices } from '../../activities/gateway/money/prices';
import { spentBy, type ToldSpending } from '../../activities/gateway/money/spending';
import { createOpenAiProvider } from '../../activities/model/openai-provider';
import type { CallModelInput, ModelAnswer } from '../../workflows/contract/activities';
import { script, startModelServer, type Fault, type ModelServer } from '../kit/model-server';
import { attempt, given } from './given';

const ROUTE = 'openai/gpt-5-mini';
const PRICE = { input: 1, output: 10 };
const agent = defineAgent({ name: 'plain', instructions: 'Answer.', tools: [] });

let model: ModelServer;
beforeAll(async () => {
  model = await startModelServer({
    script: script().answer('A sentence that is long enough to be cut in its middle.'),
  });
});
afterEach(() => model.reset());
afterAll(() => model.close());

async function begun(): Promise<{
  deps: ActivityDeps;
  input: CallModelInput;
  spent: { input: number; output: number; nanoUsd: number }[];
  call(number: number, told?: unknown): Promise<{ answer?: ModelAnswer; error?: unknown; told?: ToldSpending }>;
}> {
  const fixture = await given(agent, undefined, { route: ROUTE });
  const provider = createOpenAiProvider({ name: 'openai', baseUrl: model.url, apiKey: 'sk-test', api: 'chat' });
  const spent: { input: number; output: number; nanoUsd: number }[] = [];
  const deps: ActivityDeps = {
    ...fixture.deps,
    providers: { resolve: () => ({ provider, model: 'gpt-5-mini' }) },
    prices: createPrices({ prices: { [ROUTE]: PRICE }, providers: [] }),
    metrics: {
      ...fixture.deps.metrics,
      modelSpent: ({ usage: { input, output }, nanoUsd }) => spent.push({ input, output, nanoUsd }),
    },
  };
  return {
    deps,
    input: fixture.input,
    spent,
    call: async (number, told) => {
      let left: ToldSpending | undefined;
      const about: Attempt = { ...attempt(number), told, tell: (details) => (left = details) };
      try {
        const answer = await callModel(deps, fixture.input, about);
        if (answer.kind !== 'answer') throw new Error(answer.kind);
        return { answer };
      } catch (error) {
        return { error, ...(left ? { told: left } : {}) };
      }
    },
  };
}

const priceOf = ({ input, output }: { input: number; output: number }): number => input * 1_000 + output * 10_000;
const once = (fault: Fault['do']): void => model.addFaults({ when: { times: 1 }, do: fault });

test('an answer costs what its tokens do', async () => {
  const { call, spent } = await begun();
  const { answer } = await call(1);
  expect(answer?.cost).toEqual({ nanoUsd: priceOf(answer?.usage ?? { input: NaN, output: NaN }) });
  expect(answer?.cost?.nanoUsd).toBeGreaterThan(0);
  expect(answer).not.toHaveProperty('unanswered');
  expect(spent).toEqual([expect.objectContaining({ nanoUsd: answer?.cost?.nanoUsd })]);
});

test('an answer that breaks off is paid for, and the attempt after it says so', async () => {
  const { call, spent } = await begun();
  once({ cutStreamAfterChunks: 4 });
  const first = await call(1);
  expect(first.told?.spent?.spent.input).toBeGreaterThan(0);
  expect(first.told?.spent?.spent.output).toBeGreaterThan(0);
  expect(first.told?.spent?.cost).toEqual({
    nanoUsd: priceOf(first.told?.spent?.spent ?? { input: NaN, output: NaN }),
  });
  expect(spentBy(first.error)).toEqual(first.told?.spent);
  const second = await call(2, first.told);
  expect(second.answer?.unanswered).toEqual(first.told?.spent);
  expect(second.answer?.cost).toEqual({ nanoUsd: priceOf(second.answer?.usage ?? { input: NaN, output: NaN }) });
  // Found again, it says the same; and nothing is asked or counted twice.
  expect((await call(3)).answer).toEqual({ ...second.answer, reused: true });
  expect(spent).toHaveLength(2);
});

test('a request that the provider turned away unread costs nothing', async () => {
  const { call, spent } = await begun();
  once({ status: 500 });
  const first = await call(1);
  expect(first).toMatchObject({ error: { type: 'Model.Unavailable' }, told: { attempt: 1 } });
  expect(first.told).toEqual({ attempt: 1 });
  expect((await call(2, first.told)).answer).not.toHaveProperty('unanswered');
  expect(spent).toHaveLength(1);
});

test('an attempt that died without a word counts as a request that was read', async () => {
  const { call, deps } = await begun();
  const { answer } = await call(3, { attempt: 1 });
  const { spent, cost } = answer?.unanswered ?? {};
  expect(spent).toMatchObject({ output: 0 });
  expect(spent?.input).toBeGreaterThan(0);
  expect(cost).toEqual({ nanoUsd: priceOf(spent ?? { input: NaN, output: NaN }) });
  expect(deps.prices.nanoUsd('openai/other', { input: 1, cachedInput: 0, output: 1, reasoning: 0 })).toBeUndefined();
});

test('what is told in a form that nobody knows is no reason to fail', async () => {
  const { call } = await begun();
  expect((await call(1, { attempt: 'many', spent: 7 })).answer).toMatchObject({ kind: 'answer' });
});

test('an answer that could not be stored is counted once: by who stores it, or where the model is asked anew', async () => {
  const here = await begun();
  const { store } = here.deps;
  const commit = store.commit.bind(store);
  store.commit = () => Promise.reject(new Error('the disk is full'));
  const first = await here.call(1);
  expect(first.told?.kept?.spent.output).toBeGreaterThan(0);
  expect(spentBy(first.error)).toBeUndefined();
  const again = await here.call(2, first.told);
  expect(again.told).toEqual({ ...first.told, attempt: 2 });
  store.commit = commit;
  expect((await here.call(3, again.told)).answer).not.toHaveProperty('unanswered');
  expect(here.spent).toHaveLength(1);
  const elsewhere = await begun();
  expect((await elsewhere.call(3, again.told)).answer?.unanswered).toEqual(first.told?.kept);
});

test('what was lost before an answer that could not be stored is counted once, too: with the answer', async () => {
  const { call, deps, spent } = await begun();
  const commit = deps.store.commit.bind(deps.store);
  once({ cutStreamAfterChunks: 4 });
  const cut = await call(1);
  deps.store.commit = () => Promise.reject(new Error('the disk is full'));
  const unstored = await call(2, cut.told);
  // The run counts what a call that failed tells it, and then what the answer tells it that was kept in memory.
  expect(spentBy(unstored.error)).toBeUndefined();
  expect(unstored.told?.kept?.spent.input).toBeGreaterThan(cut.told?.spent?.spent.input ?? NaN);
  deps.store.commit = commit;
  expect((await call(1)).answer?.unanswered).toEqual(cut.told?.spent);
  expect(spent).toHaveLength(2);
});

test('of two attempts that are both answered the later one is counted in what is kept, at its price', async () => {
  const { call, deps, spent, input } = await begun();
  let isFirst = true;
  let other: ModelAnswer | undefined;
  const { failpoint } = deps;
  deps.failpoint = async (name) => {
    if (name !== 'store.before-put' || !isFirst) return await failpoint(name);
    isFirst = false;
    // On another worker, which does not know what is in memory here.
    const elsewhere = { ...deps, worker: 'another', providers: { ...deps.providers } };
    const answer = await callModel(elsewhere, input, attempt());
    if (answer.kind === 'answer') other = answer;
  };
  const { answer } = await call(1);
  expect(model.counts()).toMatchObject({ answered: 2 });
  expect(spent).toHaveLength(2);
  expect(answer?.head).toBe(other?.head);
  expect(answer?.unanswered).toEqual({
    spent: other?.usage,
    cost: other?.cost,
    by: [{ model: ROUTE, requests: 1, answered: true, spent: other?.usage, cost: other?.cost }],
  });
  // Asked once more, the record says the same.
  expect((await call(3)).answer).toEqual({ ...answer, reused: true });
});
