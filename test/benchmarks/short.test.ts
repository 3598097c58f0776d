// Needs the build, a Temporal CLI, which an embedded server is started from, and Postgres (skipped with a word where there is none); for the last test the
// recorded conversations in ../shared (or LONGHAUL_SHARED). The benchmarks in short: what they count, not what they time.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describeWithPostgres } from '../stack/postgres';
import { cachedFigures } from './cached-call';
import { cancelFigures } from './cancel';
import { compactionFigures, placeholderFigures } from './compaction';
import { gatewayFigures } from './gateway';
import { longConversation, naiveRun } from './long-conversation';
import { manyTurns } from './many-turns';
import { parallelTurns } from './parallel';
import { storeLoads } from './store-loads';
import { traceFigures } from './traces';

jest.setTimeout(120_000);

test('a history grows by as much with the last call as with the first, by little more than the floor, and says nothing twice', async () => {
  const made = await longConversation({ turns: 25, pageBytes: 8_000 });
  expect(made).toMatchObject({ outcome: 'completed', activities: 52 });
  // Over so few, a digit more in the number of each event is some percent; what would be carried along is a multiple.
  expect(made.flatness).toBeLessThan(1.1);
  // Of which some 50 are the run's own beginning and end, over so few.
  expect(made.bytesPerActivity).toBeLessThan(1_660);
  expect(made.storedBytes).toBeLessThan(1.5 * made.conversationBytes);
});

test('the design beside it carries the conversation in every call', async () => {
  const made = await naiveRun({ turns: 25, pageBytes: 8_000 });
  expect(made).toMatchObject({ turns: 25 });
  expect(made.historyBytes).toBeGreaterThan(4_000_000);
});

test('turns go on across executions and compactions', async () => {
  const made = await manyTurns(90);
  expect(made).toMatchObject({ outcome: 'completed', turns: 91, compactions: 2 });
});

/** Where pushes are lost each of its cancels takes five seconds. */
const CANCELS_MS = 240_000;

test(
  'a cancel is pushed to whoever makes a call, whichever attempt it is, and without the push a heartbeat tells of it',
  async () => {
    const figures = await cancelFigures({ samples: 3, unpushed: 2 });
    const isPushed = ({ what }: { what: string }): boolean => !what.startsWith('without the push');
    // Before a beat that is due after seconds. A push is best effort, so one of the three may be lost.
    const told = figures.map((one) => ({ ...one, by: one.beforeHeartbeat >= 2 ? 'a push' : 'a heartbeat' }));
    expect(told).toEqual(told.map((one) => ({ ...one, by: isPushed(one) ? 'a push' : 'a heartbeat' })));
    expect([told.filter(isPushed).length, told.length]).toEqual([6, 8]);
  },
  CANCELS_MS,
);

test('traces of runs have all of their calls, and each time is taken as often as its floor', async () => {
  const figures = await traceFigures({ calls: [4, 10], samples: 2 });
  // And the answer.
  expect(figures.map(({ calls }) => calls)).toEqual([5, 11]);
  for (const { calls, spans, events, ms } of figures) {
    expect(spans).toBeGreaterThan(calls);
    expect(events).toBeGreaterThan(3 * calls);
    expect(Object.values(ms).map(({ length }) => length)).toEqual([2, 2, 2, 2]);
  }
});

test('tools of one turn that only read run side by side', async () => {
  const made = await parallelTurns({ turns: 2, tools: 5, toolMs: 1_000 });
  expect(made).toMatchObject({ outcome: 'completed', most: 5, turns: [{ tools: 1 }, { tools: 5 }] });
  expect(made.turns.map(({ ms }) => ms.length)).toEqual([2, 2]);
});

test.each(['chat', 'responses'] as const)(
  'a call over %s reads three times, however long the conversation, and commits once',
  async (api) => {
    const { parts, bare, requestBytes } = await gatewayFigures({ api, messages: 40, samples: 5 });
    expect(parts).toEqual(parts.map((each) => ({ ...each, readTrips: 3, commits: 1 })));
    expect([bare.length, parts.length]).toEqual([5, 5]);
    expect(requestBytes).toBeGreaterThan(20_000);
  },
);

test('a call with a kept answer asks nobody, reads as often however long the conversation, and commits once', async () => {
  const [short, long] = [await cachedFigures(2, 3), await cachedFigures(40, 3)];
  expect([short.requests, long.requests]).toEqual([2, 21]);
  for (const { parts } of [short, long])
    expect(parts).toEqual(parts.map((each) => ({ ...each, provider: 0, readTrips: 3, commits: 1 })));
});

describeWithPostgres('reading 400 messages', () => {
  test('takes at most ten round trips cold, and three where one message is new', async () => {
    for (const { cold, warm } of await storeLoads(400)) {
      expect(cold.trips).toBeLessThanOrEqual(10);
      expect(warm.trips).toBeLessThanOrEqual(3);
    }
  });
});

const recordings = path.resolve(
  process.env['LONGHAUL_SHARED'] ?? path.join(__dirname, '..', '..', '..', 'shared'),
  'trajectories',
  'airline.jsonl',
);
const present = existsSync(recordings);
if (!present) console.warn(`skipped: no recorded conversations at ${recordings}; LONGHAUL_SHARED names their folder`);

(present ? test : test.skip)(
  'nothing that later turns need is lost: the summary has it, or recall finds it',
  async () => {
    for (const { needed, lost } of await compactionFigures(recordings, 50)) {
      expect(needed).toBeGreaterThan(100);
      expect(lost).toBe(0);
    }
    const { placeholders, recalled } = placeholderFigures(recordings, 50);
    expect(placeholders).toBeGreaterThan(100);
    expect(recalled).toBe(placeholders);
  },
);
