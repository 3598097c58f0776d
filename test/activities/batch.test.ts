// Needs: nothing but Node. Short tasks that share calls: who shares with whom, what each has of the answer, and what is asked again alone.
import { z } from 'zod';
import { callModel } from '../../activities/call-model';
import { defineAgent, type AnyAgent, type BatchOptions } from '../../activities/define';
import type { Caller, Expected } from '../../activities/gateway/ports';
import { failure } from '../../activities/failure';
import { StoppedCall } from '../../activities/gateway/stopped-call';
import { ModelWaitError } from '../../activities/model/model-wait-error';
import type { ModelRequest } from '../../activities/model/provider';
import { callRecordName } from '../../activities/store/ref-names';
import type { CallModelInput, CallModelResult, ModelAnswer } from '../../workflows/contract/activities';
import { formatCost } from '../../client/format';
import { addCosts } from '../../workflows/contract/cost';
import { costSchema } from '../../workflows/contract/schemas/cost';
import type { JsonValue, Message, Usage } from '../../workflows/contract/message';
import { modelRecordSchema } from '../../workflows/contract/schemas/call-record';
import type { ModelTrouble } from '../kit/scripted-provider';
import { attempt, given, text, type Answer } from './given';

const item = z.object({ item: z.number(), input: z.string() });
const isShared = ({ output }: ModelRequest): boolean => output?.name.endsWith('_answers') ?? false;
const textOf = ({ messages }: ModelRequest): string =>
  messages.flatMap(({ parts }) => parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))).join('');
const itemsOf = (request: ModelRequest): z.output<typeof item>[] =>
  textOf(request)
    .split('\n')
    .slice(1)
    .map((line) => item.parse(JSON.parse(line)));

const sorterWith = (batch: BatchOptions, parameters: { [key: string]: JsonValue } = {}) =>
  defineAgent({
    name: 'sorter',
    instructions: 'Sort.',
    output: z.strictObject({ label: z.string() }),
    batch,
    parameters,
  });
const labelOf = (input: string): JsonValue => ({ label: `of ${input}` });

/** What a model says to a shared request, entry by entry, and to one of a task alone. */
type Says = (request: ModelRequest) => Answer | Promise<Answer>;
const says: Says = (request) =>
  isShared(request)
    ? {
        text: JSON.stringify({
          answers: itemsOf(request).map(({ item: n, input }) => ({ item: n, answer: labelOf(input) })),
        }),
      }
    : { text: JSON.stringify(labelOf(textOf(request))) };
const entries = (...all: { item: number; answer: JsonValue }[]): Answer => ({ text: JSON.stringify({ answers: all }) });

interface Task {
  tenant?: string;
  user?: string;
  number?: number;
  signal?: AbortSignal;
  change?: (input: CallModelInput) => Partial<CallModelInput>;
}

async function asker(agent: AnyAgent, model: Says = says) {
  const fixture = await given(agent, () => model(requests.at(-1) as ModelRequest));
  const { requests, deps, input, put, store } = fixture;
  const counted = {
    ...{ batches: [] as number[], alone: [] as string[] },
    ...{ expected: [] as Expected[], callers: [] as Caller[] },
  };
  deps.metrics.batchSent = (_, tasks) => counted.batches.push(tasks);
  deps.metrics.askedAlone = (_, reason) => counted.alone.push(reason);
  deps.quota = {
    admit: (_, expected, caller) => {
      counted.expected.push(expected);
      counted.callers.push(caller);
      return Promise.resolve({ settle: () => undefined, release: () => undefined });
    },
  };
  const ask = async (says: string | Message, task: Task = {}): Promise<CallModelResult> => {
    const message = typeof says === 'string' ? text(says) : says;
    const run = `run of ${JSON.stringify(says).slice(0, 50)} ${task.tenant ?? ''}`;
    const own = { ...input, key: { ...input.key, run }, append: [await put(message)], tenant: task.tenant ?? 't' };
    return await callModel(
      deps,
      { ...own, ...(task.user === undefined ? {} : { user: task.user }), ...task.change?.(own) },
      { ...attempt(task.number ?? 1, task.signal), workflowId: run },
    );
  };
  const recordOf = async (says: string) => {
    const run = `run of ${JSON.stringify(says)} `;
    return modelRecordSchema.parse((await store.readRef(callRecordName({ ...input.key, run })))?.value);
  };
  return { ...fixture, counted, ask, recordOf };
}

