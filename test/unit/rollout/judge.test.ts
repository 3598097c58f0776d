// Needs: nothing. What a look at a rollout comes to, in which words it is told, and what a rollout is said to take.
import { explain, harmLine, harmPlots } from '../../../activities/rollout/explain';
import { explainPlan } from '../../../activities/rollout/explain-plan';
import { decide, decisionOf, verdictOf, type Judgement, type RolloutLook } from '../../../activities/rollout/judge';
import { planRollout } from '../../../activities/rollout/plan';
import {
  alphaOf,
  familyOf,
  USUAL_POLICY,
  type MetricPolicy,
  type RolloutPolicy,
} from '../../../activities/rollout/policy';
import { runValues } from '../../../activities/rollout/run-values';
import { chanceOf } from '../../../activities/rollout/seeded-chance';
import {
  addUnit,
  armSums,
  noSums,
  type ArmSums,
  type RunValues,
  type Stratum,
} from '../../../activities/rollout/strata';

const success: MetricPolicy = {
  name: 'success',
  kind: 'share',
  better: 'higher',
  margin: 0.05,
  weight: 3,
  mustBeFine: true,
};
const tokens: MetricPolicy = {
  name: 'tokens',
  kind: 'ratio',
  better: 'lower',
  margin: 0.15,
  weight: 1,
  mustBeFine: false,
};
const policy: RolloutPolicy = {
  metrics: [success, tokens],
  steps: [
    { share: 0.1, units: 20 },
    { share: 0.5, units: 50 },
    { share: 1, units: 0 },
  ],
  falseAlarms: 0.04,
  falseFines: 0.05,
  windowDays: 7,
};

/** Runs of an arm: so many, so many of them a success, and each with so many tokens, give or take. */
function arm(units: number, good: number, mean: number): ArmSums {
  const runs = Array.from({ length: units }, (_, at): RunValues[] => [
    { success: Number(at < good), tokens: mean * (at % 2 === 0 ? 1.3 : 1 / 1.3) },
  ]);
  return armSums(runs, policy.metrics);
}
const stratum = (step: number, current: ArmSums, candidate: ArmSums): Stratum => ({
  ...{ step, share: policy.steps[step]?.share ?? 1, current, candidate },
});
const look = (strata: Stratum[], step: number, about: Partial<RolloutLook> = {}): RolloutLook => ({
  ...{ policy, strata, step, isOver: false },
  ...about,
});
const half = (current: ArmSums, candidate: ArmSums): RolloutLook => look([stratum(1, current, candidate)], 1);
const judge = (one: RolloutLook): Judgement => ({
  ...decisionOf(one),
  verdicts: one.policy.metrics.map((metric) => verdictOf(one.strata, metric, one.policy)),
});
const verdictsOf = (one: RolloutLook): string[] => judge(one).verdicts.map(({ verdict }) => verdict);

