// Needs: nothing. What is a loop and what is none, over conversations as a run makes them, pruned and summed up on the way.
import fc from 'fast-check';
import { describeLoop, tellLoop } from '../../activities/guards/describe-loop';
import { findLoops, turnsLookedAt, type FoundLoop } from '../../activities/guards/find-loops';
import { newestEntries, unreadTurns } from '../../activities/guards/newest-turns';
import { placeholder } from '../../activities/context/plan-prune';
import { summaryMessage } from '../../activities/context/summary-prompt';
import { placesOf, type OriginalEntry } from '../../activities/store/original-messages';
import type { LoopPlan } from '../../workflows/contract/loops';
import type { AssistantMessage, Message } from '../../workflows/contract/message';
import { entryOf, result, said, user } from './context-conversations';

const PLAN: LoopPlan = { repeats: { warn: 3, stop: 6 }, cycles: { warn: 3, stop: 5 }, stale: { warn: 8, stop: 12 } };
const TOOLS = {
  look: { effect: 'read' },
  write: { effect: 'idempotent' },
  press: { effect: 'keyed', repeats: 'new-action' },
} as const;

/** A call with its result: tool, arguments, what it gave. */
type Made = readonly [tool: string, args: string, gave: string];

const asks = (...made: Made[]): AssistantMessage => ({
  role: 'assistant',
  parts: made.map(([name, args], call) => ({ type: 'tool-call', call, name, arguments: { args } })),
});
const turn = (...made: Made[]): Message[] => [
  asks(...made),
  ...made.map(([name, , gave], call) => result(call, name, gave)),
];
const runtime = (text: string): Message => ({ ...user(text), from: 'runtime' });

/** As the model call after these messages would look. */
async function found(
  entries: readonly OriginalEntry[],
  plan: LoopPlan = PLAN,
  chains: ReadonlyMap<string, OriginalEntry[]> = new Map(),
): Promise<FoundLoop[]> {
  const newest = await newestEntries(entries, turnsLookedAt(plan), (head) => Promise.resolve(chains.get(head) ?? []));
  return findLoops(unreadTurns(newest, TOOLS), plan);
}

/** What each turn finds, until one stops the run: `2 warn repeats` is of the second turn. */
async function along(turns: readonly (readonly Message[])[], plan?: LoopPlan): Promise<string[]> {
  const messages: Message[] = [user('go')];
  const all: string[] = [];
  for (const [at, made] of turns.entries()) {
    messages.push(...made);
    const loops = await found(messages.map(entryOf), plan);
    all.push(...loops.map(({ then, kind, times }) => `${at + 1} ${then} ${kind} ${times}`));
    if (loops.some(({ then }) => then === 'stop')) break;
    if (loops.length > 0) messages.push(runtime('You repeat yourself.'));
  }
  return all;
}

const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const same = (tool = 'look') => turn([tool, 'a', 'seen']);
const other = (at: number) => turn(['look', `other ${at}`, `page ${at}`]);

test('the same call with the same result: told at the third, stopped at the sixth', async () => {
  expect(await along(times(9, () => same()))).toEqual(['3 warn repeats 3', '6 stop repeats 6']);
});

test('with other calls in between it is the same, told once; a look back now and then is none', async () => {
  const everyOther = times(20, (at) => (at % 2 ? other(at) : same()));
  expect(await along(everyOther)).toEqual(['5 warn repeats 3', '11 stop repeats 6']);
  // Every sixth turn: twice among the twelve that are looked at.
  expect(await along(times(60, (at) => (at % 6 ? other(at) : same())))).toEqual([]);
});

test('beside other calls of its turn it is found too', async () => {
  const turns = times(6, (at) => turn(['look', 'a', 'seen'], ['look', `b${at}`, `page ${at}`]));
  expect(await along(turns)).toEqual(['3 warn repeats 3', '6 stop repeats 6']);
});

test('a poll whose answer changes is no loop, nor is an action that is a new one each time', async () => {
  expect(await along(times(40, (at) => turn(['look', 'job', `${at} % done`])))).toEqual([]);
  expect(await along(times(40, () => turn(['press', 'down', 'pressed'])))).toEqual([]);
});

