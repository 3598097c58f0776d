// Needs: nothing. The statistics of rollouts against what scipy and statsmodels came to (evidence.json, printed by make-evidence.py), against all
// that can happen counted out, and against chance.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { balanceOf } from '../../../activities/rollout/balance';
import { boundsOf, evidenceIn } from '../../../activities/rollout/evidence';
import { levelEvidence, welchOf } from '../../../activities/rollout/level-evidence';
import type { MetricPolicy } from '../../../activities/rollout/policy';
import { chanceOf } from '../../../activities/rollout/seeded-chance';
import { nearestNull, shareEvidence } from '../../../activities/rollout/share-evidence';
import {
  addUnit,
  comparedIn,
  harmIn,
  noSums,
  type Compared,
  type MetricSums,
} from '../../../activities/rollout/strata';

const side = z.enum(['above', 'below']);
const arm = z.tuple([z.number(), z.number()]);
const sumsSchema = z.object({ units: z.number(), sum: z.number(), squares: z.number() });
const known = z
  .object({
    nearest: z.array(z.record(z.enum(['current', 'candidate', 'share', 'delta', 'found']), z.number())),
    shares: z.array(
      z.object({ strata: z.array(z.tuple([z.number(), arm, arm])), delta: z.number(), side, log: z.number() }),
    ),
    levels: z.array(
      z.object({
        current: sumsSchema,
        candidate: sumsSchema,
        welch: z.object({ difference: z.number(), error: z.number(), freedom: z.number(), size: z.number() }),
        logs: z.array(z.object({ delta: z.number(), side, log: z.number() })),
        bounds: z.object({ atLeast: z.number(), atMost: z.number() }),
      }),
    ),
    balance: z.array(z.record(z.enum(['share', 'candidate', 'current', 'log']), z.number())),
  })
  .parse(JSON.parse(readFileSync(path.join(__dirname, 'evidence.json'), 'utf8')));

const sums = (units: number, sum: number): MetricSums => ({ units, sum, squares: sum });
const sumsOf = (values: readonly number[]): MetricSums => ({
  units: values.length,
  sum: values.reduce((all, one) => all + one, 0),
  squares: values.reduce((all, one) => all + one * one, 0),
});
const level: MetricPolicy = { name: 'x', kind: 'level', better: 'lower', margin: 0.1, weight: 1, mustBeFine: true };
const share: MetricPolicy = { ...level, kind: 'share' };

describe('as scipy and statsmodels have it', () => {
  test.each(known.nearest)('the nearest null: %j', ({ found, delta, share: of, ...alternative }) => {
    expect(nearestNull(alternative, of, delta)).toBeCloseTo(found, 6);
  });

  test.each(known.shares)('evidence about shares: %j', ({ strata, delta, side: of, log }) => {
    const compared = strata.map(([chance, current, candidate]) => ({
      ...{ share: chance, current: sums(...current), candidate: sums(...candidate) },
    }));
    expect(shareEvidence(compared, delta, of)).toBeCloseTo(log, 6);
  });

  test.each(known.levels)('evidence about means, and its bounds', ({ current, candidate, welch, logs, bounds }) => {
    const compared = [{ share: 0.5, current, candidate }];
    const found = welchOf(compared);
    if (!found) throw new Error('there are enough units.');
    for (const figure of ['difference', 'error', 'freedom', 'size'] as const)
      expect(found[figure]).toBeCloseTo(welch[figure], 6);
    for (const { delta, side: of, log } of logs) expect(levelEvidence(found, delta, of)).toBeCloseTo(log, 5);
    const asked = { estimate: found.difference, alphaLow: 0.01, alphaHigh: 0.05 };
    const { atLeast, atMost } = boundsOf(evidenceIn(compared, level), level, asked);
    expect(atLeast).toBeCloseTo(bounds.atLeast, 2);
    expect(atMost).toBeCloseTo(bounds.atMost, 2);
    // What is told is refuted: it errs to the outside.
    expect(atLeast).toBeLessThanOrEqual(bounds.atLeast);
    expect(atMost).toBeGreaterThanOrEqual(bounds.atMost);
  });

  test.each(known.balance)('evidence about the arms: %j', ({ share: of, candidate, current, log }) => {
    const counted = (units: number) => ({ ...noSums(), units });
    const found = balanceOf([{ step: 0, share: of, current: counted(current), candidate: counted(candidate) }]);
    expect(found.evidence).toBeCloseTo(log, 6);
  });
});

