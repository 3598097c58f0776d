// Needs a Temporal CLI, which an embedded server is started from. The failover benchmark in short: what it counts, not what it times.
import { failover, FAILOVER_SHORT } from './failover';

/** Each phase is extended on a machine that is busy. */
jest.setTimeout(600_000);

test('no run fails while a provider is down, and then slow: another answers', async () => {
  const { runs, failed, phases } = await failover(FAILOVER_SHORT);
  expect(runs).toBeGreaterThan(50);
  expect(failed).toEqual([]);
  const down = phases.find(({ name }) => name === 'down');
  // One that was under way when A went down, or came back, may be counted to either.
  expect(down?.byA).toBeLessThan((down?.calls ?? 0) / 2);
});
