// Needs: nothing but Node. Answers that are given again: to whom, for how long, and who asks when many ask the same at once.
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { createPrices } from '../../activities/gateway/money/prices';
import { callModel } from '../../activities/call-model';
import { defineAgent, defineTool, type CacheOptions } from '../../activities/define';
import type { ActivityDeps, Attempt } from '../../activities/deps';
import { depsOf } from '../../activities/deps-of-tenant';
import { failure } from '../../activities/failure';
import { CACHE_PACE, createAnswerCache, type CachePace } from '../../activities/gateway/cache/answer-cache';
import { openKeyRing } from '../../activities/keys';
import { allRefs } from '../../activities/store';
import { callRecordName, cacheOfTenant, runRecordName } from '../../activities/store/ref-names';
import type { CallModelInput, CallModelResult, ModelAnswer } from '../../workflows/contract/activities';
import { given, text, type Answer } from './given';

const NO_USAGE = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
/** Shortened where a test waits for silence. */
const FAST: CachePace = { renewMs: 10, silentMs: 150, holdMs: 5_000 };

const plain = (cache: boolean | CacheOptions = true) => defineAgent({ name: 'plain', instructions: 'Answer.', cache });

interface Asked {
  input: CallModelInput;
  attempt: Attempt;
}

/** Of another run each. */
const asRun = (input: CallModelInput, run: string, signal = new AbortController().signal): Asked => ({
  input: { ...input, key: { ...input.key, run: `first-of-${run}` } },
  attempt: { number: 1, workflowId: run, runId: `first-of-${run}`, signal },
});

/** A process of its own, as far as memory goes. */
const worker = (deps: ActivityDeps, name: string, pace: CachePace = CACHE_PACE): ActivityDeps => ({
  ...deps,
  worker: name,
  cache: createAnswerCache({ store: deps.store, worker: name, now: Date.now, pace }),
});
const ask = (deps: ActivityDeps, { input, attempt }: Asked): Promise<CallModelResult> =>
  callModel(depsOf(deps, input), input, attempt);

function answerOf(result: CallModelResult): ModelAnswer {
  if (result.kind !== 'answer') throw new Error(JSON.stringify(result));
  return result;
}

/** A model that answers when the test says so. */
function held(answer: Answer = { text: 'yes' }) {
  const answers: (() => void)[] = [];
  const asked: (() => void)[] = [];
  return {
    model: () =>
      new Promise<Answer>((resolve) => {
        answers.push(() => resolve(answer));
        asked.splice(0).forEach((wake) => wake());
      }),
    answer: (at = 0) => answers[at]?.(),
    asked: async (count: number) => {
      while (answers.length < count) await new Promise<void>((resolve) => asked.push(resolve));
    },
  };
}

test('the same question of another run is answered without the model, and says whose answer it is and what it saved', async () => {
  const { deps, input, requests, store } = await given(plain());
  const mine = worker(deps, 'a');
  const first = answerOf(await ask(mine, asRun(input, 'one')));
  const second = answerOf(await ask(worker(deps, 'b'), asRun(input, 'two')));

  expect(requests).toHaveLength(1);
  expect(first).not.toHaveProperty('cached');
  expect(second).toEqual({ ...first, usage: NO_USAGE, cost: { nanoUsd: 0 }, cached: true, saved: first.usage });
  const prices = createPrices({ prices: { [first.model]: { input: 1, output: 1 } }, providers: [] });
  const third = answerOf(await ask({ ...worker(deps, 'c'), prices }, asRun(input, 'three')));
  const nanoUsd = (first.usage.input + first.usage.output) * 1_000;
  expect([third.cost, third.savedCost]).toEqual([{ nanoUsd: 0 }, { nanoUsd }]);
  const record = await store.readRef(callRecordName({ ...input.key, run: 'first-of-two' }));
  expect(record?.value).toMatchObject({ origin: { run: 'one' }, answer: { head: first.head }, position: 1 });
  expect(await store.has(first.messages.map(({ hash }) => hash))).toEqual([true]);
});

