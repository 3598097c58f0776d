// Needs: nothing. The ledger of a quota with its workers on a virtual clock: no window at the provider is ever above the limit.
import fc from 'fast-check';
import type { Amounts, WindowLimit } from '../../workflows/contract/quota';
import { lease, newLedger } from '../../workflows/quota/ledger';
import { refusedBy, windowsOf } from './quota-arrivals';
import { createWorld } from './quota-world';

const PER_MS = 6_000;
const one = (tokens = 0): Amounts => [1, tokens, tokens, 0, 0];

test('whatever workers ask, lose, forget and die of, no window at the provider is above a limit', async () => {
  const plan = fc.record({
    seed: fc.nat(),
    requests: fc.integer({ min: 1, max: 60 }),
    tokens: fc.integer({ min: 300, max: 6_000 }),
    isSmooth: fc.boolean(),
    lost: fc.constantFrom(0, 0.3),
    workers: fc.integer({ min: 1, max: 4 }),
    killAt: fc.integer({ min: 500, max: 12_000 }),
    silentAt: fc.integer({ min: 0, max: 12_000 }),
    offered: fc.array(
      fc.record({
        at: fc.nat(15_000),
        worker: fc.nat(3),
        tokens: fc.integer({ min: 1, max: 300 }),
        used: fc.double({ min: 0, max: 1, noNaN: true }),
        takesMs: fc.nat(3_000),
      }),
      { minLength: 50, maxLength: 200 },
    ),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ seed, requests, tokens, isSmooth, lost, workers, killAt, silentAt, offered }) => {
      const windows: WindowLimit[] = [
        { of: 'requests', perMs: PER_MS, most: requests, ...(isSmooth ? { burst: Math.max(1, requests / 6) } : {}) },
        { of: 'tokens', perMs: PER_MS, most: tokens },
      ];
      const world = createWorld({ limits: { windows }, seed, travelMs: 50, lost });
      for (let worker = 0; worker < workers; worker += 1) world.addWorker({ clockStartsAt: worker * 60_000 });
      for (const { at, worker, tokens: reserved, used, takesMs } of offered)
        world.at(at, () =>
          world.request(worker % workers, {
            reserved: one(reserved),
            actual: one(Math.ceil(reserved * used)),
            takesMs,
          }),
        );
      world.at(killAt, () => world.kill(0));
      world.at(silentAt, () => world.silence(true));
      world.at(silentAt + 1_500, () => world.silence(false));
      await world.run(25_000);
      for (const limit of windows)
        expect(windowsOf(world.arrivals, limit, 0, 25_000).most).toBeLessThanOrEqual(limit.most);
    }),
    { numRuns: 40 },
  );
}, 120_000);

test('three times the limit, unevenly, one worker killed and one added: the limit is kept and used', async () => {
  const limit: WindowLimit = { of: 'requests', perMs: 60_000, most: 300, burst: 3 };
  const world = createWorld({ limits: { windows: [limit] }, seed: 7, travelMs: 100 });
  const rates = [7, 4, 2.5, 1.5, 4];
  for (let worker = 0; worker < 4; worker += 1) world.addWorker();
  rates.forEach((rate, worker) => {
    for (let nth = 0; nth < rate * 140; nth += 1)
      world.at((nth * 1_000) / rate, () => world.request(worker, { reserved: one() }));
  });
  world.at(80_000, () => world.kill(1));
  world.at(90_000, () => world.addWorker());
  await world.run(140_000);
  const { most, least } = windowsOf(world.arrivals, limit, 0, 140_000);
  expect(most).toBeLessThanOrEqual(300);
  expect(least).toBeGreaterThanOrEqual(0.95 * 300);
  // A large provider counts by the second too; one in a thousand may be sent back.
  const refused = refusedBy(world.arrivals, { most: 300 / 60, perMs: 1_000 });
  expect(refused).toBeLessThanOrEqual(world.arrivals.length / 1_000);
}, 120_000);

test('a quota whose predecessor is known to have been, and is lost, gives nothing to anybody new before a whole window has passed', () => {
  const EPOCH = 1_700_000_000_000;
  const given = (isHeir: boolean): number | undefined => {
    const ledger = newLedger(isHeir);
    for (let seq = 1; seq <= 40; seq += 1) {
      const now = EPOCH + (seq - 1) * 500;
      const waiting = [{ class: 1, tenant: 't', weight: 1, count: 1, first: one(), all: one(), ageMs: 0 }];
      const limits = { windows: [{ of: 'requests' as const, perMs: PER_MS, most: 3 }] };
      const request = { worker: 'new', seq, limits, busy: 0, waiting, spent: [], settled: [], closed: [], away: [] };
      if (lease(ledger, request, now).lease) return now - EPOCH;
    }
    return undefined;
  };
  expect(given(false)).toBe(0);
  // With what may still be leased of it.
  expect(given(true)).toBeGreaterThanOrEqual(PER_MS + 2_000);
  expect(given(true)).toBeLessThan(PER_MS + 4_000);
});