test('writing one thing after the other is progress, though it always says the same', async () => {
  expect(await along(times(40, (at) => turn(['write', `file ${at}`, 'written'])))).toEqual([]);
  // Reading is not: other places, and nothing there.
  const nothing = times(40, (at) => turn(['look', `place ${at}`, 'nothing found']));
  expect(await along(nothing)).toEqual(['9 warn stale 8', '13 stop stale 12']);
});

test.each([2, 3, 4])('a cycle of %i turns: told in its third round, stopped in its fifth', async (period) => {
  const cycles: LoopPlan = { cycles: { warn: 3, stop: 5 } };
  const turns = times(10 * period, (at) => turn(['look', `page ${at % period}`, `text ${at % period}`]));
  const wanted = [`${3 * period} warn cycles 3`, `${5 * period} stop cycles 5`];
  expect(await along(turns, cycles)).toEqual(wanted);
  // Whatever came before it.
  const before = times(7, other);
  expect(await along([...before, ...turns], cycles)).toEqual([
    `${7 + 3 * period} warn cycles 3`,
    `${7 + 5 * period} stop cycles 5`,
  ]);
});

test('one turn again and again is no cycle, and neither is a cycle that brings something new', async () => {
  const cycles: LoopPlan = { cycles: { warn: 2, stop: 3 } };
  expect(
    await along(
      times(30, () => same()),
      cycles,
    ),
  ).toEqual([]);
  const working = times(30, (at) => turn(['look', `page ${at % 3}`, at % 3 ? 'text' : `news ${at}`]));
  expect(await along(working, cycles)).toEqual([]);
});

test('what somebody says begins anew: the same calls may be wanted once more', async () => {
  const asked = times(12, (at) => [...(at % 2 ? [] : [said('there it is'), user('again, please')]), ...same()]);
  expect(await along(asked)).toEqual([]);
});

test('an unusable answer in between neither hides a loop nor tells of it twice', async () => {
  const turns = times(3, () => same());
  const entries = [user('go'), ...turns.flat()].map(entryOf);
  expect(await found(entries)).toMatchObject([{ kind: 'repeats', then: 'warn' }]);
  const repaired = [...entries, ...[said(''), runtime('Your answer was empty.')].map(entryOf)];
  expect(await found(repaired)).toEqual([]);
  expect(
    await found([
      ...repaired,
      ...times(3, () => same())
        .flat()
        .map(entryOf),
    ]),
  ).toMatchObject([{ then: 'stop' }]);
});

test('the order of keys in arguments is none of the model’s news', async () => {
  const keys = (first: string, second: string): Message[] => [
    {
      role: 'assistant',
      parts: [{ type: 'tool-call', call: 0, name: 'look', arguments: { [first]: 1, [second]: 1 } }],
    },
    result(0, 'look', 'seen'),
  ];
  expect(await along([keys('a', 'b'), keys('b', 'a'), keys('a', 'b')])).toEqual(['3 warn repeats 3']);
});

test('nothing is looked for where the plan is silent', async () => {
  expect(turnsLookedAt({})).toBe(0);
  expect(
    await along(
      times(40, () => same()),
      {},
    ),
  ).toEqual([]);
});

test('what is said of a loop holds no arguments and no results', async () => {
  const secret = times(6, () => turn(['look', 'a secret', 'another secret']));
  const warned = await found([user('go'), ...secret.slice(0, 3).flat()].map(entryOf));
  const stopped = await found([user('go'), ...secret.flat()].map(entryOf));
  expect(warned.map((loop) => tellLoop(loop, PLAN))).toEqual([
    'You have called look 3 times with the same arguments, and it gave the same result each time. ' +
      'Doing so again will tell you nothing more: use what you have, try another way, or give your final answer and say what is missing. ' +
      'At 6 times this run is stopped.',
  ]);
  expect(stopped.map(describeLoop)).toEqual([
    'look was called 6 times with the same arguments, and gave the same result each time.',
  ]);
});

/** Turns of few tools, arguments and answers, so that loops of all kinds come about. */
const anyTurn = fc
  .array(fc.tuple(fc.constantFrom('look', 'write'), fc.constantFrom('a', 'b'), fc.constantFrom('x', 'y')), {
    minLength: 1,
    maxLength: 2,
  })
  .map((made) => turn(...made));
const anyRounds = fc
  .tuple(fc.array(anyTurn, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 6 }))
  .map(([round, count]) => times(count, () => round).flat());
