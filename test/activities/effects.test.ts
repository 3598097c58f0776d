// Needs: nothing but Node. An attempt that is cut off, at each place where a worker can die, and what the next one makes of it: what the
// world has seen by then is counted from outside.
import { setTimeout as after } from 'node:timers/promises';
import { ToolRejection, type Effect, type Reconciled } from '../../activities/define';
import { ToolFailure, type ToolFailureOptions } from '../../activities/define/tool-failure';
import { callTool } from '../../activities/call-tool';
import type { ActivityDeps, Failpoint } from '../../activities/deps';
import { EFFECT_PREFIX } from '../../activities/store/ref-names';
import { attempt } from './given';
import { shop, world } from './shop';

const PLACES = ['tool.before', 'tool.during', 'tool.after', 'store.before-put', 'store.after-put'] as const;

interface Tried {
  /** What was done, by key. */
  done: string[];
  preview: string;
  failure: string | undefined;
}

/** The first attempt dies at `place`: nothing of it goes on. The next one begins when its time would have been over. */
async function cutOffAt(place: Failpoint, effect: Effect, reconciles: boolean): Promise<Tried> {
  const { done, deps, asking } = await shop({ effect, reconciles, timeoutMs: 1_000 });
  const input = asking();
  const dying: ActivityDeps = {
    ...deps,
    worker: 'dead',
    failpoint: (name) => (name === place ? new Promise(() => reached()) : Promise.resolve()),
  };
  let reached = (): void => undefined;
  const died = new Promise<void>((resolve) => (reached = resolve));
  // Its own timer ends it in the end: by then nobody waits for it.
  callTool(dying, input, attempt(1)).catch(() => undefined);
  await died;
  const result = await callTool({ ...deps, now: () => 3_000 }, input, attempt(2));
  if ('kind' in result) throw new Error('it waits');
  return { done, preview: result.message.preview, failure: result.failure };
}

describe.each(PLACES)('a worker that dies at %s', (place) => {
  test('in a keyed tool: one key, so one effect, and an answer', async () => {
    const { done, failure } = await cutOffAt(place, 'keyed', false);
    expect(new Set(done).size).toBe(1);
    expect(failure).toBeUndefined();
  });

  test('in an at-most-once tool that can look it up: done once, and an answer', async () => {
    const { done, failure, preview } = await cutOffAt(place, 'at-most-once', true);
    expect(done).toHaveLength(1);
    expect(failure).toBeUndefined();
    expect(preview).toBe('receipt 1');
  });

  test('in an at-most-once tool that cannot: done at most once, and unknown only where it had been claimed', async () => {
    const { done, failure } = await cutOffAt(place, 'at-most-once', false);
    expect(done).toHaveLength(1);
    const isClaimedOnly = ['tool.during', 'tool.after', 'store.before-put'].includes(place);
    expect(failure).toBe(isClaimedOnly ? 'Tool.OutcomeUnknown' : undefined);
  });
});

test('an attempt that may still act is waited for, before anything is done again', async () => {
  const { done, deps, asking } = await shop({ timeoutMs: 20_000, reconciles: true });
  const input = asking();
  // It has claimed, and hangs before it acts.
  let claimed = (): void => undefined;
  const hangs = new Promise<void>((resolve) => (claimed = resolve));
  const hung: ActivityDeps = {
    ...deps,
    worker: 'slow',
    toolStore: {
      ...deps.toolStore,
      commitCall: async (commit) => {
        await deps.toolStore.commitCall(commit);
        claimed();
        return await new Promise<boolean>(() => undefined);
      },
    },
  };
  void callTool(hung, input, attempt(1));
  await hangs;
  await expect(callTool({ ...deps, now: () => 5_000 }, input, attempt(2))).rejects.toMatchObject({
    type: 'Tool.Failed',
    nextRetryDelay: 16_000,
  });
  expect(done).toEqual([]);
  await expect(callTool({ ...deps, now: () => 5_000 }, input, attempt(3))).resolves.toMatchObject({
    failure: 'Tool.OutcomeUnknown',
  });
});

test('a claim whose acknowledgement was lost is this attempt’s own', async () => {
  const { done, deps, asking } = await shop();
  const input = asking();
  const twice: ActivityDeps = {
    ...deps,
    toolStore: {
      ...deps.toolStore,
      commitCall: async (commit) => {
        await deps.toolStore.commitCall(commit);
        return await deps.toolStore.commitCall(commit);
      },
    },
  };
  await expect(callTool(twice, input, attempt(1))).resolves.toMatchObject({ message: { preview: 'receipt 1' } });
  expect(done).toHaveLength(1);
});

