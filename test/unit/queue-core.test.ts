// Needs: nothing. A queue on a virtual clock: its limits are exact, and whatever is said twice, or not at all, loses nothing.
import fc from 'fast-check';
import type { EnqueueAnswer, QueueState } from '../../workflows/contract/queue';
import { LOOKS, LOOKS_BEFORE, nextDue, takeReconciled, unheard } from '../../workflows/queue/looks';
import {
  STARTS_MOST,
  depthOf,
  concurrencyOf,
  enqueue,
  expire,
  mayStart,
  newQueue,
  placeOf,
  takeEnd,
  takeLeft,
  takeNext,
  takeSettings,
  takeStarted,
  withdraw,
} from '../../workflows/queue/queue';
import { viewOf } from '../../workflows/queue/view';
import { takenUp } from '../../infra/temporal/ask-queue';
import { itemOf, queueSettings } from './queue-world';

const settings = queueSettings({ depth: 10, concurrency: 3, ttlMs: 5_000 });
const fresh = (given = settings): QueueState => newQueue({ queue: 'default', shard: 0, settings: given });
const ask = (state: QueueState, runs: string[], now = 0): EnqueueAnswer[] =>
  enqueue(state, { settings: state.settings, items: runs.map((run) => itemOf(run)) }, now);
const runs = (count: number, prefix = 'r'): string[] => Array.from({ length: count }, (_, nth) => `${prefix}${nth}`);
const started = (state: QueueState, now = 0): string[] => {
  const slots = takeNext(state, now);
  takeStarted(
    state,
    slots.map(({ run }) => ({ run, kind: 'started' })),
    now,
  );
  return slots.map(({ run }) => run);
};
const kinds = (answers: EnqueueAnswer[]): string[] => answers.map(({ kind }) => kind);

test('the depth is exact, within one request and over many', () => {
  const state = fresh();
  expect(kinds(ask(state, runs(12)))).toEqual([...runs(10).map(() => 'waiting'), 'full', 'full']);
  expect(ask(state, ['one-more'])).toEqual([{ kind: 'full', depth: 10, retryAfterMs: 5_000 }]);
  started(state);
  expect(kinds(ask(state, runs(4, 's')))).toEqual(['waiting', 'waiting', 'waiting', 'full']);
  expect(state.counts).toMatchObject({ accepted: 13, refused: 4, begun: 3 });
});

test('asked again for what waits, has begun or has ended, it answers and changes nothing', () => {
  const state = fresh();
  const [first] = ask(state, runs(10));
  started(state);
  takeEnd(state, 'r0', 100);
  ask(state, runs(3, 'other'));
  const before = structuredClone(state);
  const again = ask(state, runs(10), 200);
  expect(first).toMatchObject({ kind: 'waiting', position: 1 });
  expect(again.map((answer) => (answer.kind === 'waiting' ? answer.position : answer.kind))).toEqual([
    ...['begun', 'begun', 'begun'],
    ...[1, 2, 3, 4, 5, 6, 7],
  ]);
  expect(state).toEqual(before);
  expect(kinds(ask(state, ['twice', 'twice']))).toEqual(['full', 'full']);
  takeNext(state, 300);
  expect(kinds(ask(state, ['twice', 'twice']))).toEqual(['waiting', 'waiting']);
  expect(state.waiting.filter(({ run }) => run === 'twice')).toHaveLength(1);
});

test('so many run at once, and so many are started together, at most', () => {
  const state = fresh(queueSettings({ depth: 500, concurrency: 120 }));
  ask(state, runs(100));
  ask(state, runs(100, 's'));
  expect([started(state).length, started(state).length, started(state).length]).toEqual([STARTS_MOST, STARTS_MOST, 20]);
  expect(mayStart(state)).toBe(false);
  takeEnd(state, 's0', 10);
  takeEnd(state, 'r7', 10);
  expect(started(state, 10)).toEqual(['s20', 's21']);
});

