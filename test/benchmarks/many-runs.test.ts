// Needs a Temporal CLI, which an embedded server is started from. The benchmark of many runs in short: what it counts, not what it times.
import { MANY_RUNS_SHORT, manyRuns } from './many-runs';
import { queueFigures } from './one-queue';

jest.setTimeout(300_000);

test.each(['bare', 'bare-asks', 'longhaul'] as const)(
  '%s: all runs come to their end, and all answers are counted',
  async (kind) => {
    const made = await manyRuns(MANY_RUNS_SHORT, kind);
    expect(made.completed).toBe(MANY_RUNS_SHORT.runs);
    expect(made.perSecond).toBeGreaterThan(0);
    expect(made.rampSeconds).toBeGreaterThan(0);
    expect(made.transitions).toBeGreaterThan(1);
  },
);

test('runs that come through a queue cost it few events', async () => {
  const made = await queueFigures(20);
  expect(made.completed).toBe(40);
  // Each is taken, begun and ended; what comes together is one update, one activity, one signal.
  expect(made.eventsPerRun).toBeGreaterThan(0);
  expect(made.eventsPerRun).toBeLessThan(12);
});