describe('a tool that is made here, and says whether anything may have happened,', () => {
  /** The first time it acts or does not, and fails. Its answer on the way here was lost. */
  async function failing(
    options: ToolFailureOptions,
    { acts, reconciles, type = 'Tool.Failed' }: { acts: boolean; reconciles: boolean; type?: ToolFailure['type'] },
  ) {
    const of = world();
    let times = 0;
    const { done, deps, asking } = await shop({
      world: of,
      timeoutMs: 1_000,
      reconciles,
      run: (effectKey) => {
        times += 1;
        if (times > 1) return of.act(effectKey);
        if (acts) of.act(effectKey);
        throw new ToolFailure(type, 'the line went dead.', options);
      },
    });
    return {
      done,
      attempt: (number: number) => callTool({ ...deps, now: () => number * 3_000 }, asking(), attempt(number)),
    };
  }

  test('is tried again, when it asks to be, where nothing did', async () => {
    const pay = await failing({ mayHaveActed: false, retryAfterMs: 700 }, { acts: false, reconciles: false });
    await expect(pay.attempt(1)).rejects.toMatchObject({ type: 'Tool.Failed', nextRetryDelay: 700 });
    expect(await pay.attempt(2)).toMatchObject({ message: { preview: 'receipt 1' } });
    expect(pay.done).toHaveLength(1);
  });

  test('is unknown where it cannot be looked up', async () => {
    const pay = await failing({ mayHaveActed: true }, { acts: true, reconciles: false });
    expect(await pay.attempt(1)).toMatchObject({ failure: 'Tool.OutcomeUnknown' });
  });

  test.each([true, false])('is looked up by the next attempt; had it acted: %s', async (acts) => {
    const pay = await failing({ mayHaveActed: true }, { acts, reconciles: true });
    await expect(pay.attempt(1)).rejects.toMatchObject({ type: 'Tool.Failed', nonRetryable: false });
    expect(await pay.attempt(2)).toMatchObject({ message: { preview: 'receipt 1' } });
    expect(pay.done).toHaveLength(1);
  });

  test.each<[string, Partial<ToolFailureOptions>, ToolFailure['type']]>([
    ['says that it is final', { final: true }, 'Tool.Failed'],
    ['cannot read the answer', {}, 'Tool.InvalidOutput'],
  ])('is looked up at once where no attempt follows: one that %s', async (_, more, type) => {
    const pay = await failing({ mayHaveActed: true, ...more }, { acts: true, reconciles: true, type });
    expect(await pay.attempt(1)).toMatchObject({ message: { preview: 'receipt 1' } });
    const idle = await failing({ mayHaveActed: true, ...more }, { acts: false, reconciles: true, type });
    expect(await idle.attempt(1)).toMatchObject({ failure: type });
  });
});

test('what looks up a silent tool after its time must answer before Temporal ends the attempt; else it is unknown', async () => {
  jest.useFakeTimers();
  try {
    const silent = { ...world(), find: () => new Promise<never>(() => undefined) };
    const { deps, asking } = await shop({
      ...{ world: silent, timeoutMs: 30_000, reconciles: true },
      run: () => new Promise(() => undefined),
    });
    let told: unknown;
    void callTool(deps, asking(), attempt(3)).then((answer) => (told = answer));
    await jest.advanceTimersByTimeAsync(31_000);
    expect(told).toBeUndefined();
    await jest.advanceTimersByTimeAsync(900);
    expect(told).toMatchObject({ failure: 'Tool.OutcomeUnknown' });
  } finally {
    jest.useRealTimers();
  }
});

