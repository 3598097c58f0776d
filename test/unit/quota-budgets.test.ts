// Needs: nothing. The ledger of a tenant's budget with its workers on a virtual clock: it is never passed, and nobody is refused for what
// others under way may give back.
import fc from 'fast-check';
import { createLeasePool } from '../../activities/gateway/quota/lease-pool';
import { createReport } from '../../activities/gateway/quota/report';
import { DIMENSIONS, type Amounts, type WindowLimit } from '../../workflows/contract/quota';
import { spend, used, windowOf } from '../../workflows/quota/windows';
import { windowsOf } from './quota-arrivals';
import { createWorld } from './quota-world';

const PER_MS = 30_000;
const RUN_MS = 60_000;
/**
 * What was spent counts so much longer than its window: bucket and margin, and the time that the quota did not answer, after which it was
 * spent at the latest.
 */
const LONGER_MS = PER_MS / 240 + PER_MS / 120 + 3_000;
/** Leases ahead are of averages: what is added up of their parts is off by less. */
const DUST = 1e-3;
const amounts = (tokens: number, usd: number): Amounts => [1, tokens, tokens, 0, usd];

const offered = fc.array(
  fc.record({
    at: fc.nat(40_000),
    worker: fc.nat(3),
    tokens: fc.integer({ min: 1, max: 400 }),
    usd: fc.integer({ min: 0, max: 50 }),
    used: fc.double({ min: 0, max: 1, noNaN: true }),
    takesMs: fc.nat(8_000),
  }),
  { minLength: 30, maxLength: 150 },
);
const plan = fc.record({
  seed: fc.nat(),
  tokens: fc.integer({ min: 400, max: 8_000 }),
  usd: fc.integer({ min: 50, max: 1_000 }),
  lost: fc.constantFrom(0, 0.3),
  workers: fc.integer({ min: 1, max: 4 }),
  silentAt: fc.integer({ min: 0, max: 30_000 }),
  offered,
});

type Planned = typeof plan extends fc.Arbitrary<infer P> ? P : never;

const worldOf = ({ seed, tokens, usd, lost, workers, silentAt, offered: all }: Planned) => {
  const windows: WindowLimit[] = [
    { of: 'tokens', perMs: PER_MS, most: tokens },
    { of: 'usd', perMs: PER_MS, most: usd },
  ];
  const world = createWorld({ limits: { windows }, seed, travelMs: 50, lost, isBudget: true });
  for (let worker = 0; worker < workers; worker += 1) world.addWorker({ clockStartsAt: worker * 60_000 });
  for (const one of all)
    world.at(one.at, () =>
      world.request(one.worker % workers, {
        reserved: amounts(one.tokens, one.usd),
        actual: amounts(Math.ceil(one.tokens * one.used), Math.ceil(one.usd * one.used)),
        takesMs: one.takesMs,
      }),
    );
  world.at(silentAt, () => world.silence(true));
  world.at(silentAt + 1_500, () => world.silence(false));
  return { world, windows };
};

test('a tenant never uses more than it may, and is refused only what had no room whatever came back', async () => {
  let refusals = 0;
  await fc.assert(
    fc.asyncProperty(plan, async (planned) => {
      const { world, windows } = worldOf(planned);
      await world.run(RUN_MS);
      for (const limit of windows)
        expect(windowsOf(world.arrivals, limit, 0, RUN_MS).most).toBeLessThanOrEqual(limit.most);
      for (const { at, amounts: wanted } of world.refused) {
        refusals += 1;
        const lacks = windows.filter(({ of, most }) => {
          const nth = DIMENSIONS.indexOf(of);
          const used = world.arrivals
            .filter((one) => one.until <= at && one.at > at - PER_MS - LONGER_MS)
            .reduce((total, one) => total + (one.amounts[nth] ?? 0), 0);
          return used + (wanted[nth] ?? 0) > most - DUST;
        });
        expect(lacks).not.toEqual([]);
      }
    }),
    { numRuns: 40 },
  );
  expect(refusals).toBeGreaterThan(0);
}, 120_000);

test('a worker that is killed has spent what it held, and the others are not given it', async () => {
  await fc.assert(
    fc.asyncProperty(plan, fc.nat(30_000), async (planned, killAt) => {
      const { world, windows } = worldOf({ ...planned, workers: Math.max(2, planned.workers) });
      world.at(killAt, () => world.kill(0));
      await world.run(RUN_MS);
      for (const limit of windows)
        expect(windowsOf(world.arrivals, limit, 0, RUN_MS).most).toBeLessThanOrEqual(limit.most);
    }),
    { numRuns: 20 },
  );
}, 120_000);

test('a request that took of two leases is settled by the later of them, and all of it is given back', () => {
  const report = createReport();
  const pool = createLeasePool(report);
  for (const [seq, at] of [
    [1, 3_990],
    [2, 4_400],
  ] as const)
    pool.add({
      request: {
        worker: 'w',
        seq,
        limits: { windows: [] },
        ...{ spent: [], settled: [], closed: [] },
        busy: 0,
        waiting: [],
        away: [],
      },
      ...{ askedAt: 0, heardAt: 10 },
      answer: {
        ...{ at, granted: [], waits: [], pausedMs: 0, askAgainMs: 0 },
        lease: { amounts: amounts(100, 0), forMs: 2_000, fromMs: -2_000, overMs: 0 },
      },
    });
  const spent = pool.take(amounts(150, 0), 0);
  expect(spent?.at).toBe(4_400);
  // Buckets of a second.
  const window = windowOf([], { of: 'tokens', perMs: 240_000 });
  spend(window, 500, 1_000);
  for (const part of report.take(0).spent) spend(window, part.at - 5, part.amounts[1] ?? 0);
  expect(used(window)).toBe(1_150);
  spend(window, 4_400, -140);
  expect(used(window)).toBe(1_010);
  spend(window, 4_400, -500);
  expect(used(window)).toBe(1_000);
});