test('an end that is heard before its start is known counts, and one that is heard twice counts once', () => {
  const state = fresh();
  ask(state, runs(5));
  const slots = takeNext(state, 0);
  expect(takeEnd(state, 'r1', 50)).toBe(true);
  takeStarted(
    state,
    slots.map(({ run }) => ({ run, kind: 'started' })),
    60,
  );
  expect(state.slots.map(({ run }) => run)).toEqual(['r0', 'r2']);
  expect(takeEnd(state, 'r1', 70)).toBe(false);
  expect(takeEnd(state, 'nobody', 70)).toBe(false);
  expect(state.slots).toHaveLength(2);
  expect(state.estimates.stays).toEqual([[0, 50]]);
});

test('a run that had ended, or cannot be started, gives its place back, and says nothing of how long runs take', () => {
  const state = fresh();
  ask(state, runs(4));
  takeNext(state, 0);
  const failure = { type: 'Store.ObjectMissing', message: 'it is not recorded.' } as const;
  const ended = { outcome: 'cancelled', head: null, length: 0, startedAt: 0, endedAt: 0 } as const;
  takeStarted(
    state,
    [
      { run: 'r0', kind: 'ended', ...ended },
      { run: 'r1', kind: 'refused', failure },
      { run: 'r2', kind: 'started' },
    ],
    10,
  );
  expect(state.slots.map(({ run }) => run)).toEqual(['r2']);
  expect(state.estimates.stays).toEqual([]);
  expect(kinds(ask(state, ['r0', 'r1'], 20))).toEqual(['begun', 'begun']);
});

test('whoever has waited for as long as a run may leaves, and its end says why; who has begun stays', () => {
  const state = fresh();
  ask(state, runs(5));
  started(state);
  ask(state, ['late'], 3_000);
  expect(nextDue(state, LOOKS)).toBe(5_000);
  expire(state, 4_999);
  expect(state.leaving).toEqual([]);
  expire(state, 5_000);
  expect(state.leaving.map(({ run, outcome, failure }) => [run, outcome, failure.type])).toEqual([
    ['r3', 'failed', 'Queue.Expired'],
    ['r4', 'failed', 'Queue.Expired'],
  ]);
  expect(nextDue(state, LOOKS)).toBe(8_000);
  expect(kinds(ask(state, ['r3'], 5_001))).toEqual(['begun']);
  takeLeft(state, [...state.leaving]);
  expect(state.leaving).toEqual([]);
  expect(state.counts.expired).toBe(2);
  expect(placeOf(state, 'late', 5_000)?.position).toBe(1);
});

test('a run that waits is withdrawn once; one that has begun or is not known is not', () => {
  const state = fresh();
  ask(state, runs(5));
  started(state);
  const failure = { type: 'Run.Cancelled', message: 'by hand' } as const;
  const answers = ['r4', 'r4', 'r0', 'nobody'].map((run) => withdraw(state, { run, failure }, 10));
  expect(answers).toEqual(['withdrawn', 'begun', 'begun', 'unknown']);
  expect(state.leaving).toEqual([{ run: 'r4', at: 10, outcome: 'cancelled', failure }]);
  expect(state.waiting.map(({ run }) => run)).toEqual(['r3']);
  // All that leave go into one activity, whose input is bounded.
  withdraw(state, { run: 'r3', failure: { type: 'Run.Cancelled', message: 'x'.repeat(1_000_000) } }, 10);
  expect(state.leaving.at(-1)?.failure.message).toHaveLength(500);
});

test('runs that were being started when the queue was ended are started by the one after it, before those that wait', () => {
  const state = fresh();
  ask(state, runs(2));
  started(state);
  ask(state, ['r2', 'r3', 'r4'], 5);
  expect(takeNext(state, 10).map(({ run }) => run)).toEqual(['r2']);
  const next = takenUp(state);
  expect(ask(next, ['r2'], 20)).toMatchObject([{ kind: 'waiting', position: 1 }]);
  expect(next.waiting.map(({ run }) => run)).toEqual(['r3', 'r4', 'r2']);
  expect(takeNext(next, 20).map(({ run }) => run)).toEqual(['r2']);
  expect(next.slots.map(({ run }) => run)).toEqual(['r0', 'r1', 'r2']);
});

