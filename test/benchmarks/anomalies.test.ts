// Needs the recorded conversations in ../shared (or LONGHAUL_SHARED). The benchmark of the watch in short: changes are found, and shuffled runs
// are not taken for one.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { detections, falseAlarmsIn, falseChangesIn, floorOf, readRecordedRuns, seededChanges } from './anomalies';
import { interval } from './print-anomalies';

const folder = path.resolve(
  process.env['LONGHAUL_SHARED'] ?? path.join(__dirname, '..', '..', '..', 'shared'),
  'trajectories',
);
const present = existsSync(folder);
if (!present) console.warn(`skipped: no recorded conversations at ${folder}; LONGHAUL_SHARED names the folder above`);
jest.setTimeout(300_000);

const size = { trials: 5, before: 1_000, after: 500, falseAlarms: 0.01 };
/** Runs within which four of five trials find it: the trials are the benchmark's first. */
const WITHIN: { readonly [change: string]: number } = {
  '30 % more tokens': 400,
  'one tool fails': 30,
  'one tool is not used any more': 40,
  'completion 15 points down': 500,
};

(present ? describe : describe.skip)('on recorded conversations', () => {
  const recorded = present
    ? readRecordedRuns(path.join(folder, 'airline.jsonl'), readFileSync(path.join(folder, 'airline-policy.md'), 'utf8'))
    : [];
  const changes = seededChanges(recorded);

  test.each(Object.entries(WITHIN))('%s: found within %i runs', (name, runs) => {
    const change = changes.find((one) => one.name === name);
    const found = change ? detections(recorded, change, size) : [];
    expect(found.filter((one) => one !== undefined && one <= runs).length).toBeGreaterThanOrEqual(4);
  });

  test('who knows what to look for finds it no later', () => {
    const [, fails] = changes;
    if (!fails) throw new Error('there is no such change.');
    const middle = (found: readonly (number | undefined)[]): number =>
      found.map((runs) => runs ?? Infinity).sort((one, other) => one - other)[2] ?? Infinity;
    expect(middle(floorOf(recorded, fails, size))).toBeLessThanOrEqual(middle(detections(recorded, fails, size)));
  });

  test('without a change nothing is found, as seldom as was said', () => {
    // Every window is looked at; of 25 stretches at one in a hundred more than this come in one of ten thousand cases.
    const stretches = falseAlarmsIn(recorded, { ...size, before: 700 }).flat();
    expect(stretches.length).toBe(25);
    expect(stretches.filter(Boolean).length).toBeLessThanOrEqual(3);
    // Of 100 comparisons at one in twenty: more than this come of so many in one of a thousand cases.
    expect(falseChangesIn(recorded, 100, 0.05)).toBeLessThanOrEqual(12);
  });

  test('the interval holds what it is of', () => {
    const [low, high] = interval(0, 500);
    expect(low).toBe(0);
    expect(high).toBeCloseTo(1 - 0.025 ** (1 / 500), 6);
  });
});