describe('a look', () => {
  test('waits for exposure, goes on with it, and promotes what is shown to be within its margin', () => {
    expect(decide(look([stratum(0, arm(171, 140, 100), arm(19, 15, 100))], 0))).toBe('wait');
    expect(decide(look([stratum(0, arm(180, 148, 100), arm(20, 16, 100))], 0))).toBe('advance');
    const steady = half(arm(2_000, 1_800, 100), arm(2_000, 1_800, 100));
    expect(decide(steady)).toBe('promote');
    expect(verdictsOf(steady)).toEqual(['fine', 'fine']);
    // As good, but with too few to show it.
    expect(decide(half(arm(200, 180, 100), arm(200, 180, 100)))).toBe('wait');
  });

  test('withdraws what is worse, in whichever metric', () => {
    expect(verdictsOf(half(arm(300, 255, 100), arm(300, 200, 100)))).toEqual(['worse', 'fine']);
    expect(decide(half(arm(300, 255, 100), arm(300, 200, 100)))).toBe('withdraw');
    expect(verdictsOf(half(arm(300, 255, 100), arm(300, 255, 130)))[1]).toBe('worse');
  });

  test('withdraws what never works before it has had its exposure', () => {
    expect(decide(look([stratum(0, arm(60, 57, 100), arm(8, 0, 100))], 0))).toBe('withdraw');
  });

  test('withdraws no trifle, however sure it is', () => {
    const trifle = half(arm(60_000, 54_000, 100), arm(60_000, 52_800, 103));
    const [inSuccess] = judge(trifle).verdicts;
    expect(inSuccess?.bounds.atLeast).toBeGreaterThan(0);
    expect(decide(trifle)).toBe('promote');
  });

  test('is over without a verdict, and with one if there is', () => {
    const open = half(arm(200, 180, 100), arm(200, 180, 100));
    expect(decide({ ...open, isOver: true })).toBe('inconclusive');
    expect(decide({ ...half(arm(300, 255, 100), arm(300, 200, 100)), isOver: true })).toBe('withdraw');
  });

  test('stops where an arm has lost its runs', () => {
    const lost = half(arm(2_000, 1_800, 100), arm(1_600, 1_440, 100));
    expect(decide(lost)).toBe('pause');
    expect(explain(judge(lost), policy).headline).toMatch(
      /^Pause: the candidate has 1,600 of 3,600 units, where its share gives 1,800\./,
    );
  });

  test('compares nothing in a step that has one arm only, and nothing that nobody has', () => {
    const all = { ...stratum(1, noSums(), arm(500, 0, 900)), share: 1 };
    expect(decide(look([all], 1))).toBe('wait');
    expect(judge(look([all], 1)).verdicts.map(({ harm }) => harm)).toEqual([undefined, undefined]);
    expect(decide(look([], 0))).toBe('wait');
  });

  test('shares its false alarms by weight', () => {
    expect(alphaOf(success, policy)).toBeCloseTo(0.03, 12);
    expect(alphaOf(tokens, policy)).toBeCloseTo(0.01, 12);
    const family = familyOf(['failure:Tool.Timeout', 'failure:Tool.Failed'], tokens);
    expect(family.map(({ name, weight }) => `${name} ${weight}`)).toEqual([
      'failure:Tool.Timeout 0.5',
      'failure:Tool.Failed 0.5',
    ]);
  });
});

describe('the values of units', () => {
  test('a unit counts once, with the mean of its runs, and what nobody measured does not count', () => {
    const sums = armSums(
      [[{ success: 1 }, { success: 0, tokens: 100 }, { tokens: 400 }], [{ success: 1 }]],
      policy.metrics,
    );
    expect(sums).toMatchObject({ units: 2, runs: 4, metrics: { success: { units: 2, sum: 1.5, squares: 1.25 } } });
    expect(sums.metrics['tokens']?.units).toBe(1);
    expect(Math.exp(sums.metrics['tokens']?.sum ?? 0)).toBeCloseTo(200, 9);
    addUnit(sums, [{ success: 1 }], policy.metrics, -1);
    expect(sums).toMatchObject({ units: 1, runs: 3, metrics: { success: { units: 1, sum: 0.5, squares: 0.25 } } });
  });

  test('of a run they are taken by name', () => {
    const run = {
      ...{ schemaVersion: 1 as const, id: 'r', tenant: 't', release: 'a', at: 0, completed: true, refused: false },
      ...{ values: { tokens: 100 }, tools: { look: [2, 1] as [number, number] }, failures: ['Tool.Timeout'] },
    };
    const names = ['success', 'tokens', 'cost', 'tool-errors', 'failure:Tool.Timeout', 'failure:Tool.Failed'];
    expect(runValues(run, [...names, 'tool-failed:look', 'tool-failed:buy'])).toEqual({
      ...{ success: 1, tokens: 100, 'tool-errors': 1, 'failure:Tool.Timeout': 1, 'failure:Tool.Failed': 0 },
      ...{ 'tool-failed:look': 1, 'tool-failed:buy': 0 },
    });
  });
});

