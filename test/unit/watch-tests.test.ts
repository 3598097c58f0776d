// Needs: nothing. The tests by which runs are compared, against what is counted by hand; when they are asked, and how sure they must be.
import { chanceOf } from '../../activities/rollout/seeded-chance';
import { changesBetween, type Change } from '../../activities/watch/compare-runs';
import { BASELINE_LEAST, lookAt, type Look } from '../../activities/watch/looks';
import { rankTest, usualPlace } from '../../activities/watch/rank-test';
import { createRunTable } from '../../activities/watch/run-table';
import { drawnAtLeast, shareTest } from '../../activities/watch/share-test';
import type { WatchedRun } from '../../activities/watch/watched-run';

const choose = (of: number, some: number): number => {
  let ways = 1;
  for (let at = 1; at <= some; at += 1) ways = (ways * (of - some + at)) / at;
  return ways;
};

test('how likely a draw is equals what counting gives', () => {
  for (const [least, runs, marked, drawn] of [
    [2, 10, 3, 4],
    [1, 12, 5, 5],
    [4, 84, 4, 4],
    [3, 30, 20, 6],
  ] as const) {
    let ways = 0;
    for (let hit = least; hit <= Math.min(marked, drawn); hit += 1)
      ways += choose(marked, hit) * choose(runs - marked, drawn - hit);
    expect(drawnAtLeast(least, { runs, marked, drawn })).toBeCloseTo(ways / choose(runs, drawn), 12);
  }
  expect(drawnAtLeast(0, { runs: 10, marked: 3, drawn: 4 })).toBeCloseTo(1, 12);
});

/** How many of either side have each value. */
function talliesOf(window: readonly number[], baseline: readonly number[]): [Uint32Array, Uint32Array] {
  const values = [...new Set([...window, ...baseline])].sort((one, other) => one - other);
  const tally = (of: readonly number[]): Uint32Array =>
    Uint32Array.from(values, (value) => of.filter((one) => one === value).length);
  return [tally(window), tally(baseline)];
}

/** All ways in which the window's values may be any of all. */
function exactRank(window: readonly number[], baseline: readonly number[]): number {
  const all = [...window, ...baseline];
  const above = (ours: readonly number[], others: readonly number[]): number =>
    ours.reduce(
      (sum, one) =>
        sum + others.filter((other) => one > other).length + others.filter((other) => one === other).length / 2,
      0,
    );
  const seen = above(window, baseline);
  let [hits, ways] = [0, 0];
  const draw = (from: number, taken: readonly number[]): void => {
    if (taken.length === window.length) {
      const rest = all.filter((_, at) => !taken.includes(at));
      ways += 1;
      if (
        above(
          taken.map((at) => all[at] ?? 0),
          rest,
        ) >= seen
      )
        hits += 1;
      return;
    }
    for (let at = from; at < all.length; at += 1) draw(at + 1, [...taken, at]);
  };
  draw(0, []);
  return hits / ways;
}

test('far out the rank test says less than what counting gives, and never more', () => {
  const baseline = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  for (const window of [
    [13, 14, 15, 16],
    [12.5, 13, 14, 11.5],
    [20, 20, 20, 20],
  ]) {
    const asked = rankTest(...talliesOf(window, baseline));
    expect(asked).toMatchObject({ direction: 'up' });
    expect(asked?.p).toBeGreaterThanOrEqual(exactRank(window, baseline));
    expect(asked?.p).toBeLessThan(0.02);
  }
  expect(rankTest(...talliesOf([1, 1, 1], [1, 1, 1]))).toBeUndefined();
});

test('one that is far off does not make a difference, many that are a little off do', () => {
  const chance = chanceOf(5);
  const values = (count: number, by = 1): number[] => Array.from({ length: count }, () => by * (1 + chance()));
  expect(rankTest(...talliesOf([...values(39), 1e9], values(400)))?.p ?? 1).toBeGreaterThan(0.01);
  expect(rankTest(...talliesOf(values(80, 1.3), values(400)))?.p).toBeLessThan(1e-6);
});

test('what more than half have is the usual value, and nothing else is', () => {
  expect(usualPlace(...talliesOf([1, 2, 1], [3, 1]))).toBe(0);
  expect(usualPlace(...talliesOf([2, 1], [2, 2]))).toBe(1);
  expect(usualPlace(...talliesOf([1, 2], [1, 3]))).toBeUndefined();
});

test('a share that is lower is told as lower, and one that is hardly another not at all', () => {
  const lower = shareTest({ some: 2, of: 40 }, { some: 150, of: 200 });
  expect(lower).toMatchObject({ direction: 'down' });
  expect(lower?.p).toBeLessThan(1e-9);
  expect(shareTest({ some: 30, of: 40 }, { some: 150, of: 200 })).toBeUndefined();
  expect(shareTest({ some: 3_100, of: 4_000 }, { some: 15_000, of: 20_000 })).toBeUndefined();
});

const run = (about: Partial<WatchedRun> = {}): WatchedRun => ({
  ...{ schemaVersion: 1, id: 'r', tenant: 't', release: 'a', at: 0, completed: true, refused: false },
  ...{ values: { tokens: 100 }, tools: { look: [1, 0] }, failures: [] },
  ...about,
});
const many = (count: number, about: Partial<WatchedRun> = {}): WatchedRun[] =>
  Array.from({ length: count }, () => run(about));

