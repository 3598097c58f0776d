// Needs: nothing but Node. The breaker of a toolbox around calls of different runs: what opens it, what a call comes to meanwhile, and
// that none of it is ever taken for an action that may have happened.
import { callTool } from '../../activities/call-tool';
import { createCircuitBreaker, type BreakerState } from '../../activities/circuit-breaker';
import { ToolRejection } from '../../activities/define';
import { ToolFailure } from '../../activities/define/tool-failure';
import { failure } from '../../activities/failure';
import { EFFECT_PREFIX } from '../../activities/store/ref-names';
import type { CallToolInput } from '../../workflows/contract/activities';
import { attempt } from './given';
import { shop } from './shop';

const OPEN_MS = 30_000;
/** The breaker's clock. */
let now = 0;
beforeEach(() => {
  now = 1_000_000;
  jest.spyOn(Date, 'now').mockImplementation(() => now);
});
afterEach(() => jest.restoreAllMocks());
const refusal = { type: 'Tool.CircuitOpen', nonRetryable: false };

type ShopOptions = NonNullable<Parameters<typeof shop>[0]>;

/** Its tool does what `acts` says at the moment, and counts how often it was called. */
async function guarded(options: Omit<ShopOptions, 'run'> = {}) {
  const states: BreakerState[] = [];
  let [refusals, calls, runs] = [0, 0, 0];
  const breaker = createCircuitBreaker({
    limits: { failures: 3, openForMs: OPEN_MS },
    onState: (state) => states.push(state),
    onRefused: () => (refusals += 1),
  });
  const made = await shop({
    effect: 'read',
    ...options,
    run: (_, signal) => {
      calls += 1;
      return outside.acts(signal);
    },
  });
  const outside: { acts(signal: AbortSignal): unknown } = { acts: () => 'paid' };
  const deps = { ...made.deps, breaker };
  const asking = (more: Partial<CallToolInput> = {}): CallToolInput => {
    const asked = made.asking();
    return { ...asked, key: { ...asked.key, run: `run-${(runs += 1)}` }, ...more };
  };
  const call = (input = asking(), at = attempt()): ReturnType<typeof callTool> => callTool(deps, input, at);
  const fail = async (times: number): Promise<void> => {
    outside.acts = dead;
    for (let nth = 0; nth < times; nth += 1) await expect(call()).rejects.toMatchObject({ type: 'Tool.Failed' });
  };
  return {
    ...{ outside, asking, call, fail, states, store: made.store, deps },
    calls: () => calls,
    refusals: () => refusals,
    effects: async () => (await made.store.listRefs(EFFECT_PREFIX)).map(({ value }) => value),
  };
}

const dead = (): never => {
  throw new Error('the line is dead');
};
const held = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('told'))));
/** Cancelled once its tool was called. */
async function cancelled(shop: Awaited<ReturnType<typeof guarded>>): Promise<void> {
  const stop = new AbortController();
  const begun = new Promise<void>((resolve) => {
    shop.outside.acts = (signal) => {
      resolve();
      return held(signal);
    };
  });
  const call = shop.call(shop.asking(), attempt(1, stop.signal));
  await begun;
  stop.abort();
  await expect(call).rejects.toThrow('cancelled');
}

test('calls that fail in a row, of whichever runs, open it: then nothing is called until its time is over', async () => {
  const shop = await guarded();
  await shop.fail(3);
  const input = shop.asking();
  const refused = await shop.call(input).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    ...refusal,
    message: 'toolbox payments is not called for another 30 s: its last 3 calls failed.',
  });
  const { nextRetryDelay } = refused as { nextRetryDelay: number };
  expect(nextRetryDelay).toBeGreaterThanOrEqual(OPEN_MS);
  expect(nextRetryDelay).toBeLessThanOrEqual(OPEN_MS * 1.25);
  expect([shop.calls(), shop.refusals()]).toEqual([3, 1]);
  shop.outside.acts = () => 'paid';
  now += OPEN_MS - 1;
  await expect(shop.call(input)).rejects.toMatchObject(refusal);
  now += 1;
  expect(await shop.call(input, attempt(2))).toMatchObject({ message: { preview: 'paid' } });
  expect(shop.states).toEqual(['open', 'trying', 'closed']);
});

test('one that answers in between begins the count anew', async () => {
  const shop = await guarded();
  await shop.fail(2);
  shop.outside.acts = () => 'paid';
  await shop.call();
  await shop.fail(2);
  expect(shop.states).toEqual([]);
});

test('while one call tries, others are sent away and hold no place; that it fails opens it again', async () => {
  const shop = await guarded({ timeoutMs: 60 });
  await shop.fail(3);
  now += OPEN_MS;
  shop.outside.acts = held;
  const tries = shop.call();
  await expect(shop.call()).rejects.toMatchObject({
    ...refusal,
    message: expect.stringContaining('one tries whether they go through again') as string,
  });
  await expect(tries).rejects.toMatchObject({ type: 'Tool.Timeout' });
  await expect(shop.call()).rejects.toMatchObject(refusal);
  expect([shop.calls(), shop.states]).toEqual([4, ['open', 'trying', 'open']]);
});

test('a call that tries and is cancelled says nothing: it stays open', async () => {
  const shop = await guarded();
  await shop.fail(3);
  now += OPEN_MS;
  await cancelled(shop);
  expect(shop.states).toEqual(['open', 'trying', 'open']);
});

