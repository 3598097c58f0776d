// Needs: a Temporal CLI, free ports. Worker processes that share a quota, and what befalls them: they are killed, their clocks are wrong,
// their Temporal goes away, their quota is terminated. What counts is what arrives at the provider.
import { QUERY_NAMES } from '../../workflows/contract/names';
import type { LedgerState, QuotaView } from '../../workflows/contract/quota';
import { script } from '../kit/model-server';
import { mostWithin } from '../stack/arrivals';
import { startQuotaFleet, type QuotaFleet } from '../stack/quota-fleet';

jest.setTimeout(400_000);

const MOST = 30;
/** Without a burst all of it goes at once, so that whatever is sent too early is one too many. */
const BUSY = { perSecond: 8, askAgainMs: 500 };

let fleet: QuotaFleet;
const start = async (perMs: number): Promise<void> => {
  fleet = await startQuotaFleet({
    ...{ window: { of: 'requests', perMs, most: MOST }, reserve: 'strict', input: 5, outputCap: 10 },
    model: { script: script().answer('Well.') },
  });
};
afterEach(() => fleet.close());

async function until<T>(look: () => Promise<T>, holds: (seen: T) => boolean, withinMs = 150_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`it did not come to that: ${JSON.stringify(seen).slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

type Arrivals = Awaited<ReturnType<QuotaFleet['arrivals']>>;
const arrived = (count: number): Promise<Arrivals> =>
  until(
    () => fleet.arrivals(),
    ({ length }) => length >= count,
  );
const mostOf = (arrivals: Arrivals, perMs: number): number =>
  mostWithin(
    arrivals.map(({ at }) => at),
    perMs,
  );
const view = (): Promise<QuotaView> => fleet.workflow().query<QuotaView>(QUERY_NAMES.quota);
const ledger = (): Promise<LedgerState> => fleet.workflow().query<LedgerState>(QUERY_NAMES.ledger);
const countedOf = ({ limits: [limit] }: QuotaView): number => (limit?.used ?? 0) + (limit?.leased ?? 0);

test('Temporal is stopped for longer than any lease: what is held is sent and nothing after; started again, it knows what was used', async () => {
  const perMs = 30_000;
  await start(perMs);
  await Promise.all([fleet.add(BUSY), fleet.add(BUSY)]);
  const before = (await arrived(MOST / 2)).length;
  await fleet.stopTemporal();
  const leasesEnd = Date.now() + 2_500;
  await until(
    () => Promise.resolve(Date.now()),
    (now) => now > leasesEnd + 5_000,
  );
  const meanwhile = await fleet.arrivals();
  expect(meanwhile.filter(({ at }) => at > leasesEnd)).toEqual([]);
  await fleet.startTemporal();
  const seen = await until(view, ({ at }) => at > leasesEnd);
  expect(before).toBeGreaterThanOrEqual(MOST / 2);
  expect(countedOf(seen)).toBeGreaterThanOrEqual(meanwhile.length);
  const all = await arrived(2 * MOST);
  expect(mostOf(all, perMs)).toBeLessThanOrEqual(MOST);
});

test('a worker is killed with what it holds: it counts until it cannot have been sent any more, and then others have all of it', async () => {
  const perMs = 25_000;
  await start(perMs);
  // Meanwhile it serves the quota and sends nothing.
  const other = await fleet.add({ ...BUSY, isHeldBack: true });
  const killed = await fleet.add({ perSecond: 5, askAgainMs: 500 });
  await arrived(5);
  // It stands still, so that it holds what it expected to need; and is killed before it can say anything more.
  killed.tell('SIGSTOP');
  const sentByIt = (await fleet.arrivals()).length;
  const { leases, windows } = await ledger();
  await killed.end('SIGKILL');
  const told = windows.flatMap(({ buckets }) => buckets.map(([, amount]) => amount));
  const given = [...told, ...leases.map(({ left }) => left[0] ?? 0)].reduce((sum, amount) => sum + amount, 0);
  expect(given).toBeGreaterThan(sentByIt);
  other.tell('SIGHUP');
  const all = await until(
    () => fleet.arrivals(),
    (arrivals) =>
      mostOf(
        arrivals.filter(({ worker }) => worker === other.identity),
        perMs,
      ) === MOST,
  );
  expect(mostOf(all, perMs)).toBe(MOST);
  // As long as the killed one may have sent it, nobody else did.
  const meanwhile = all.filter(({ at }) => at < (all[0]?.at ?? 0) + perMs);
  expect(meanwhile.length).toBeGreaterThan(sentByIt);
  expect(meanwhile.length).toBeLessThanOrEqual(MOST - (given - sentByIt));
});

test('clocks a minute ahead, a minute behind, and set by an hour in between: the limit holds, and all are served', async () => {
  const perMs = 10_000;
  await start(perMs);
  const HOUR_MS = 3_600_000;
  const [, , jumping, back] = await Promise.all([
    fleet.add({ ...BUSY, clock: { aheadMs: 60_000 } }),
    fleet.add({ ...BUSY, clock: { aheadMs: -60_000 } }),
    fleet.add({ ...BUSY, clock: { aheadMs: 0, jumpsMs: HOUR_MS } }),
    fleet.add({ ...BUSY, clock: { aheadMs: 0, jumpsMs: -HOUR_MS } }),
  ]);
  await arrived(MOST + 5);
  jumping?.tell('SIGHUP');
  back?.tell('SIGHUP');
  const all = await until(
    () => fleet.arrivals(),
    (arrivals) =>
      arrivals.length >= 4 * MOST &&
      ['worker-0', 'worker-1', 'worker-2', 'worker-3'].every((name) =>
        arrivals.slice(MOST + 5).some(({ worker }) => worker === name),
      ),
  );
  expect(mostOf(all, perMs)).toBeLessThanOrEqual(MOST);
});

test('the quota is terminated and no worker is left that had asked it: the next one reads what was used from its history', async () => {
  const perMs = 30_000;
  await start(perMs);
  const first = await fleet.add(BUSY);
  await arrived(MOST - 5);
  const known = await ledger();
  await first.end('SIGKILL');
  await fleet.workflow().terminate('by hand');
  const sent = (await fleet.arrivals()).length;
  await Promise.all([fleet.add(BUSY), fleet.add(BUSY)]);
  const all = await arrived(sent + MOST);
  const now = await ledger();
  expect(now).toMatchObject({ begunAt: known.begunAt });
  expect(now.workers.map(({ id }) => id)).toEqual(expect.arrayContaining(['worker-1', 'worker-2']));
  expect(mostOf(all, perMs)).toBeLessThanOrEqual(MOST);
});
