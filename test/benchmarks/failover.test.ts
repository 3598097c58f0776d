// Needs a Temporal CLI, which an embedded server is started from. The failover benchmark in short: what it counts, not what it times.
import { failover, FAILOVER_SHORT } from './failover';

jest.setTimeout(240_000);

test('no run fails while a provider is down, and then slow: another answers', async () => {
  const { runs, failed, phases } = await failover(FAILOVER_SHORT);
  expect(runs).toBeGreaterThan(100);
  expect(failed).toEqual([]);
  const shareOfA = Object.fromEntries(phases.map(({ name, calls, byA }) => [name, byA / calls]));
  // A call that was under way when A went down may be counted to either.
  expect(shareOfA['well']).toBeGreaterThan(0.9);
  expect(shareOfA['down']).toBeLessThan(0.2);
});
