// Needs: nothing. Who goes first near a limit, and what stops a quota: on a virtual clock, as a provider counts arrivals.
import { PRIORITIES, type Amounts, type WindowLimit } from '../../workflows/contract/quota';
import { windowsOf } from './quota-arrivals';
import { createWorld, type Arrival, type World } from './quota-world';

const one: Amounts = [1, 0, 0, 0, 0];
const perMinute = (most: number, burst = most): WindowLimit => ({ of: 'requests', perMs: 60_000, most, burst });
const worldOf = (limit: WindowLimit, more: Partial<Parameters<typeof createWorld>[0]> = {}): World =>
  createWorld({ limits: { windows: [limit] }, seed: 3, travelMs: 50, ...more });

/** So many a second, evenly, until the end. */
function offer(
  world: World,
  { perSecond, from = 0, to }: { perSecond: number; from?: number; to: number },
  request: (nth: number) => void,
): void {
  for (let nth = 0; nth < (perSecond * (to - from)) / 1_000; nth += 1)
    world.at(from + (nth * 1_000) / perSecond, () => request(nth));
}

const countOf = (arrivals: readonly Arrival[], isIt: (one: Arrival) => boolean, from = 0): number =>
  arrivals.filter((arrival) => arrival.at >= from && isIt(arrival)).length;

/** Requests of a window that were under way at the busiest moment. */
const atOnce = (arrivals: readonly Arrival[]): number =>
  Math.max(...arrivals.map(({ at }) => arrivals.filter((other) => other.at <= at && other.until > at).length));

test('near the limit the more urgent goes first, on whichever worker, and the others have what it leaves', async () => {
  const world = worldOf(perMinute(120, 2));
  world.addWorker();
  world.addWorker();
  const [high, normal, low] = [0, 1, 2];
  offer(world, { perSecond: 0.8, to: 180_000 }, () => world.request(0, { reserved: one, class: high }));
  offer(world, { perSecond: 0.8, to: 180_000 }, () => world.request(1, { reserved: one, class: normal }));
  offer(world, { perSecond: 1.2, to: 180_000 }, () => world.request(0, { reserved: one, class: low }));
  await world.run(180_000);
  const from = 60_000;
  const parts = PRIORITIES.map((_, ofClass) => countOf(world.arrivals, (arrival) => arrival.class === ofClass, from));
  const all = parts.reduce((sum, part) => sum + part, 0);
  expect(windowsOf(world.arrivals, perMinute(120), 0, 180_000).most).toBeLessThanOrEqual(120);
  expect(all).toBeGreaterThanOrEqual(0.95 * 240);
  // All of what was offered, but for who came in the last seconds; the rest is the low ones'.
  expect(parts[high]).toBeGreaterThanOrEqual(0.97 * 96);
  expect(parts[normal]).toBeGreaterThanOrEqual(0.97 * 96);
  expect(parts[low]).toBeLessThanOrEqual(all - 0.97 * 192);
});

test.each([
  [{ acme: 3 }, 0.75],
  [{}, 0.5],
  [{ acme: 0.25 }, 0.2],
])('tenants with weights %j share a limit so that acme has %f of it, whatever each asks for', async (weights, part) => {
  const world = worldOf(perMinute(120, 2), { weights });
  world.addWorker();
  world.addWorker();
  offer(world, { perSecond: 4, to: 180_000 }, (nth) => world.request(nth % 2, { reserved: one, tenant: 'acme' }));
  offer(world, { perSecond: 2.5, to: 180_000 }, (nth) => world.request(nth % 2, { reserved: one, tenant: 'globex' }));
  await world.run(180_000);
  const acme = countOf(world.arrivals, ({ tenant }) => tenant === 'acme', 60_000);
  const all = countOf(world.arrivals, () => true, 60_000);
  expect(all).toBeGreaterThanOrEqual(0.95 * 240);
  expect(Math.abs(acme / all - part)).toBeLessThan(0.02);
});

test('what is idle anyone may use: alone, the least urgent of the lightest tenant has the whole limit', async () => {
  const world = worldOf(perMinute(120, 2), { weights: { acme: 10, globex: 0.1 } });
  world.addWorker();
  offer(world, { perSecond: 5, to: 120_000 }, () =>
    world.request(0, { reserved: one, tenant: 'globex', class: PRIORITIES.indexOf('low') }),
  );
  await world.run(120_000);
  const { most, least } = windowsOf(world.arrivals, perMinute(120), 0, 120_000);
  expect(most).toBeLessThanOrEqual(120);
  expect(least).toBeGreaterThanOrEqual(0.95 * 120);
});

test('a newcomer does not make up for what it did not use, and is not behind those who did', async () => {
  const world = worldOf(perMinute(240, 4));
  world.addWorker();
  offer(world, { perSecond: 8, to: 180_000 }, () => world.request(0, { reserved: one, tenant: 'acme' }));
  offer(world, { perSecond: 8, from: 90_000, to: 180_000 }, () =>
    world.request(0, { reserved: one, tenant: 'globex' }),
  );
  await world.run(180_000);
  const from = 100_000;
  const part =
    countOf(world.arrivals, ({ tenant }) => tenant === 'globex', from) / countOf(world.arrivals, () => true, from);
  expect(Math.abs(part - 0.5)).toBeLessThan(0.02);
});