test('a thing that differs is another question: instructions, parameters, conversation, tenant, and where it is declared the user', async () => {
  const { deps, agents, input, requests, put } = await given(plain({ scope: 'user' }));
  const mine = worker(deps, 'a');
  await ask(mine, asRun({ ...input, user: 'ann' }, 'one'));
  await ask(mine, asRun({ ...input, user: 'ann' }, 'two'));
  expect(requests).toHaveLength(1);
  await ask(mine, asRun({ ...input, user: 'bob' }, 'three'));
  await ask(mine, asRun({ ...input, user: 'ann', tenant: 'other' }, 'four'));
  await ask(mine, asRun({ ...input, user: 'ann', append: [await put(text('go on'))] }, 'five'));
  expect(requests).toHaveLength(4);
  const loaded = agents.resolve('plain', input.release);
  if (!loaded) throw new Error('not loaded');
  loaded.manifest.instructions = 'Answer well.';
  await ask(mine, asRun({ ...input, user: 'ann' }, 'six'));
  loaded.manifest.model.parameters = { temperature: 0 };
  await ask(mine, asRun({ ...input, user: 'ann' }, 'seven'));
  expect(requests).toHaveLength(6);
});

test('nobody of another tenant is given an answer, whatever the tenants are called and whoever asks', async () => {
  const { deps, input, requests, store } = await given(plain());
  const mine = worker(deps, 'a');
  // One of them is what the name of another becomes where it cannot stand in a ref's name.
  const hashed = /^cache\/(.+)\/$/.exec(cacheOfTenant('a/b'))?.[1] ?? '';
  const tenants = ['a', 'A', 'a.b', 'a/b', 'a%2Fb', '..', 'ä', 'a'.repeat(200), hashed, ''];
  for (const [at, tenant] of tenants.entries()) {
    const told = answerOf(await ask(mine, asRun({ ...input, tenant, user: 'ann' }, `run${at}`)));
    expect([tenant, told.cached]).toEqual([tenant, undefined]);
  }
  expect(requests).toHaveLength(tenants.length);
  for (const tenant of tenants) {
    expect(answerOf(await ask(mine, asRun({ ...input, tenant }, `again ${tenant}`)))).toMatchObject({ cached: true });
    // What is erased of one tenant is of no other.
    expect(await allRefs(store, cacheOfTenant(tenant))).toHaveLength(1);
  }
  expect(requests).toHaveLength(tenants.length);
});

test('near questions are one where it is declared, which the record says; those that differ otherwise are not', async () => {
  const { deps, input, requests, store, put } = await given(plain({ normalise: ['whitespace', 'dates', 'ids'] }));
  const mine = worker(deps, 'a');
  const said = async (run: string, words: string): Promise<unknown> => {
    await ask(mine, asRun({ ...input, append: [await put(text(words))] }, run));
    const record = await store.readRef(callRecordName({ ...input.key, run: `first-of-${run}` }));
    return z.object({ origin: z.unknown() }).partial().parse(record?.value).origin;
  };
  expect(await said('one', 'It is 2026-11-26. May I pay 1500000?')).toBeUndefined();
  expect(await said('two', 'It is 2026-11-26. May I pay 1500000?')).toMatchObject({ run: 'one' });
  expect(await said('two again', 'It is 2026-11-26. May I pay 1500000?')).not.toHaveProperty('near');
  expect(await said('three', 'It is  2026-11-27.  May I pay 1500000?')).toMatchObject({ run: 'one', near: true });
  expect(requests).toHaveLength(1);
  expect(await said('four', 'It is 2026-11-26. May I pay 2500000?')).toBeUndefined();
  expect(requests).toHaveLength(2);
  expect(requests[1]?.messages).toEqual([text('It is 2026-11-26. May I pay 2500000?')]);
});

