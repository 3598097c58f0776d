// Needs the recorded conversations in ../shared (or LONGHAUL_SHARED). The benchmark of rollouts in short: what is as before is not withdrawn, what is
// worse is, and a gate with fixed thresholds cries wolf.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { USUAL_POLICY } from '../../activities/rollout/policy';
import type { SimulatedEnd } from '../../activities/rollout/simulate';
import { readRecordedRuns, seededChanges } from './anomalies';
import { rolloutEnds, thresholdGate, type RolloutTrials } from './rollouts';

const folder = path.resolve(
  process.env['LONGHAUL_SHARED'] ?? path.join(__dirname, '..', '..', '..', 'shared'),
  'trajectories',
);
const present = existsSync(folder);
if (!present) console.warn(`skipped: no recorded conversations at ${folder}; LONGHAUL_SHARED names the folder above`);
jest.setTimeout(300_000);

const TRIALS = 40;

(present ? describe : describe.skip)('on recorded conversations, looked at after every run', () => {
  const recorded = present
    ? readRecordedRuns(path.join(folder, 'airline.jsonl'), readFileSync(path.join(folder, 'airline-policy.md'), 'utf8'))
    : [];
  /** Half and half from the beginning, so that it is soon over. */
  const policy = { ...USUAL_POLICY, steps: [{ share: 0.5, units: 100 }] };
  const withdrawn = (about: Partial<RolloutTrials>): number =>
    [...rolloutEnds({ recorded, policy, trials: TRIALS, runsMost: 1_500, ...about })].filter(isWithdrawn).length;
  const isWithdrawn = ({ decision }: SimulatedEnd): boolean => decision === 'withdraw';

  test('a release that is the current one stays', () => {
    // Of 40 at one in twenty more than this come in one of a thousand cases.
    expect(withdrawn({})).toBeLessThanOrEqual(7);
    expect(withdrawn({ clustered: { runsMost: 9, sameAgain: 0.5, open: 40 } })).toBeLessThanOrEqual(7);
  });

  test.each(['completion 15 points down', '30 % more tokens'])('a release with %s is withdrawn', (name) => {
    const change = seededChanges(recorded).find((one) => one.name === name);
    expect(change).toBeDefined();
    expect(withdrawn({ change })).toBeGreaterThanOrEqual(0.95 * TRIALS);
  });

  test('fixed thresholds withdraw most releases that are the current one', () => {
    expect(withdrawn({ gate: thresholdGate(20, 1) })).toBeGreaterThan(TRIALS / 2);
  });
});