test('who is told to come back keeps its place: it goes before those that came later', async () => {
  const world = worldOf(perMinute(6));
  world.addWorker();
  world.addWorker();
  for (let nth = 0; nth < 6; nth += 1) world.at(nth, () => world.request(0, { reserved: one, tenant: 'first' }));
  for (let nth = 0; nth < 6; nth += 1)
    world.at(1_000 + nth, () => world.request(0, { reserved: one, tenant: 'early' }));
  // Of the same tenant, so that nothing but their age counts, and at another worker.
  for (let nth = 0; nth < 6; nth += 1)
    world.at(61_000, () => world.request(1, { reserved: [1, 1, 0, 0, 0], tenant: 'early' }));
  await world.run(300_000);
  expect(world.away.length).toBeGreaterThan(0);
  const order = world.arrivals.filter(({ tenant }) => tenant === 'early').map(({ worker }) => worker);
  expect(order).toHaveLength(12);
  // One that wakes a moment after its place was free may find it taken by another: never more than that.
  expect(order.slice(0, 6).filter((worker) => worker === 0).length).toBeGreaterThanOrEqual(5);
});

test('no more are under way at once than may be, between all workers, and the places are used', async () => {
  const world = createWorld({ limits: { windows: [], concurrency: 4 }, seed: 5 });
  world.addWorker();
  world.addWorker();
  for (let nth = 0; nth < 60; nth += 1)
    world.at(nth * 20, () => world.request(nth % 2, { reserved: one, takesMs: 1_000 }));
  await world.run(60_000);
  expect(world.arrivals).toHaveLength(60);
  expect(atOnce(world.arrivals)).toBe(4);
  // 15 s at best. A place that is set aside for another worker waits until that one asks again.
  expect(Math.max(...world.arrivals.map(({ until }) => until))).toBeLessThan(30_000);
});

test('a request that takes minutes keeps its place, and a dead worker gives its places back after one', async () => {
  const world = createWorld({ limits: { windows: [], concurrency: 2 }, seed: 5 });
  world.addWorker();
  world.addWorker();
  world.request(0, { reserved: one, takesMs: 300_000 });
  world.request(0, { reserved: one, takesMs: 300_000 });
  world.at(200_000, () => world.request(1, { reserved: one, takesMs: 10 }));
  await world.run(290_000);
  expect(world.arrivals).toHaveLength(2);
  world.kill(0);
  await world.run(290_000 + 90_000);
  expect(world.arrivals).toHaveLength(3);
});

test('what a provider refuses stops all workers within a lease, and slows them for a minute', async () => {
  const world = worldOf(perMinute(600, 10));
  world.addWorker();
  world.addWorker();
  offer(world, { perSecond: 20, to: 150_000 }, (nth) => world.request(nth % 2, { reserved: one }));
  world.at(70_000, () => world.told(0, { pauseMs: 5_000, refused: 1 }));
  await world.run(150_000);
  const between = (from: number, to: number, worker?: number): number =>
    world.arrivals.filter((it) => it.at >= from && it.at < to && (worker ?? it.worker) === it.worker).length;
  // The one that was told, at once but for what is on its way; the other with its next answer.
  expect(between(70_100, 75_000, 0)).toBe(0);
  expect(between(72_100, 75_000, 1)).toBe(0);
  expect(between(75_000, 150_000)).toBeGreaterThan(0);
  // At eight tenths, and back within the minute.
  expect(between(78_000, 98_000)).toBeLessThan(0.93 * 200);
  expect(windowsOf(world.arrivals, perMinute(600), 0, 150_000).most).toBeLessThanOrEqual(600);
});

test('a limit that the provider itself says is kept where it is the smaller one', async () => {
  const world = worldOf(perMinute(600, 10));
  world.addWorker();
  world.addWorker();
  offer(world, { perSecond: 12, to: 150_000 }, (nth) => world.request(nth % 2, { reserved: one }));
  world.at(1_000, () => world.told(1, { requestsPerMinute: 120 }));
  await world.run(150_000);
  expect(
    windowsOf(
      world.arrivals.filter(({ at }) => at > 65_000),
      perMinute(120),
      0,
      150_000,
    ).most,
  ).toBeLessThanOrEqual(120);
});

test('while workers differ the smaller limit counts', async () => {
  const world = worldOf(perMinute(600, 10));
  world.addWorker();
  world.addWorker({ limits: { windows: [perMinute(60, 1)] } });
  offer(world, { perSecond: 6, to: 130_000 }, (nth) => world.request(nth % 2, { reserved: one }));
  await world.run(130_000);
  expect(
    windowsOf(
      world.arrivals.filter(({ at }) => at > 5_000),
      perMinute(60),
      0,
      130_000,
    ).most,
  ).toBeLessThanOrEqual(60);
});

test('a quota that is terminated has forgotten what was spent, and counts it as all', async () => {
  const limit = perMinute(60);
  for (const gone of [500, 59_000]) {
    const world = worldOf(limit);
    world.addWorker();
    world.addWorker({ clockStartsAt: 60_000 });
    offer(world, { perSecond: 3, to: 200_000 }, (nth) => world.request(nth % 2, { reserved: one }));
    world.at(gone, () => world.forget());
    await world.run(200_000);
    expect(windowsOf(world.arrivals, limit, 0, 200_000).most).toBeLessThanOrEqual(60);
    // And goes on.
    expect(countOf(world.arrivals, () => true, gone + 70_000)).toBeGreaterThanOrEqual(60);
  }
});