test('an answer of a run that is erased is not given again, also where it was stored after the erasure', async () => {
  const { model, answer, asked } = held();
  const { deps, input, requests, store } = await given(plain(), model);
  const mine = worker(deps, 'a');
  const late = ask(mine, asRun(input, 'one'));
  await asked(1);
  const erase = (run: string, erased: object): Promise<unknown> =>
    store.commit({ refs: [{ op: 'put', name: runRecordName(run), value: { id: run, ...erased } }] });
  await erase('one', { erased: { at: 1, by: 'tester' } });
  await erase('two', {});
  answer();
  await late;
  const next = ask(mine, asRun(input, 'two'));
  await asked(2);
  answer(1);
  expect(answerOf(await next)).not.toHaveProperty('cached');
  // The one that was asked instead is.
  expect(answerOf(await ask(mine, asRun(input, 'three')))).toMatchObject({ cached: true });
  expect(requests).toHaveLength(2);
});

test('without the word of its agent nothing is given again', async () => {
  const { deps, input, requests, store } = await given(plain(false));
  await ask(worker(deps, 'a'), asRun(input, 'one'));
  await ask(worker(deps, 'a'), asRun(input, 'two'));
  expect(requests).toHaveLength(2);
  expect(await allRefs(store, 'cache/')).toEqual([]);
});

test('a question that many ask at once, in two workers, is asked once', async () => {
  const { model, answer, asked } = held();
  const { deps, input, requests } = await given(plain(), model);
  const workers = [worker(deps, 'a'), worker(deps, 'b')];
  const all = Array.from({ length: 40 }, (_, at) => ask(workers[at % 2] ?? deps, asRun(input, `run${at}`)));
  await asked(1);
  answer();
  const answers = (await Promise.all(all)).map(answerOf);
  expect(requests).toHaveLength(1);
  expect(answers.filter(({ cached }) => cached)).toHaveLength(39);
  expect(new Set(answers.map(({ head }) => head)).size).toBe(1);
});

