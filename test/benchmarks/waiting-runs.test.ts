// Needs a Temporal CLI and Temporal's time-skipping test server. The benchmark of runs that wait for people in short: what it counts.
import { WAITING_SHORT, WEEK_SHORT, waitingRuns } from './waiting-runs';

jest.setTimeout(300_000);

test.each([...WAITING_SHORT, ...WEEK_SHORT])('runs that wait for $days days are all answered', async (options) => {
  const made = await waitingRuns(options);
  expect(made.completed).toBe(options.runs);
  expect(made.store).toBeGreaterThan(0);
  // A reminder each day is a timer and a call.
  if (options.days > 0) expect(made.events).toBeGreaterThan(5 * options.days);
});