test('runs that are not heard of are asked about each half minute, in their turn, and those that have ended give their places back', () => {
  const state = fresh(queueSettings({ concurrency: 250 }));
  ask(state, runs(100));
  ask(state, runs(100, 's'));
  ask(state, runs(50, 't'));
  while (mayStart(state)) started(state);
  expect(unheard(state, LOOKS.everyMs - 1, LOOKS)).toEqual([]);
  expect(nextDue(state, LOOKS)).toBe(LOOKS.everyMs);
  const first = unheard(state, LOOKS.everyMs, LOOKS);
  expect(first).toHaveLength(200);
  takeReconciled(state, first, [{ run: 'r5', endedAt: 20_000 }], LOOKS.everyMs);
  expect(state.slots).toHaveLength(249);
  expect(unheard(state, LOOKS.everyMs + 1, LOOKS)).toEqual([]);
  expect(nextDue(state, LOOKS)).toBe(2 * LOOKS.everyMs);
  const second = unheard(state, 2 * LOOKS.everyMs, LOOKS);
  expect(second.slice(0, 50)).toEqual(runs(50, 't'));
  expect(state.estimates.stays).toEqual([[0, 20_000]]);
});

test('a run that has begun at any moment is asked about within the time of a look, as soon as any is; before, it waited for two', () => {
  const after = (looks: typeof LOOKS): number => {
    const state = fresh(queueSettings({ concurrency: 2 }));
    ask(state, ['long', 'late']);
    takeStarted(
      state,
      takeNext(state, 0)
        .slice(0, 1)
        .map(({ run }) => ({ run, kind: 'started' })),
      0,
    );
    takeStarted(state, [{ run: 'late', kind: 'started' }], 0);
    const late = state.slots.find(({ run }) => run === 'late');
    if (late) late.at = 1_000;
    for (let now = 1_000; now < 600_000; now += 1_000) {
      const asked = unheard(state, now, looks);
      if (asked.includes('late')) return now - 1_000;
      if (asked.length > 0) takeReconciled(state, asked, [], now);
    }
    throw new Error('it is never asked about.');
  };
  expect(after(LOOKS)).toBe(29_000);
  expect(after(LOOKS_BEFORE)).toBe(119_000);
});

test('newer settings count, older ones do not; shards divide what all have together', () => {
  const state = fresh(queueSettings({ version: 3, depth: 10, concurrency: 7, shards: 4 }));
  expect([depthOf(state), concurrencyOf(state)]).toEqual([3, 2]);
  takeSettings(state, queueSettings({ version: 2, depth: 99 }));
  expect(state.settings.depth).toBe(10);
  takeSettings(state, queueSettings({ version: 4, depth: 99 }));
  expect(state.settings.depth).toBe(99);
  const shares = (total: number, shards: number): number =>
    Array.from({ length: shards }, (_, shard) =>
      depthOf({ ...state, shard, settings: queueSettings({ depth: total, shards }) }),
    ).reduce((sum, depth) => sum + depth, 0);
  expect([shares(1_000, 7), shares(64, 64), shares(9, 2)]).toEqual([1_000, 64, 9]);
});

test('the step of degradation follows how full the queue is, and is given to runs as they begin', () => {
  const degrade = [
    { above: 0.5, limits: { turns: 5 } },
    { above: 0.7, limits: { turns: 2 } },
    { above: 0.8, sync: 'async' as const },
  ];
  const state = fresh(queueSettings({ depth: 10, concurrency: 1, degrade }));
  const [low] = ask(state, runs(5));
  const [high] = ask(state, runs(4, 's'));
  expect(low).not.toHaveProperty('degraded');
  expect(high).toMatchObject({ degraded: { above: 0.8, limits: { turns: 2 }, sync: 'async' } });
  const steps: (number | undefined)[] = [];
  for (let nth = 0; state.waiting.length > 0; nth += 1) {
    const [slot] = takeNext(state, nth);
    steps.push(slot?.step?.limits?.turns);
    if (slot) takeEnd(state, slot.run, nth);
  }
  expect(steps).toEqual([2, 2, 5, 5, undefined, undefined, undefined, undefined, undefined]);
  expect(state.counts.degraded).toBe(4);
});