const answered = (result: CallModelResult): ModelAnswer => {
  if (result.kind !== 'answer') throw new Error(result.kind);
  return result;
};
const previews = (results: CallModelResult[]): unknown[] => results.map((one) => answered(one).output?.preview);
const sum = (results: CallModelResult[], kind: Exclude<keyof Usage, 'estimated'>): number =>
  results.reduce((all, one) => all + (answered(one).usage[kind] ?? 0), 0);

test('tasks that wait at the same time are one request, and each has its own answer', async () => {
  const { ask, requests, counted, recordOf, store } = await asker(sorterWith({ size: 3, delay: '5s' }));
  const results = await Promise.all(['a', 'b', 'c'].map((one) => ask(one)));
  expect(previews(results)).toEqual(['{"label":"of a"}', '{"label":"of b"}', '{"label":"of c"}']);
  expect(requests.length).toBe(1);
  expect(requests[0]?.instructions.match(/Sort\./g)?.length).toBe(1);
  expect(counted.batches).toEqual([3]);
  expect(results.map((one) => answered(one).batched)).toEqual([{ of: 3 }, { of: 3 }, { of: 3 }]);
  const records = await Promise.all(['a', 'b', 'c'].map(recordOf));
  expect(records.map(({ batch }) => batch?.item)).toEqual([1, 2, 3]);
  expect(new Set(records.map(({ batch }) => batch?.request))).toEqual(new Set([records[0]?.request.sha256]));
  // Of others there is nothing in what a run keeps: it may be erased alone.
  const [raw] = await store.get([records[0]?.raw ?? '']);
  expect(JSON.parse(new TextDecoder().decode(raw))).toEqual({ item: 1, answer: { label: 'of a' } });
});

test('a request of unknown price counts once, with those that follow it', async () => {
  const { ask } = await asker(sorterWith({ size: 3, delay: '5s' }), (request) =>
    isShared(request) ? entries({ item: 1, answer: labelOf('a') }) : says(request),
  );
  const results = await Promise.all(['a', 'b', 'c'].map((one) => ask(one)));
  const costs = results.map((one) => answered(one).cost);
  expect(costs.map((cost) => cost?.unknown)).toEqual([1 / 3, 4 / 3, 4 / 3]);
  expect(formatCost(costs.reduce(addCosts))).toBe('cost unknown (3 requests of unknown price)');
  expect(formatCost(costs[0])).toBe('cost unknown (1 request of unknown price)');
  const { cost } = answered(results[0] as CallModelResult);
  expect(costSchema.parse(cost)).toEqual(cost);
});

test('what the call has used is shared out, and adds up', async () => {
  const usage = { input: 1_001, cached: 200, output: 100, reasoning: 31 };
  const { ask } = await asker(sorterWith({ size: 3, delay: '5s' }), async (request) => ({
    ...(await says(request)),
    usage,
  }));
  const results = await Promise.all(['a', 'b', 'a much longer task than the others are'].map((one) => ask(one)));
  expect([
    sum(results, 'input'),
    sum(results, 'cachedInput'),
    sum(results, 'output'),
    sum(results, 'reasoning'),
  ]).toEqual([1_001, 200, 100, 31]);
  const inputs = results.map((one) => answered(one).usage.input);
  expect(inputs[2]).toBeGreaterThan(inputs[0] ?? Infinity);
});

