// Needs: nothing. From runs to strata: which chance gave a unit its arm, which of its runs count there, and that nothing else makes a difference.
import { balanceOf } from '../../../activities/rollout/balance';
import { decide } from '../../../activities/rollout/judge';
import { USUAL_POLICY, type MetricPolicy, type RolloutPolicy } from '../../../activities/rollout/policy';
import { chanceOf } from '../../../activities/rollout/seeded-chance';
import { harmIn, comparedIn } from '../../../activities/rollout/strata';
import { strataOf, type RolloutRun } from '../../../activities/rollout/units';

const success: MetricPolicy = {
  ...{ name: 'success', kind: 'share', better: 'higher', margin: 0.05, weight: 1, mustBeFine: true },
};
const steps = [
  { share: 0.1, at: 1_000 },
  { share: 0.5, at: 2_000 },
];
let nth = 0;
const run = (unit: string, place: number, startedAt: number, about: Partial<RolloutRun> = {}): RolloutRun => {
  const step = steps.findLast(({ at }) => at <= startedAt);
  const arm = place < (step?.share ?? 0) ? 'candidate' : 'current';
  return { id: `r${(nth += 1)}`, unit, place, startedAt, arm, values: { success: 1 }, ...about };
};
const shown = (runs: RolloutRun[]) =>
  strataOf(runs, steps, [success]).map(({ step, share, current, candidate }) => ({
    ...{ step, share: Number(share.toFixed(6)) },
    ...{ current: [current.units, current.runs], candidate: [candidate.units, candidate.runs] },
  }));

test('a unit that is new in a step had the chance of the step', () => {
  expect(shown([run('a', 0.05, 1_100), run('b', 0.7, 1_200), run('c', 0.3, 2_100), run('d', 0.7, 2_200)])).toEqual([
    { step: 0, share: 0.1, current: [1, 1], candidate: [1, 1] },
    { step: 1, share: 0.5, current: [1, 1], candidate: [1, 1] },
  ]);
});

test('one that had the current release before had what is left of it, and counts as a unit of its own there', () => {
  const runs = [
    run('a', 0.3, 1_100),
    run('b', 0.7, 1_200),
    run('a', 0.3, 2_100),
    run('b', 0.7, 2_200),
    run('b', 0.7, 2_300),
  ];
  expect(shown(runs)).toEqual([
    { step: 0, share: 0.1, current: [2, 2], candidate: [0, 0] },
    { step: 1, share: Number((0.4 / 0.9).toFixed(6)), current: [1, 2], candidate: [1, 1] },
  ]);
});

test('one that had the candidate before had no choice: what it does then is left out', () => {
  expect(shown([run('a', 0.05, 1_100), run('a', 0.05, 1_200), run('a', 0.05, 2_100)])).toEqual([
    { step: 0, share: 0.1, current: [0, 0], candidate: [1, 2] },
  ]);
});

test('what has not ended gives its unit no value, and the unit is known all the same', () => {
  const { values: _, ...open } = run('a', 0.3, 1_100);
  expect(shown([open, run('a', 0.3, 2_100)])).toEqual([
    { step: 0, share: 0.1, current: [0, 0], candidate: [0, 0] },
    { step: 1, share: Number((0.4 / 0.9).toFixed(6)), current: [0, 0], candidate: [1, 1] },
  ]);
});

test('a run whose clock was off belongs to the step that explains its release, and one that none explains to none', () => {
  // Given the candidate in the second step, by a caller whose clock is behind; and the other way round.
  expect(shown([run('a', 0.3, 1_990, { arm: 'candidate' })])).toMatchObject([{ step: 1, candidate: [1, 1] }]);
  expect(shown([run('a', 0.3, 2_010, { arm: 'current' })])).toMatchObject([{ step: 0, current: [1, 1] }]);
  expect(shown([run('a', 0.9, 2_500, { arm: 'candidate' })])).toEqual([]);
});

describe('many units that come back, at random', () => {
  const policy: RolloutPolicy = {
    ...USUAL_POLICY,
    metrics: [success],
    steps: [
      { share: 0.1, units: 1_000_000 },
      { share: 0.5, units: 1_000_000 },
    ],
  };
  function traffic(seed: number, isGood: (arm: 'current' | 'candidate', at: number) => number): RolloutRun[] {
    const chance = chanceOf(seed);
    const places = Array.from({ length: 400 }, () => chance());
    return Array.from({ length: 3_000 }, (_, at) => {
      const unit = Math.floor(chance() * places.length);
      const startedAt = 1_000 + Math.floor((at / 3_000) * 2_000);
      const made = run(`u${unit}`, places[unit] ?? 0, startedAt);
      return { ...made, values: { success: Number(chance() < isGood(made.arm, startedAt)) } };
    });
  }
  const decided = (runs: RolloutRun[]): string =>
    decide({ policy, strata: strataOf(runs, steps, [success]), step: 1, isOver: false });

  test('the arms are balanced by the chances of their strata', () => {
    const off = Array.from({ length: 200 }, (_, seed) =>
      balanceOf(
        strataOf(
          traffic(seed + 1, () => 0.9),
          steps,
          [success],
        ),
      ),
    );
    expect(off.filter(({ isOff }) => isOff).length).toBeLessThanOrEqual(1);
    const [units, expected] = [
      off.reduce((sum, one) => sum + one.candidate, 0),
      off.reduce((sum, one) => sum + one.expected, 0),
    ];
    expect(Math.abs(units / expected - 1)).toBeLessThan(0.02);
  });

  test('an hour in which everything fails is on nobody’s account', () => {
    const outage = (_: string, at: number): number => (at >= 2_400 ? 0.05 : 0.95);
    const withdrawn = Array.from({ length: 100 }, (_, seed) => decided(traffic(seed + 1, outage))).filter(
      (one) => one === 'withdraw',
    );
    expect(withdrawn.length).toBeLessThanOrEqual(6);
    const harms = Array.from(
      { length: 100 },
      (_, seed) => harmIn(comparedIn(strataOf(traffic(seed + 1, outage), steps, [success]), success)) ?? 0,
    );
    expect(Math.abs(harms.reduce((sum, one) => sum + one, 0) / harms.length)).toBeLessThan(0.01);
  });

  test('what is worse is found', () => {
    const worse = (arm: string): number => (arm === 'candidate' ? 0.6 : 0.95);
    expect(decided(traffic(1, worse))).toBe('withdraw');
  });
});