describe('evidence about shares', () => {
  const CHANCES = [0.02, 0.1, 0.3, 0.5, 0.7, 0.95];
  /** What one more unit makes of the evidence, in the mean over all that it may be. */
  function growth(
    before: Compared,
    { c, t, delta, of }: { c: number; t: number; delta: number; of: 'above' | 'below' },
  ): number {
    const now = shareEvidence([before], delta, of);
    const arms = [
      { chance: 1 - before.share, bad: c, name: 'current' as const },
      { chance: before.share, bad: t, name: 'candidate' as const },
    ];
    return arms.reduce((all, { chance, bad, name }) => {
      const after = (value: number): number => {
        const { units, sum } = before[name];
        return Math.exp(shareEvidence([{ ...before, [name]: sums(units + 1, sum + value) }], delta, of) - now);
      };
      return all + chance * (bad * after(1) + (1 - bad) * after(0));
    }, 0);
  }

  test.each([0.01, 0.25, 0.5])('grows in the mean under no null, whatever came before, at a share of %s', (chance) => {
    const before: Compared[] = [
      { share: chance, current: sums(0, 0), candidate: sums(0, 0) },
      { share: chance, current: sums(50, 20), candidate: sums(12, 9) },
      { share: chance, current: sums(400, 12.5), candidate: sums(300, 40.25) },
    ];
    let asked = 0;
    for (const one of before)
      for (const delta of [0, 0.05, -0.1])
        for (const side of ['above', 'below'] as const)
          for (const c of CHANCES)
            for (const t of [...CHANCES, c + delta]) {
              const isNull = side === 'above' ? t - c <= delta + 1e-12 : t - c >= delta - 1e-12;
              if (t < 0 || t > 1 || !isNull) continue;
              asked += 1;
              expect(growth(one, { c, t, delta, of: side })).toBeLessThanOrEqual(1 + 1e-9);
            }
    expect(asked).toBeGreaterThan(300);
    // It can grow: the candidate is worse.
    const [, some] = before;
    expect(some && growth(some, { c: 0.3, t: 0.7, delta: 0, of: 'above' })).toBeGreaterThan(1);
  });

  test('a value in between is less evidence than the whole ones of which it is the mean', () => {
    const at = (value: number): number =>
      Math.exp(shareEvidence([{ share: 0.5, current: sums(10, 2), candidate: sums(11, 7 + value) }], 0, 'above'));
    for (const value of [0.1, 0.5, 0.8]) expect(at(value)).toBeLessThan(value * at(1) + (1 - value) * at(0));
  });

  test('what is worse for all at a time when the candidate has a larger share is no harm', () => {
    const strata = [
      { share: 0.01, current: sums(9_900, 990), candidate: sums(100, 10) },
      { share: 0.5, current: sums(1_000, 600), candidate: sums(1_000, 600) },
    ];
    expect(harmIn(strata)).toBeCloseTo(0, 12);
    expect(shareEvidence(strata, 0, 'above')).toBeLessThan(0);
    // Taken together it would be 54 % against 15 %.
    const together = [{ share: 0.1, current: sums(10_900, 1_590), candidate: sums(1_100, 610) }];
    expect(shareEvidence(together, 0, 'above')).toBeGreaterThan(100);
  });

  test('its bounds are where it is refuted', () => {
    const compared = [{ share: 0.5, current: sums(300, 60), candidate: sums(310, 115) }];
    const harm = harmIn(compared) ?? NaN;
    const evidenceAt = evidenceIn(compared, share);
    const { atLeast = NaN, atMost = NaN } = boundsOf(evidenceAt, share, {
      estimate: harm,
      alphaLow: 0.01,
      alphaHigh: 0.05,
    });
    expect(atLeast).toBeGreaterThan(0);
    expect(atLeast).toBeLessThan(harm);
    expect(atMost).toBeGreaterThan(harm);
    expect(evidenceAt(atLeast, 'above')).toBeGreaterThanOrEqual(Math.log(100));
    expect(evidenceAt(atLeast + 0.002, 'above')).toBeLessThan(Math.log(100));
    expect(evidenceAt(atMost, 'below')).toBeGreaterThanOrEqual(Math.log(20));
    expect(evidenceAt(atMost - 0.002, 'below')).toBeLessThan(Math.log(20));
  });
});

describe('evidence about means, looked at after every unit', () => {
  /** Skewed to the right, of mean 0 and variance 1. */
  const skewed = (chance: () => number): number => -Math.log(1 - chance()) - 1;

  function everRefuted(trial: number, { of, shift = 0 }: { of: number; shift?: number }): boolean {
    const chance = chanceOf(trial + 1);
    const stratum = { step: 0, share: of, current: noSums(), candidate: noSums() };
    for (let unit = 0; unit < 800; unit += 1) {
      const isCandidate = chance() < of;
      addUnit(
        stratum[isCandidate ? 'candidate' : 'current'],
        [{ x: skewed(chance) + (isCandidate ? shift : 0) }],
        [level],
      );
      const welch = welchOf(comparedIn([stratum], level));
      if (welch && levelEvidence(welch, 0, 'above') >= Math.log(1 / 0.05)) return true;
    }
    return false;
  }
  const refuted = (asked: { of: number; shift?: number }): number =>
    Array.from({ length: 300 }, (_, trial) => everRefuted(trial, asked)).filter(Boolean).length;

  // Of 300 at one in twenty more than 24 come in one of a hundred cases.
  test.each([0.1, 0.5])('is wrong as seldom as was said, of skewed values at a share of %s', (of) => {
    expect(refuted({ of })).toBeLessThanOrEqual(24);
  });

  test('finds what there is', () => expect(refuted({ of: 0.5, shift: 0.4 })).toBeGreaterThan(285));

  test('says nothing of too few units, or where all are the same', () => {
    expect(
      welchOf([{ share: 0.5, current: sumsOf(Array(19).fill(1)), candidate: sumsOf(Array(30).fill(2)) }]),
    ).toBeUndefined();
    expect(
      welchOf([{ share: 0.5, current: sumsOf(Array(30).fill(1)), candidate: sumsOf(Array(30).fill(1)) }]),
    ).toBeUndefined();
  });
});