test('what is missing, there twice or does not fit is asked again alone, and nothing else is', async () => {
  const { ask, requests, counted, recordOf } = await asker(sorterWith({ size: 4, delay: '5s' }), (request) => {
    if (!isShared(request)) return says(request);
    return {
      ...entries(
        { item: 1, answer: { label: 'of a' } },
        { item: 2, answer: { label: 'of x' } },
        { item: 2, answer: { label: 'of y' } },
        { item: 3, answer: { wrong: true } },
      ),
      usage: { input: 400, output: 40 },
    };
  });
  const results = await Promise.all(['a', 'b', 'c', 'd'].map((one) => ask(one)));
  expect(previews(results)).toEqual(['a', 'b', 'c', 'd'].map((one) => `{"label":"of ${one}"}`));
  expect(requests.slice(1).map(textOf).sort()).toEqual(['b', 'c', 'd']);
  expect(counted.alone.sort()).toEqual(['duplicated', 'invalid', 'missing']);
  expect(results.map((one) => answered(one).batched)).toEqual([{ of: 4 }, ...Array(3).fill({ of: 4, alone: true })]);
  expect((await recordOf('c')).batch).toMatchObject({ item: 3, of: 4, alone: 'invalid' });
  // With what the shared call had cost it.
  expect(sum(results, 'input')).toBeGreaterThan(400);
  expect(answered(results[1] as CallModelResult).usage.input).toBeGreaterThan(
    answered(results[0] as CallModelResult).usage.input,
  );
});

test('a call that brings no answer for anyone, or is refused for what it asks: each alone', async () => {
  const answers: (Answer | ModelTrouble)[] = [
    { text: 'I sorted them.' },
    { fails: 'Model.BadRequest' },
    { fails: 'Model.ContextTooLong' },
    { fails: 'Model.QuotaTooSmall' },
  ];
  for (const answer of answers) {
    const { ask, requests, counted } = await asker(sorterWith({ size: 2, delay: '5s' }), (request) =>
      isShared(request) ? answer : says(request),
    );
    expect(previews(await Promise.all([ask('a'), ask('b')]))).toEqual(['{"label":"of a"}', '{"label":"of b"}']);
    expect(requests.length).toBe(3);
    expect(counted.alone).toEqual(['no-answer', 'no-answer']);
  }
});

test('a failure of the provider, or its wish to wait, holds for each of the tasks, and nothing more is sent', async () => {
  const limited = await asker(sorterWith({ size: 2, delay: '5s' }), () => ({
    fails: 'Model.RateLimited',
    retryAfter: '2s',
  }));
  const failed = await Promise.allSettled([limited.ask('a'), limited.ask('b')]);
  expect(failed).toMatchObject(
    Array(2).fill({ status: 'rejected', reason: { type: 'Model.RateLimited', nextRetryDelay: 2_000 } }),
  );
  expect(limited.requests.length).toBe(1);

  const waits = await asker(sorterWith({ size: 2, delay: '5s' }), () => ({ waits: '1m', reason: 'quota' }));
  expect(await Promise.all([waits.ask('a'), waits.ask('b')])).toEqual(
    Array(2).fill({ kind: 'wait', waitUntil: 61_000, reason: 'quota' }),
  );
  expect(waits.requests.length).toBe(1);
});

test('what has broken two calls goes alone: it may be the one that breaks them', async () => {
  const { ask, requests } = await asker(sorterWith({ size: 2, delay: '5s' }));
  await Promise.all([ask('a', { number: 2 }), ask('bad', { number: 3 }), ask('b')]);
  expect(requests.map(isShared).sort()).toEqual([false, true]);
  expect(requests.filter((one) => !isShared(one)).map(textOf)).toEqual(['bad']);
});

test('tenants, releases and, where the agent says so, users never stand side by side', async () => {
  const batch = { size: 4, delay: '50ms' } as const;
  const tenants = await asker(sorterWith(batch));
  await Promise.all([
    ...['a', 'b'].map((one) => tenants.ask(one, { tenant: 'acme', user: one })),
    ...['c', 'd'].map((one) => tenants.ask(one, { tenant: 'other' })),
  ]);
  expect(tenants.requests.map((one) => itemsOf(one).map(({ input }) => input))).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);

  const users = await asker(sorterWith({ ...batch, within: 'user' }));
  await Promise.all(['a', 'b', 'c', 'd'].map((one, at) => users.ask(one, { user: at < 2 ? 'u1' : 'u2' })));
  expect(users.requests.map((one) => itemsOf(one).map(({ input }) => input))).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);

  const before = await asker(sorterWith(batch));
  const after = await asker(sorterWith({ ...batch, delay: '60ms' }));
  after.deps.providers = before.deps.providers;
  expect(before.loaded.release).not.toBe(after.loaded.release);
  await Promise.all([before.ask('a'), before.ask('b'), after.ask('c'), after.ask('d')]);
  expect(before.requests.map((one) => itemsOf(one).map(({ input }) => input))).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
});