describe('two calls of one action, side by side,', () => {
  const SLOW_MS = 20;
  async function sideBySide({
    attempts = 3,
    reconciles = false,
    fails,
  }: { attempts?: number; reconciles?: boolean; fails?: Error } = {}) {
    const { done, act, find } = world();
    const { deps, asking } = await shop({
      ...{ world: { done, act, find }, timeoutMs: 60_000, reconciles, attempts },
      run: async (key) => {
        await after(SLOW_MS);
        if (fails && done.length === 0) throw fails;
        return act(key);
      },
    });
    const now = { ...deps, now: Date.now };
    return { done, deps: now, asking, calls: [1, 2].map((index) => callTool(now, asking(index), attempt())) };
  }

  test.each([
    { attempts: 3, reconciles: false },
    { attempts: 3, reconciles: true },
    { attempts: 1, reconciles: false },
    { attempts: 1, reconciles: true },
  ])('are one: the other waits for what came of it (%j)', async (tool) => {
    const { done, calls } = await sideBySide(tool);
    const previews = (await Promise.all(calls)).map((made) => ('kind' in made ? '' : made.message.preview)).sort();
    expect(previews).toEqual([expect.stringMatching(/^Done already in turn 1, .* receipt 1$/), 'receipt 1']);
    expect(done).toHaveLength(1);
  });

  test('of which the one is refused: the other is tried again, and acts', async () => {
    const { done, deps, asking, calls } = await sideBySide({ fails: new ToolRejection('not today') });
    const ends = await Promise.allSettled(calls);
    const refused = ends.findIndex(({ status }) => status === 'fulfilled');
    expect(ends[1 - refused]).toMatchObject({
      reason: { type: 'Tool.Failed', nonRetryable: false, nextRetryDelay: 1 },
    });
    done.push('another, so that the tool does not fail again');
    expect(await callTool(deps, asking(2 - refused), attempt(2))).toMatchObject({ message: { preview: 'receipt 2' } });
  });

  test('of which the one is cut off: the other is unknown, once its time is over and not before', async () => {
    const timeoutMs = 300;
    const { deps, asking } = await shop({ timeoutMs, attempts: 1 });
    const begun = Date.now();
    let claimed = (): void => undefined;
    const dead = new Promise<void>((resolve) => (claimed = resolve));
    const dies: ActivityDeps['failpoint'] = (name) =>
      name === 'tool.during' ? new Promise(() => claimed()) : Promise.resolve();
    // Its own time ends it: then it would say what became of it.
    const dying = { ...deps, now: Date.now, failpoint: dies, toolStore: { ...deps.toolStore } };
    void callTool(dying, asking(1), attempt()).catch(() => undefined);
    await dead;
    dying.toolStore.commitCall = () => new Promise(() => undefined);
    expect(await callTool({ ...deps, now: Date.now }, asking(2), attempt())).toMatchObject({
      failure: 'Tool.OutcomeUnknown',
    });
    expect(Date.now() - begun).toBeGreaterThanOrEqual(timeoutMs);
  });

  test('of which the one is unknown: so is the other, and waits no longer for it', async () => {
    const { calls } = await sideBySide({ fails: new Error('the line is dead') });
    expect(await Promise.all(calls)).toEqual(
      [1, 2].map(() => expect.objectContaining({ failure: 'Tool.OutcomeUnknown' }) as unknown),
    );
  });
});

test('an attempt that was cut off and cannot be looked up is unknown once its time is over; until then it may tell itself', async () => {
  const { deps, asking } = await shop({ timeoutMs: 1_000 });
  let claimed = (): void => undefined;
  const reached = new Promise<void>((resolve) => (claimed = resolve));
  const answers: (() => void)[] = [];
  const slow: ActivityDeps = {
    ...deps,
    failpoint: (name) =>
      name === 'tool.during' ? new Promise((resolve) => (claimed(), answers.push(resolve))) : Promise.resolve(),
  };
  const first = callTool(slow, asking(), attempt(1));
  await reached;
  await expect(callTool(deps, asking(), attempt(2))).rejects.toMatchObject({
    type: 'Tool.Failed',
    nextRetryDelay: 1_000,
  });
  answers.forEach((answer) => answer());
  await first;
  expect(await callTool(deps, asking(), attempt(3))).toMatchObject({ reused: true, message: { preview: 'receipt 1' } });
});

describe('an attempt whose claim was taken over while its result was on the way into the store', () => {
  /** What its tool has done cannot be found yet when another call looks for it, once its time is over. */
  async function overtaken(otherAnswers: boolean): Promise<{ first: unknown; effect: unknown }> {
    const blind = { ...world(), find: (): Reconciled<string> => ({ outcome: 'not-done' }) };
    const { deps, store, asking } = await shop({ world: blind, timeoutMs: 1_000, reconciles: true });
    const takesOver = (): Promise<void> =>
      new Promise((resolve) => {
        const failpoint: ActivityDeps['failpoint'] = (name) =>
          name === 'tool.during' && !otherAnswers ? new Promise(() => resolve()) : Promise.resolve();
        const other = callTool({ ...deps, worker: 'other', now: () => 3_000, failpoint }, asking(2), attempt());
        other.then(() => resolve()).catch(() => undefined);
      });
    const slow: ActivityDeps = {
      ...deps,
      failpoint: (name) => (name === 'store.before-put' ? takesOver() : Promise.resolve()),
    };
    const first = await callTool(slow, asking(1), attempt());
    const [effect] = await store.listRefs(EFFECT_PREFIX);
    return { first, effect: effect?.value };
  }

  test('keeps its result, and says in the ledger that it is done', async () => {
    const { first, effect } = await overtaken(false);
    expect(first).toMatchObject({ message: { preview: 'receipt 1' } });
    expect(effect).toMatchObject({ claim: { index: 2 }, done: { index: 1 } });
  });

  test('keeps its result, and what the other call has said in the ledger', async () => {
    const { first, effect } = await overtaken(true);
    expect(first).toMatchObject({ message: { preview: 'receipt 1' } });
    expect(effect).toMatchObject({ claim: { index: 2 }, done: { index: 2 } });
  });
});