const anyTurns = fc.array(anyRounds, { minLength: 1, maxLength: 6, size: 'max' }).map((rounds) => rounds.flat());
const lowPlan = fc.constantFrom<LoopPlan>(
  PLAN,
  { repeats: { warn: 2, stop: 4 }, cycles: { warn: 2, stop: 3 }, stale: { warn: 2, stop: 5 } },
  { cycles: { warn: 2, stop: 9 } },
  { stale: { warn: 3, stop: 30 } },
);

/** Results give way to placeholders, and ranges to summaries, as a run does both: at any moment, and again over what was summed up. */
function edit(
  entries: readonly OriginalEntry[],
  chains: Map<string, OriginalEntry[]>,
  { pruneAt, from, to }: { pruneAt: number; from: number; to: number },
): OriginalEntry[] {
  const pruned = entries.map((entry, at) => {
    const { message, hash } = entry;
    if (message.role !== 'tool' || message.original !== undefined || at % 3 !== pruneAt % 3) return entry;
    return entryOf(placeholder(message, { position: at, tokens: 9, original: hash }));
  });
  const [first, last] = [1 + (from % pruned.length), 1 + (to % pruned.length)].sort((a, b) => a - b);
  const range = pruned.slice(first, last);
  const next = pruned[last ?? 0];
  // Never between a call and its results, and never what the model has not read.
  if (range.length < 2 || range[0]?.message.role === 'tool' || !next || next.message.role === 'tool') return pruned;
  const head = `chain ${chains.size}`;
  chains.set(head, pruned);
  const messages = range.reduce((sum, { message }) => sum + placesOf(message), 0);
  const covers = { head, from: first ?? 0, to: last ?? 0, messages };
  return [...pruned.slice(0, first), entryOf(summaryMessage('Summed up.', covers, first ?? 0)), ...pruned.slice(last)];
}

test('whatever was pruned and summed up on the way, each turn finds what it would have found', async () => {
  let summed = 0;
  await fc.assert(
    fc.asyncProperty(
      anyTurns,
      lowPlan,
      fc.array(fc.record({ pruneAt: fc.nat(60), from: fc.nat(150), to: fc.nat(150) }), {
        minLength: 30,
        maxLength: 30,
      }),
      async (turns, plan, edits) => {
        let whole: OriginalEntry[] = [entryOf(user('go'))];
        let edited = whole;
        const chains = new Map<string, OriginalEntry[]>();
        for (const [at, made] of turns.entries()) {
          whole = [...whole, ...made.map(entryOf)];
          edited = [...edited, ...made.map(entryOf)];
          expect(await found(edited, plan, chains)).toEqual(await found(whole, plan));
          const change = edits[at];
          if (change && at % 2) edited = edit(edited, chains, change);
        }
        summed += chains.size;
      },
    ),
    { numRuns: 150 },
  );
  expect(summed).toBeGreaterThan(50);
});

test('each threshold is told of once on the way to it, and what stops was told of before', async () => {
  let stopped = 0;
  await fc.assert(
    fc.asyncProperty(anyTurns, async (turns) => {
      const plan: LoopPlan = { stale: { warn: 2, stop: 5 }, cycles: { warn: 2, stop: 4 } };
      const told = await along(turns, plan);
      for (const kind of ['stale', 'cycles']) {
        const own = told.filter((line) => line.includes(kind));
        own.forEach((line, at) => {
          if (!line.includes('stop')) return;
          stopped += 1;
          expect(own[at - 1]).toMatch(/ warn /);
        });
        // Two warnings of a kind are of two runs: the second begins after the first has broken off.
        const turnsOf = own.map((line) => Number(line.split(' ')[0]));
        expect(new Set(turnsOf).size).toBe(turnsOf.length);
      }
    }),
    { numRuns: 300 },
  );
  expect(stopped).toBeGreaterThan(10);
});

test('results that are all new are never a loop, whatever is asked', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.constantFrom('look', 'write'), { minLength: 1, maxLength: 3 }), { maxLength: 60 }),
      async (turns) => {
        let next = 0;
        const made = turns.map((tools) => turn(...tools.map((tool): Made => [tool, 'a', `news ${(next += 1)}`])));
        expect(
          await along(made, {
            repeats: { warn: 2, stop: 3 },
            cycles: { warn: 2, stop: 3 },
            stale: { warn: 2, stop: 3 },
          }),
        ).toEqual([]);
      },
    ),
  );
});