describe('a call holds', () => {
  test('so many tasks, and what is alone when the first has waited long enough has a plain call', async () => {
    const { ask, requests, counted } = await asker(sorterWith({ size: 2, delay: '30ms' }));
    await Promise.all(['a', 'b', 'c'].map((one) => ask(one)));
    expect(counted.batches).toEqual([2, 1]);
    expect(requests.map(isShared)).toEqual([true, false]);
    expect(counted.alone).toEqual([]);
  });

  test('so many tokens, both ways; the cap of a task counts once for each', async () => {
    const agent = sorterWith({ size: 10, delay: '30ms', tokens: 1_500 }, { maxOutputTokens: 300 });
    const { ask, requests, counted } = await asker(agent);
    const results = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((one) => ask(one)));
    expect(results.length).toBe(5);
    expect(counted.batches.length).toBeGreaterThan(1);
    expect(Math.max(...counted.batches)).toBeLessThan(5);
    const shared = requests.filter(isShared);
    expect(shared.length).toBeGreaterThan(0);
    for (const one of shared) expect(one.parameters['maxOutputTokens']).toBe((300 + 16) * itemsOf(one).length);
    const tasks = counted.expected.flatMap((one) => (one.tasks === undefined ? [] : [one]));
    expect(tasks.map((one) => one.outputCap)).toEqual(shared.map((one) => (300 + 16) * itemsOf(one).length));
    expect(tasks.map((one) => one.tasks)).toEqual(shared.map((one) => itemsOf(one).length));
  });

  test('no task that is too long for one, none of a later turn, none with a file, and none that the runtime warns', async () => {
    const { ask, requests, put } = await asker(sorterWith({ size: 5, delay: '20ms', tokens: 900 }));
    const file = { sha256: 'f'.repeat(64), mediaType: 'image/png', bytes: 1 };
    const earlier = await put(text('earlier'));
    await Promise.all([
      ask('long '.repeat(900)),
      ask('later', { change: ({ append }) => ({ append: [earlier, ...append] }) }),
      ask({
        role: 'user',
        parts: [
          { type: 'text', text: 'see' },
          { type: 'image', file },
        ],
      }),
      ask('near', { change: () => ({ notice: 'The limit is near.' }) }),
    ]);
    expect(requests.map(isShared)).toEqual([false, false, false, false]);
  });
});

test('a call waits for its quota as the most urgent of its tasks, and the one that has waited longest', async () => {
  const { ask, counted } = await asker(sorterWith({ size: 3, delay: '5s' }));
  await Promise.all([
    ask('a', { change: () => ({ priority: 'low', waitingSince: 700 }) }),
    ask('b', { change: () => ({ priority: 'high' }) }),
    ask('c', { change: () => ({ waitingSince: 900 }) }),
  ]);
  expect(counted.callers).toMatchObject([{ priority: 'high', waitingSince: 700 }]);
});

test('a task that must wait before it is asked alone has paid for its part of the shared call', async () => {
  const { ask, deps } = await asker(sorterWith({ size: 2, delay: '5s' }), (request) =>
    isShared(request) ? entries({ item: 1, answer: labelOf('a') }) : says(request),
  );
  const { quota } = deps;
  deps.quota = {
    admit: async (route, expected, caller) => {
      if (expected.tasks === undefined) throw new ModelWaitError(9_000, 'the quota is used up.');
      return await quota.admit(route, expected, caller);
    },
  };
  const [first, second] = await Promise.all([ask('a'), ask('b')]);
  expect(first).toMatchObject({ kind: 'answer', batched: { of: 2 } });
  expect(second).toMatchObject({ kind: 'wait', unanswered: { spent: { input: expect.any(Number) as number } } });
});