describe('is opened', () => {
  test.each<[string, (signal: AbortSignal) => unknown]>([
    ['by an error', dead],
    ['by silence', held],
    [
      'by a failure of the other side',
      () => Promise.reject(new ToolFailure('Tool.Failed', '503.', { mayHaveActed: true })),
    ],
  ])('%s', async (_, acts) => {
    const shop = await guarded({ timeoutMs: 20 });
    shop.outside.acts = acts;
    for (let nth = 0; nth < 3; nth += 1) await shop.call().catch(() => undefined);
    expect(shop.states).toEqual(['open']);
  });

  test.each<[string, (signal: AbortSignal) => unknown]>([
    ['a rejection', () => Promise.reject(new ToolRejection('not today'))],
    ['an answer of a wrong shape', () => 5],
    [
      'an answer that cannot be read',
      () => Promise.reject(new ToolFailure('Tool.InvalidOutput', 'x', { mayHaveActed: true })),
    ],
    ['our own store', () => Promise.reject(failure('Store.Unavailable', 'the store is away.'))],
  ])('and not by %s', async (_, acts) => {
    const shop = await guarded();
    shop.outside.acts = acts;
    for (let nth = 0; nth < 6; nth += 1) await shop.call().catch(() => undefined);
    expect([shop.states, shop.calls()]).toEqual([[], 6]);
  });

  test('and not by calls that were cancelled', async () => {
    const shop = await guarded();
    for (let nth = 0; nth < 4; nth += 1) await cancelled(shop);
    expect([shop.states, shop.calls()]).toEqual([[], 4]);
  });
});

describe('an at-most-once call that it refuses', () => {
  test('has claimed nothing, and its next attempt acts', async () => {
    const shop = await guarded({ effect: 'at-most-once', reconciles: true });
    await shop.fail(3);
    const claims = (await shop.effects()).length;
    const input = shop.asking();
    await expect(shop.call(input)).rejects.toMatchObject(refusal);
    expect(await shop.effects()).toHaveLength(claims);
    shop.outside.acts = () => 'paid';
    now += OPEN_MS;
    expect(await shop.call(input, attempt(2))).toMatchObject({ message: { preview: 'paid' } });
  });

  test('is told as what it is after its last attempt, and not as unknown; the model may ask again', async () => {
    const shop = await guarded({ effect: 'at-most-once', reconciles: true });
    await shop.fail(3);
    const input = shop.asking();
    expect(await shop.call(input, attempt(3))).toMatchObject({ failure: 'Tool.CircuitOpen' });
    now += OPEN_MS;
    shop.outside.acts = () => 'paid';
    const again = { ...input, key: { ...input.key, turn: 2 } };
    expect(await shop.call(again)).toMatchObject({ message: { preview: 'paid' } });
  });

  test('whose earlier attempt was cut off is looked up all the same', async () => {
    const shop = await guarded({ effect: 'at-most-once', reconciles: true });
    const input = shop.asking();
    shop.outside.acts = dead;
    await expect(shop.call(input)).rejects.toMatchObject({ type: 'Tool.Failed' });
    await shop.fail(2);
    // It is not done, and the first attempt might be alive: no word of a breaker.
    await expect(shop.call(input, attempt(2))).rejects.toMatchObject({ type: 'Tool.Failed' });
    expect(await shop.call(input, attempt(3))).toMatchObject({ failure: 'Tool.OutcomeUnknown' });
    expect(shop.refusals()).toBe(0);
  });
});

test('where another tool stands in, it does so at once', async () => {
  const shop = await guarded();
  await shop.fail(3);
  await expect(shop.call(shop.asking({ hasFallback: true }))).rejects.toMatchObject({
    type: 'Tool.CircuitOpen',
    nonRetryable: true,
  });
});

test('what has begun elsewhere is asked for again, and no other tool takes its place', async () => {
  const shop = await guarded({ check: () => 'done' });
  const input = shop.asking({ hasFallback: true });
  shop.outside.acts = () => 'job';
  expect(await shop.call(input)).toMatchObject({ kind: 'wait' });
  await shop.fail(3);
  const question = { ...input, poll: true as const };
  await expect(shop.call(question)).rejects.toMatchObject(refusal);
  expect(await shop.call(question, attempt(3))).toMatchObject({ kind: 'wait' });
  now += OPEN_MS;
  expect(await shop.call(question)).toMatchObject({ message: { preview: 'done' } });
});

test('a shadow neither opens it nor tries whether it can be closed', async () => {
  const shop = await guarded();
  const ofShadow = { ...attempt(1), workflowId: 'shadow/run_1/two', shadow: { same: 's', mayRead: true as const } };
  const asShadow = (): ReturnType<typeof shop.call> => shop.call({ ...shop.asking(), timeoutMs: 1_000 }, ofShadow);
  shop.outside.acts = dead;
  for (let nth = 0; nth < 4; nth += 1) await expect(asShadow()).rejects.toMatchObject({ type: 'Tool.Failed' });
  expect([shop.calls(), shop.states]).toEqual([4, []]);
  // In between two of a run, what a shadow is answered does not begin their count anew.
  await shop.fail(2);
  shop.outside.acts = () => 'paid';
  expect(await asShadow()).toMatchObject({ message: { preview: 'paid' } });
  await shop.fail(1);
  expect(shop.states).toEqual(['open']);
  now += OPEN_MS;
  const before = [shop.calls(), shop.refusals()];
  shop.outside.acts = () => 'paid';
  await expect(asShadow()).rejects.toMatchObject(refusal);
  expect([[shop.calls(), shop.refusals()], shop.states]).toEqual([before, ['open']]);
  expect(await shop.call()).toMatchObject({ message: { preview: 'paid' } });
  expect(shop.states).toEqual(['open', 'trying', 'closed']);
  expect(await asShadow()).toMatchObject({ message: { preview: 'paid' } });
});
