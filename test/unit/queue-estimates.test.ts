// Needs: nothing. What callers are told of their wait holds: under a load that rises and falls, runs that take longer from one moment to the next,
// and others that are more urgent. Prints how many waits lay within their range, and how wide ranges were.
import { expectedWait, newEstimates, rangeOf, stayMs, takeStay, type Expected } from '../../workflows/queue/estimates';
import type { Priority } from '../../workflows/contract/quota';
import type { WaitRange } from '../../workflows/contract/queue';
import { itemOf, queueSettings, queueWorld } from './queue-world';

const HOUR_MS = 3_600_000;

/** The same numbers for the same seed (mulberry32, Tommy Ettinger, public domain). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Load {
  name: string;
  concurrency: number;
  /** Mean time of a run, by when it begins. */
  meanMs(now: number): number;
  /** Runs a second that come, by the time. */
  perSecond(now: number): number;
  /** Part of the runs that are urgent, and that are not. */
  high: number;
  low: number;
  /** Of the logarithm of a run's time. */
  spread: number;
}

interface Wait {
  range: WaitRange;
  waitedMs: number;
}

/** Six hours of it. Only waits behind others count: who finds a place is told so. */
function waitsUnder(load: Load, seed: number): { waits: Wait[]; untold: number } {
  const random = numbers(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const world = queueWorld(queueSettings({ depth: 2_000, concurrency: load.concurrency }), (_, now) =>
    Math.max(50, load.meanMs(now) * Math.exp(load.spread * normal() - load.spread ** 2 / 2)),
  );
  const told = new Map<string, { range: WaitRange; at: number }>();
  let untold = 0;
  let nth = 0;
  const priority = (): Priority => {
    const drawn = random();
    return drawn < load.high ? 'high' : drawn > 1 - load.low ? 'low' : 'normal';
  };
  const come = (): void => {
    nth += 1;
    const run = `r${nth}`;
    const isFree = world.state.slots.length < load.concurrency;
    const answer = world.ask(itemOf(run, { tenant: `t${Math.floor(random() * 4)}`, priority: priority() }));
    if (!isFree && answer.kind === 'waiting') {
      if (answer.wait) told.set(run, { range: answer.wait, at: world.now() });
      else untold += 1;
    }
    world.at(world.now() + Math.max(1, (-Math.log(1 - random()) / load.perSecond(world.now())) * 1_000), come);
  };
  world.at(0, come);
  world.run(6 * HOUR_MS);
  const waits = world.begun.flatMap(({ run, at }) => {
    const known = told.get(run);
    return known ? [{ range: known.range, waitedMs: at - known.at }] : [];
  });
  return { waits, untold };
}

const within = ({ range, waitedMs }: Wait): boolean => waitedMs >= range.fromMs && waitedMs <= range.toMs;
const median = (all: number[]): number => [...all].sort((one, other) => one - other)[Math.floor(all.length / 2)] ?? 0;
const wave = (now: number, hours: number): number => Math.sin((now / HOUR_MS / hours) * 2 * Math.PI);

const LOADS: Load[] = [
  {
    name: 'waves of two hours up to one and a half times what it takes',
    ...{ concurrency: 10, meanMs: () => 20_000, spread: 0.8, high: 0, low: 0 },
    perSecond: (now) => 0.5 * (1 + 0.5 * wave(now, 2)) * 0.97,
  },
  {
    name: 'the same, a tenth of the runs more urgent and a tenth less',
    ...{ concurrency: 10, meanMs: () => 20_000, spread: 0.8, high: 0.1, low: 0.1 },
    perSecond: (now) => 0.5 * (1 + 0.5 * wave(now, 2)) * 0.95,
  },
  {
    name: 'runs that take three times as long from the third hour to the fifth',
    ...{ concurrency: 8, spread: 1, high: 0.1, low: 0 },
    meanMs: (now) => (now > 3 * HOUR_MS && now < 5 * HOUR_MS ? 30_000 : 10_000),
    perSecond: (now) => (now > 3 * HOUR_MS && now < 5 * HOUR_MS ? 0.3 : 0.75) * (1 + 0.4 * wave(now, 1)),
  },
  {
    name: 'bursts of two minutes every quarter of an hour',
    ...{ concurrency: 20, meanMs: () => 15_000, spread: 0.6, high: 0.05, low: 0 },
    perSecond: (now) => (now % 900_000 < 120_000 ? 6 : 0.6),
  },
];

test.each(LOADS)('of ten waits at least eight lie within what was said: $name', (load) => {
  const { waits, untold } = waitsUnder(load, 7);
  const part = waits.filter(within).length / waits.length;
  const width = median(waits.map(({ range }) => range.toMs - range.fromMs));
  const wait = median(waits.map(({ waitedMs }) => waitedMs));
  console.log(
    `${load.name}: ${waits.length} waits behind others, ${(100 * part).toFixed(1)} % within; median wait ${(wait / 1_000).toFixed(0)} s, ` +
      `median width ${(width / 1_000).toFixed(0)} s; ${untold} told that nobody knows yet`,
  );
  expect(waits.length).toBeGreaterThan(500);
  expect(untold).toBeLessThan(50);
  expect(part).toBeGreaterThanOrEqual(0.8);
  // A range that says nothing would hold as well.
  expect(width).toBeLessThan(1.5 * wait);
});

test('nobody is told a time while no run has ended', () => {
  const estimates = newEstimates();
  const stay = stayMs(estimates, [{ run: 'a', at: 0 }], 60_000);
  expect(stay).toBeUndefined();
  const expected = (busy: number): Expected => expectedWait({ busy, place: 1, concurrency: 1, stay });
  expect(rangeOf(estimates, expected(1), 1)).toBeUndefined();
  expect(rangeOf(estimates, expected(0), 1)).toEqual({ fromMs: 0, toMs: 2_000 });
});

test('the middle follows how long places are taken, and a run that hangs does not make all of it', () => {
  const estimates = newEstimates();
  for (let nth = 0; nth < 200; nth += 1) takeStay(estimates, nth * 1_000, nth * 1_000 + 4_000);
  const now = 203_000;
  const busy = [now - 1_000, now - 2_000, now - 3_000].map((at) => ({ run: String(at), at }));
  const stay = stayMs(estimates, [{ run: 'x', at: now }, ...busy], now);
  expect(stay).toBeGreaterThan(3_500);
  expect(stay).toBeLessThan(4_500);
  expect(stayMs(estimates, [{ run: 'hangs', at: 0 }, ...busy], now)).toBeLessThan(6_000);
  expect(expectedWait({ busy: 4, place: 8, concurrency: 4, stay: 4_000 }).ms).toBe(8_000);
});

test('nobody is told to wait for longer than a run may', () => {
  const estimates = newEstimates();
  takeStay(estimates, 0, 60_000);
  const range = rangeOf(estimates, { ends: 100, ms: 600_000 }, 1, 90_000);
  expect(range?.toMs).toBe(90_000);
  expect(range?.fromMs).toBeLessThanOrEqual(90_000);
});