test('a thousand waiting runs, as many that have left, and all it has learned are carried in less than 400 KB', () => {
  const given = queueSettings({ depth: 1_000, concurrency: 50, ttlMs: 3_600_000 });
  const state = fresh(given);
  const id = (nth: number): string => `run_abcdefgh${String(nth).padStart(6, '0')}`;
  let last = 0;
  for (let nth = 0; nth < 2_500; nth += 1) {
    const item = itemOf(id(nth), {
      tenant: `customer-number-${nth % 40}`,
      priority: nth % 7 === 0 ? 'high' : 'normal',
    });
    const [answer] = enqueue(state, { settings: given, items: [item] }, nth * 100);
    if (answer?.kind === 'full') takeEnd(state, state.slots[0]?.run ?? '', nth * 100);
    if (answer?.kind !== 'full') last = nth;
    if (mayStart(state)) started(state, nth * 100);
  }
  while (state.waiting.length < 1_000)
    enqueue(state, { settings: given, items: [itemOf(id((last += 1) + 9_000))] }, 400_000);
  const bytes = Buffer.byteLength(JSON.stringify(state));
  console.log(`carried: ${state.waiting.length} waiting, ${state.gone.length} gone, ${bytes} bytes`);
  expect(state.gone.length).toBeGreaterThan(300);
  expect(bytes).toBeLessThan(400_000);
  expect(viewOf(state, 400_000).depth).toBe(1_000);
});

test('whatever is asked, started, ended, lost, said twice and withdrawn, each run is in one place and no limit is passed', () => {
  const act = fc.oneof(
    fc.record({
      kind: fc.constant('ask' as const),
      run: fc.nat(60),
      priority: fc.constantFrom('high', 'normal', 'low'),
    }),
    fc.record({ kind: fc.constant('begin' as const) }),
    fc.record({ kind: fc.constant('answer' as const), refuses: fc.boolean() }),
    fc.record({ kind: fc.constant('end' as const), run: fc.nat(60) }),
    fc.record({ kind: fc.constant('withdraw' as const), run: fc.nat(60) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(4_000) }),
    fc.record({ kind: fc.constant('leave' as const) }),
    fc.record({ kind: fc.constant('carry' as const) }),
  );
  fc.assert(
    fc.property(fc.array(act, { minLength: 20, maxLength: 200 }), (acts) => {
      let state = fresh();
      let now = 0;
      const accepted = new Set<string>();
      for (const one of acts) {
        if (one.kind === 'ask') {
          const run = `r${one.run}`;
          const [answer] = enqueue(
            state,
            { settings, items: [{ run, tenant: `t${one.run % 3}`, priority: one.priority }] },
            now,
          );
          if (answer?.kind === 'waiting') accepted.add(run);
        } else if (one.kind === 'begin' && mayStart(state)) takeNext(state, now);
        else if (one.kind === 'answer') {
          const failure = { type: 'Store.ObjectMissing', message: 'x' } as const;
          const starting = state.slots.filter((slot) => slot.starting);
          takeStarted(
            state,
            starting.map(({ run }) => (one.refuses ? { run, kind: 'refused', failure } : { run, kind: 'started' })),
            now,
          );
        } else if (one.kind === 'end') takeEnd(state, `r${one.run}`, now);
        else if (one.kind === 'withdraw')
          withdraw(state, { run: `r${one.run}`, failure: { type: 'Run.Cancelled', message: 'x' } }, now);
        else if (one.kind === 'pass') expire(state, (now += one.ms));
        else if (one.kind === 'leave') takeLeft(state, [...state.leaving]);
        else if (one.kind === 'carry') state = JSON.parse(JSON.stringify(state)) as QueueState;
        const { waiting, slots, leaving, gone } = state;
        const places = [...waiting, ...slots, ...leaving].map(({ run }) => run).concat(gone);
        expect(new Set(places).size).toBe(places.length);
        expect([...accepted].sort()).toEqual([...places].sort());
        expect(waiting.length).toBeLessThanOrEqual(10);
        expect(slots.length).toBeLessThanOrEqual(3);
      }
    }),
    { numRuns: 60 },
  );
});