const between = (window: readonly WatchedRun[], baseline: readonly WatchedRun[], alpha: number): Change[] => {
  const sides = { from: 0, split: baseline.length, to: baseline.length + window.length };
  return changesBetween(createRunTable([...baseline, ...window]), sides, alpha);
};
const looksAt = (runs: readonly WatchedRun[], before: readonly WatchedRun[], number: number): Look[] =>
  lookAt({ table: createRunTable([...before, ...runs]), ofRelease: runs.length, number }, 0.01);

test('what changes where all were alike is found: more, fewer, another tool, another failure', () => {
  const changes = (about: Partial<WatchedRun>): string[] =>
    between(many(10, about), many(60), 0.001).map(({ metric, direction }) => `${metric} ${direction}`);
  expect(changes({})).toEqual([]);
  expect(changes({ values: { tokens: 130 } })).toEqual(['tokens-above-usual up']);
  expect(changes({ values: { tokens: 70 } })).toEqual(['tokens-below-usual up']);
  expect(changes({ completed: false })).toEqual(['completed down']);
  expect(changes({ tools: {} })).toEqual(['tool-used:look down']);
  expect(changes({ tools: { look: [2, 1] }, failures: ['Tool.Timeout'] })).toEqual([
    'tool-failed:look up',
    'failure:Tool.Timeout up',
  ]);
  expect(changes({ refused: true })).toEqual(['refused up']);
});

test('that an incident is over is no finding', () => {
  const broken: Partial<WatchedRun> = {
    ...{ completed: false, refused: true, values: { tokens: 100, errors: 2 } },
    ...{ tools: { look: [1, 1] }, failures: ['Tool.Timeout'] },
  };
  const well = { values: { tokens: 100, errors: 0 } };
  expect(between(many(10, well), many(60, broken), 0.5)).toEqual([]);
  expect(between(many(10, broken), many(60, well), 0.001).map(({ metric }) => metric)).toEqual([
    ...['errors-above-usual', 'completed', 'refused', 'tool-failed:look', 'failure:Tool.Timeout'],
  ]);
});

test('nothing is said with too few runs, and of a number that runs do not have', () => {
  expect(between(many(7, { completed: false }), many(60), 0.5)).toEqual([]);
  expect(between(many(10, { completed: false }), many(39), 0.5)).toEqual([]);
  expect(between(many(10, { values: {} }), many(60), 0.5)).toEqual([]);
});

test('so many looks come in so many runs that all of them together spend what was said', () => {
  const spent = new Map<number, number>();
  const [runs, before] = [many(400), many(400)];
  const table = createRunTable([...before, ...runs]);
  for (let number = 1; number <= 640; number += 1)
    for (const { window } of lookAt({ table, ofRelease: runs.length, number }, 0.01))
      spent.set(window.length, (spent.get(window.length) ?? 0) + 1);
  // After every half of a window: each kind of them has an equal part of the chance.
  for (const [window, looks] of spent) expect(looks).toBe(640 / (window / 2));
  expect([...spent.keys()].sort((one, other) => one - other)).toEqual([10, 20, 40, 80, 160, 320]);
});

test('a release is compared with the one before until it has runs enough of its own, and nothing is without a baseline', () => {
  const broken = { completed: false, release: 'b' };
  expect(looksAt(many(10, broken), many(BASELINE_LEAST), 10)).toMatchObject([
    { baseline: { length: BASELINE_LEAST }, changes: [{ metric: 'completed', direction: 'down' }] },
  ]);
  expect(looksAt(many(10, broken), many(BASELINE_LEAST - 1), 10)).toEqual([]);
  expect(looksAt(many(9, broken), many(BASELINE_LEAST), 10)).toEqual([]);
  expect(looksAt(many(60), [], 60)).toMatchObject([{ changes: [] }]);
});

test('a table that grows run by run says what one that is made at once does', () => {
  const runs = Array.from({ length: 200 }, (_, at) =>
    run({
      values: at % 3 === 0 ? { tokens: at } : { tokens: at, cost: at },
      ...(at >= 150 ? { tools: { look: [2, at % 2], find: [1, 0] }, failures: ['Tool.Failed'] } : {}),
    }),
  );
  const grown = createRunTable();
  for (const one of runs) grown.add(one);
  const sides = { from: 20, split: 150, to: 200 };
  const changes = changesBetween(grown, sides, 0.01);
  expect(changes.map(({ metric }) => metric).sort()).toEqual([
    ...['cost', 'failure:Tool.Failed', 'tokens', 'tool-failed:look', 'tool-used:find'],
  ]);
  expect(changes).toEqual(changesBetween(createRunTable(runs), sides, 0.01));
});

test('of the time of calls a machine that has much to do is no finding, and calls that take twice as long are', () => {
  const chance = chanceOf(9);
  const timed = (count: number, ms: number): WatchedRun[] =>
    Array.from({ length: count }, () => run({ values: { 'call-time': ms * (1 + chance() / 10) } }));
  const metrics = (after: number, before: number): string[] =>
    between(timed(80, after), timed(400, before), 0.01).map(({ metric, direction }) => `${metric} ${direction}`);
  expect(metrics(24_000, 12_000)).toEqual(['call-time up']);
  expect(metrics(6_000, 12_000)).toEqual(['call-time down']);
  expect(metrics(16_000, 12_000)).toEqual([]);
  // Calls of milliseconds: what they take is the machine's.
  expect(metrics(200, 40)).toEqual([]);
});