test('tasks whose tenant has not enough for all of them are asked alone: one may have room', async () => {
  const { ask, deps, requests } = await asker(sorterWith({ size: 2, delay: '5s' }));
  const { quota } = deps;
  deps.quota = {
    admit: async (route, expected, caller) => {
      if (expected.tasks !== undefined) throw failure('Budget.TenantExhausted', 'all is used.');
      return await quota.admit(route, expected, caller);
    },
  };
  expect(previews(await Promise.all([ask('a'), ask('b')]))).toEqual(['{"label":"of a"}', '{"label":"of b"}']);
  expect(requests.map(isShared)).toEqual([false, false]);
});

describe('a cancel', () => {
  test('of one that waits for others costs nothing, and the others go without it', async () => {
    const { ask, requests } = await asker(sorterWith({ size: 5, delay: '60ms' }));
    const stop = new AbortController();
    const results = Promise.allSettled([ask('a'), ask('gone', { signal: stop.signal }), ask('b')]);
    setTimeout(() => stop.abort(), 20);
    const [, gone] = await results;
    expect(gone?.status).toBe('rejected');
    expect(gone).not.toMatchObject({ reason: { name: 'StoppedCall' } });
    expect(requests.map((one) => itemsOf(one).map(({ input }) => input))).toEqual([['a', 'b']]);
  });

  test('of one whose call is under way ends it alone; the last one to go stops the call', async () => {
    const aborted: boolean[] = [];
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    let answer: (said: Answer) => void = () => undefined;
    const agent = sorterWith({ size: 2, delay: '5s' });
    const { ask, deps } = await asker(agent, () => {
      asked();
      return new Promise<Answer>((resolve) => (answer = resolve));
    });
    const { provider } = deps.providers.resolve('x');
    deps.providers = {
      resolve: () => ({
        model: 'model',
        provider: {
          name: 'scripted',
          generate: (request, call) => {
            call.signal.addEventListener('abort', () => aborted.push(true));
            return provider.generate(request, call);
          },
        },
      }),
    };
    const spent: number[] = [];
    deps.metrics.modelSpent = ({ usage: { output } }) => spent.push(output);
    const [one, other] = [new AbortController(), new AbortController()];
    const first = ask('a', { signal: one.signal });
    const second = ask('b', { signal: other.signal });
    await isAsked;
    one.abort();
    const error: unknown = await first.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoppedCall);
    expect((error as StoppedCall).usage.input).toBeGreaterThan(0);
    expect(aborted).toEqual([]);
    answer(entries({ item: 1, answer: labelOf('a') }, { item: 2, answer: labelOf('b') }));
    expect(previews([await second])).toEqual(['{"label":"of b"}']);
    // Who left was told its part when it did, without an answer; it is not counted again with the answer.
    expect(spent).toEqual([0, expect.any(Number)]);

    const isAskedAgain = new Promise<void>((resolve) => (asked = resolve));
    const both = ['c', 'd'].map((says) => ask(says, { signal: other.signal }));
    await isAskedAgain;
    other.abort();
    expect(await Promise.allSettled(both)).toMatchObject(
      Array(2).fill({ status: 'rejected', reason: { name: 'StoppedCall' } }),
    );
    expect(aborted).toEqual([true]);
  });
});

test('an agent whose answer is text is answered with text', async () => {
  const agent = defineAgent({ name: 'writer', instructions: 'Write.', batch: { size: 2, delay: '5s' } });
  const { ask, counted } = await asker(agent, (request) =>
    isShared(request)
      ? entries({ item: 1, answer: '1, said "A"' }, { item: 2, answer: { not: 'text' } })
      : { text: 'alone' },
  );
  expect(previews(await Promise.all([ask('a'), ask('b')]))).toEqual(['1, said "A"', 'alone']);
  expect(counted.alone).toEqual(['invalid']);
});