describe('somebody else asks', () => {
  test('a call is held for a while, and then waits in its workflow', async () => {
    const { model, answer, asked } = held();
    const { deps, input, requests } = await given(plain(), model);
    const first = ask(worker(deps, 'a'), asRun(input, 'one'));
    await asked(1);
    const now = deps.now();
    const told = await ask(worker(deps, 'b', { ...CACHE_PACE, holdMs: 30 }), asRun(input, 'two'));
    expect(told).toMatchObject({
      kind: 'wait',
      reason: expect.stringContaining('another run asks the model the same'),
    });
    expect(told.kind === 'wait' && told.waitUntil - now).toBeGreaterThanOrEqual(2_000);
    answer();
    await first;
    expect(requests).toHaveLength(1);
  });

  test('who waits and is cancelled leaves it to ask', async () => {
    const { model, answer, asked } = held();
    const { deps, input, requests } = await given(plain(), model);
    const mine = worker(deps, 'a');
    const first = ask(mine, asRun(input, 'one'));
    await asked(1);
    const stop = new AbortController();
    const second = ask(mine, asRun(input, 'two', stop.signal));
    stop.abort(new Error('stopped'));
    await expect(second).rejects.toThrow('stopped');
    answer();
    expect(answerOf(await first)).not.toHaveProperty('cached');
    expect(answerOf(await ask(mine, asRun(input, 'three')))).toMatchObject({ cached: true });
    expect(requests).toHaveLength(1);
  });

  test('one of those who wait asks at once when it was cancelled, or told to wait by the provider', async () => {
    const { model, answer, asked } = held();
    const { deps, input, requests } = await given(plain(), model);
    const stop = new AbortController();
    const first = ask(worker(deps, 'a'), asRun(input, 'one', stop.signal));
    await asked(1);
    const other = worker(deps, 'b');
    const others = [ask(other, asRun(input, 'two')), ask(other, asRun(input, 'three'))];
    stop.abort(new Error('stopped'));
    await expect(first).rejects.toMatchObject({ name: 'StoppedCall' });
    await asked(2);
    answer(1);
    const told = (await Promise.all(others)).map(answerOf);
    expect(told.filter(({ cached }) => cached)).toHaveLength(1);
    expect(requests).toHaveLength(2);
  });

  test('patience that a provider asks for is asked of one after the other, and counts as no failure', async () => {
    const patience = { waits: '1m', reason: 'busy' } as const;
    const { deps, input, requests, store } = await given(plain(), () => patience);
    const mine = worker(deps, 'a');
    const told = await Promise.all(['one', 'two', 'three'].map((run) => ask(mine, asRun(input, run))));
    expect(told.map(({ kind }) => kind)).toEqual(['wait', 'wait', 'wait']);
    expect(requests).toHaveLength(3);
    expect(await allRefs(store, 'cache/')).toEqual([]);
  });

  test('a claim that is not renewed is taken over by who has seen it unchanged for long enough, whatever the clocks say', async () => {
    const { model, asked, answer } = held();
    const { deps, input, requests, store } = await given(plain(), model);
    // A worker whose process stands still: its claim is there, and nobody renews it.
    const dead = worker(deps, 'dead', { ...FAST, renewMs: 3_600_000 });
    void ask(dead, asRun(input, 'one'));
    await asked(1);
    const skewed: ActivityDeps = { ...deps, now: () => 1_000 - 60_000 };
    const waiting = [
      ask(worker(skewed, 'b', FAST), asRun(input, 'two')),
      ask(worker(deps, 'c', FAST), asRun(input, 'three')),
    ];
    await asked(2);
    expect((await allRefs(store, cacheOfTenant('t')))[0]?.value).toMatchObject({ state: 'asking' });
    answer(1);
    const told = (await Promise.all(waiting)).map(answerOf);
    expect(told.filter(({ cached }) => cached)).toHaveLength(1);
    expect(requests).toHaveLength(2);
    // The one that was taken for dead answers late: for itself.
    answer(0);
    expect(answerOf(await ask(worker(deps, 'd'), asRun(input, 'four')))).toMatchObject({ cached: true });
    expect(requests).toHaveLength(2);
  });

  test('a claim that is renewed is left alone, however long the model takes', async () => {
    const { model, asked, answer } = held();
    const { deps, input, requests, store } = await given(plain(), model);
    const first = ask(worker(deps, 'a', FAST), asRun(input, 'one'));
    await asked(1);
    const second = ask(worker(deps, 'b', FAST), asRun(input, 'two'));
    const renewals = async (): Promise<number> =>
      z.object({ renewals: z.number() }).parse((await allRefs(store, cacheOfTenant('t')))[0]?.value).renewals;
    while ((await renewals()) < 25) await new Promise((resolve) => setTimeout(resolve, 10));
    answer();
    expect(answerOf(await second)).toMatchObject({ cached: true });
    await first;
    expect(requests).toHaveLength(1);
  });
});