describe('in words', () => {
  test('what is worse comes first, with how sure that is', () => {
    const { headline, metrics } = explain(judge(half(arm(300, 255, 100), arm(300, 200, 100))), policy);
    expect(headline).toBe(
      'Withdraw: the candidate is worse in success. A candidate that is worse in nothing is withdrawn with a chance of 4 % at most, however often somebody looks.',
    );
    expect(metrics[0]).toMatch(
      /^success: candidate 66\.7 % of 300 units, current 85 % of 300\. Worse: 18\.3 points fewer, and at any look at least \d+\.\d points fewer, with a chance of 3 % at most of crying wolf; 5\.0 points fewer is tolerated\.$/,
    );
    expect(metrics[1]).toMatch(
      /^tokens: candidate 100 of 300 units, current 100 of 300\. Fine: 0 % \w+, and at most [\d.]+ % more, with a chance of 5 % at most of being wrong; 15 % more is tolerated\.$/,
    );
  });

  test('what is open says between what it is', () => {
    const { headline, metrics } = explain(judge(half(arm(100, 80, 100), arm(100, 79, 100))), policy);
    expect(headline).toBe(
      'Wait: worse in nothing so far; the candidate has had 100 of 50 units that this step asks for, and is not yet shown to be within what is tolerated in success.',
    );
    expect(metrics[0]).toMatch(
      /Open: 1\.0 points fewer, between \d+\.\d points more and \d+\.\d points fewer; 5\.0 points fewer is tolerated\.$/,
    );
    const few = explain(judge(half(arm(10, 8, 100), arm(10, 8, 100))), policy);
    expect(few.metrics[1]).toMatch(/Open: 0 % \w+, too few units to say more; 15 % more is tolerated\.$/);
  });

  test('a line shows no difference, the margin, the estimate and what is possible', () => {
    expect(harmLine({ harm: 0.1, bounds: { atLeast: 0.02, atMost: 0.19 } }, success)).toBe(
      '                    | ---M----o--------- ',
    );
    expect(harmLine({ harm: undefined, bounds: { atLeast: undefined, atMost: undefined } }, success)).toBe(
      '                    |    M               ',
    );
  });

  test('a plot has the bounds look by look', () => {
    const looks = [half(arm(100, 80, 100), arm(100, 79, 100)), half(arm(300, 240, 100), arm(300, 237, 100))].map(judge);
    const [plot] = harmPlots(looks, policy);
    const width = (at: number): number => (plot?.points[at]?.atMost ?? NaN) - (plot?.points[at]?.atLeast ?? NaN);
    expect(plot).toMatchObject({ metric: 'success', margin: 0.05, points: [{ units: 100 }, { units: 300 }] });
    expect(width(1)).toBeLessThan(width(0));
  });
});

describe('a plan', () => {
  const chance = chanceOf(3);
  const units = Array.from({ length: 200 }, (): RunValues[] => [
    { success: Number(chance() < 0.9), tokens: 1_000 * Math.exp(chance() - 0.5) },
  ]);
  const asked = { policy, units, regressions: [{ metric: 'success', by: 0.15 }], trials: 20 };

  test('says runs and days, and that the window is too short where it is', () => {
    const plan = planRollout({ ...asked, runsPerDay: 20 });
    const [same, worse] = plan?.lines ?? [];
    expect(worse?.runs.median).toBeLessThan(same?.runs.median ?? 0);
    expect(worse?.days.median).toBeCloseTo((worse?.runs.median ?? 0) / 20, 9);
    expect(plan?.steps.map(({ days }) => days)).toEqual([10, 5]);
    expect(plan?.warnings.join('\n')).toMatch(
      /The window of 7 days can't conclude: .* With 50 % from the beginning nine of ten take \d+ days/,
    );
    expect(plan && explainPlan(plan, policy)).toContainEqual(
      expect.stringMatching(
        /^A candidate with success 15\.0 points fewer is withdrawn after [\d,]+ runs, [\d.]+ days \(median; nine of ten: /,
      ),
    );
  });

  test('warns of nothing where there is enough traffic', () => {
    const plan = planRollout({ ...asked, runsPerDay: 5_000 });
    expect(plan?.warnings).toEqual([]);
    expect(plan?.lines.every(({ within }) => within > 0.9)).toBe(true);
  });

  test('there is none without runs to draw from, and none of a metric that nobody compares', () => {
    expect(planRollout({ ...asked, units: units.slice(0, 10), runsPerDay: 20 })).toBeUndefined();
    expect(() => planRollout({ ...asked, regressions: [{ metric: 'wit', by: 1 }], runsPerDay: 20 })).toThrow(
      /no metric wit/,
    );
  });

  test('the usual policy adds up', () => {
    expect(USUAL_POLICY.metrics.reduce((sum, one) => sum + alphaOf(one, USUAL_POLICY), 0)).toBeCloseTo(0.05, 12);
    expect(USUAL_POLICY.steps.at(-1)?.share).toBe(1);
  });
});