describe('what is never shared', () => {
  test('a failure: the next one asks; after two nobody waits for another any more', async () => {
    let isWell = false;
    const { deps, input, requests } = await given(plain(), () => {
      if (isWell) return { text: 'yes' };
      throw failure('Model.Authentication', 'wrong key.');
    });
    const mine = worker(deps, 'a');
    for (const run of ['one', 'two']) {
      await expect(ask(mine, asRun(input, run))).rejects.toMatchObject({ type: 'Model.Authentication' });
    }
    const many = await Promise.allSettled(Array.from({ length: 10 }, (_, at) => ask(mine, asRun(input, `many${at}`))));
    expect(many.map(({ status }) => status)).toEqual(Array(10).fill('rejected'));
    expect(requests).toHaveLength(12);
    isWell = true;
    await ask(mine, asRun(input, 'three'));
    expect(answerOf(await ask(mine, asRun(input, 'four')))).toMatchObject({ cached: true });
    expect(requests).toHaveLength(13);
  });

  test('an answer that cannot be used', async () => {
    const said: Answer[] = [{ text: '' }, { text: 'no', cut: 'length' }, { text: 'yes' }];
    const { deps, input, requests } = await given(plain(), () => said[requests.length - 1] ?? { text: 'yes' });
    const mine = worker(deps, 'a');
    expect(answerOf(await ask(mine, asRun(input, 'one')))).toMatchObject({ problem: { type: 'Model.EmptyAnswer' } });
    for (const run of ['two', 'three', 'four']) await ask(mine, asRun(input, run));
    expect(requests).toHaveLength(3);
    expect(answerOf(await ask(mine, asRun(input, 'five')))).toMatchObject({ cached: true });
  });

  test('calls of which one has an effect, beside others that only read', async () => {
    const act = (name: string, effect: 'read' | 'idempotent') =>
      defineTool({ name, description: 'A.', input: z.object({}), output: z.string(), effect, run: () => 'done' });
    const tools = [act('look', 'read'), act('pay', 'idempotent')];
    const mixed = defineAgent({ name: 'mixed', instructions: 'Act.', tools, cache: true });
    const calls = [
      { name: 'look', args: {} },
      { name: 'pay', args: {} },
    ];
    const { deps, input, requests, store } = await given(mixed, () => ({ calls }));
    const mine = worker(deps, 'a');
    for (const run of ['one', 'two', 'three']) await ask(mine, asRun(input, run));
    expect(requests).toHaveLength(3);
    const kept = await allRefs(store, cacheOfTenant('t'));
    expect(kept.filter(({ value }) => JSON.stringify(value).includes('answered'))).toEqual([]);
  });

  const acting = (effect: 'read' | 'idempotent', cache: boolean | CacheOptions) => {
    const act = defineTool({
      name: 'act',
      description: 'Acts.',
      input: z.object({}),
      output: z.string(),
      effect,
      run: () => 'done',
    });
    return defineAgent({ name: 'acting', instructions: 'Act.', tools: [act], cache });
  };
  test.each([
    ['idempotent', true, 2],
    ['idempotent', { toolCalls: 'all' }, 1],
    ['read', true, 1],
    ['read', { toolCalls: 'none' }, 2],
  ] as const)(
    'calls of a tool whose effect is %s, with cache: %j: %i requests of two runs',
    async (effect, cache, count) => {
      const { deps, input, requests } = await given(acting(effect, cache), () => ({
        calls: [{ name: 'act', args: {} }],
      }));
      const mine = worker(deps, 'a');
      await ask(mine, asRun(input, 'one'));
      await ask(mine, asRun(input, 'two'));
      expect(requests).toHaveLength(count);
    },
  );
});

test('an answer ends with its time, and with the shorter time of who asks', async () => {
  let now = 1_000_000;
  const { deps, input, requests, agents } = await given(plain({ ttl: '10m' }), undefined, { now: () => now });
  const mine: ActivityDeps = {
    ...deps,
    now: () => now,
    cache: createAnswerCache({ store: deps.store, worker: 'a', now: () => now }),
  };
  await ask(mine, asRun(input, 'one'));
  now += 9 * 60_000;
  await ask(mine, asRun(input, 'two'));
  expect(requests).toHaveLength(1);
  const loaded = agents.resolve('plain', input.release);
  if (!loaded?.manifest.cache) throw new Error('not loaded');
  loaded.manifest.cache = { ...loaded.manifest.cache, ttlMs: 60_000 };
  await ask(mine, asRun(input, 'three'));
  expect(requests).toHaveLength(2);
  now += 60_001;
  await ask(mine, asRun(input, 'four'));
  expect(requests).toHaveLength(3);
});

test('with keys a tenant reads its own answers, and what is kept of them is sealed', async () => {
  const keys = openKeyRing(`first:${randomBytes(32).toString('base64')}`);
  const { deps, input, requests } = await given(plain(), undefined, { keys });
  const mine = worker(deps, 'a');
  const first = answerOf(await ask(mine, asRun(input, 'one')));
  expect(answerOf(await ask(mine, asRun(input, 'two')))).toMatchObject({ cached: true, head: first.head });
  const other = answerOf(await ask(mine, asRun({ ...input, tenant: 'u' }, 'three')));
  expect(other.messages[0]?.hash).not.toBe(first.messages[0]?.hash);
  expect(requests).toHaveLength(2);
});
