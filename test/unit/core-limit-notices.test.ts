// Needs: nothing but Node. Of each limit the model is told before it ends the run, once, whatever comes in between.
import fc from 'fast-check';
import { z } from 'zod';
import { defineAgent, defineTool } from 'longhaul';
import { script, testAgent } from 'longhaul/testing';
import type { Message } from '../../workflows/contract/message';
import type { CarriedState, RunLimits, TenantLeft } from '../../workflows/contract/run';
import { limitNotice } from '../../workflows/core/limit-notices';
import { exhaustedLimit } from '../../workflows/core/limits';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.number() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `page ${at}`,
});
type Limits = { turns?: number; toolCalls?: number; tokens?: number; wall?: '100m' };
const looker = (limits: Limits, context?: { compact: { when: { messages: number }; keepLast: number } }) =>
  defineAgent({ name: 'looker', instructions: 'Look.', tools: [look], limits, ...(context ? { context } : {}) });
const usage = { input: 40, output: 10 };
const calls = (turn: number, count = 1) => ({
  calls: Array.from({ length: count }, (_, at) => ({ name: 'look', args: { at: turn * 10 + at } })),
  usage,
});
const looks = (count: number, each = 1) => script(Array.from({ length: count }, (_, turn) => calls(turn, each)));

const notices = (messages: readonly Message[]): string[] =>
  messages.flatMap((message) =>
    message.role === 'user' && message.from === 'runtime' && !message.covers
      ? [message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')]
      : [],
  );
async function ended(agent: ReturnType<typeof looker>, model: Parameters<typeof testAgent>[1]['model']) {
  const run = await testAgent(agent, { model }).start('go');
  const result = await run.result();
  const transcript = await run.transcript();
  expect(run.progress().length).toBe(transcript.length);
  return { result, told: notices(transcript), transcript };
}

const LEFT = '2 of the 4 answers that this run may have are left, this one included.';
const LAST = 'This is the last of the 4 answers that this run may have: nobody reads what further tool calls give.';
const NOW = 'Give your final answer now, from what you know, and say in it what is left open.';
const SOON = 'Do what matters most, and give your final answer in time.';

test('turns: told of the last but one and of the last; who concludes there completes, who does not is stopped', async () => {
  const concluded = await ended(looker({ turns: 4 }), looks(3).answer('what I know'));
  expect(concluded.result).toMatchObject({ outcome: 'completed', output: 'what I know' });
  expect(concluded.told).toEqual([`${LEFT} ${SOON}`, `${LAST} ${NOW}`]);
  const stopped = await ended(looker({ turns: 4 }), looks(4));
  expect(stopped.result).toMatchObject({ outcome: 'budget-exhausted', failure: { type: 'Budget.TurnsExhausted' } });
  expect(stopped.told).toEqual(concluded.told);
});

test('turns: an agent whose only answer must be its last is told, and one without tools is not', async () => {
  const { told } = await ended(looker({ turns: 1 }), looks(1));
  expect(told).toEqual([expect.stringMatching(/^This is the last of the 1 answers/)]);
  const plain = defineAgent({ name: 'plain', instructions: 'Answer.', limits: { turns: 1 } });
  const run = await testAgent(plain, { model: script().answer('yes') }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect(await run.transcript()).toHaveLength(2);
});

test('tool calls: told when another turn like the last would be too many, and when none is left', async () => {
  const concluded = await ended(looker({ toolCalls: 8 }), looks(2, 3).answer('what I know'));
  expect(concluded.result).toMatchObject({ outcome: 'completed' });
  expect(concluded.told).toEqual([
    `6 of the 8 tool calls of this run are used: to ask for more than 2 ends it without an answer. ${SOON}`,
  ]);
  const spent = await ended(looker({ toolCalls: 6 }), looks(3, 3));
  expect(spent.result).toMatchObject({ failure: { type: 'Budget.ToolCallsExhausted' } });
  expect(spent.told).toEqual([`All 6 tool calls of this run are used: one more ends it without an answer. ${NOW}`]);
});

test('tokens: told when another answer like the last would use them up, or a tenth is left', async () => {
  const concluded = await ended(looker({ tokens: 200 }), looks(3).answer('what I know', { usage }));
  expect(concluded.result).toMatchObject({ outcome: 'completed' });
  expect(concluded.told).toEqual([
    `150 of the 200 tokens of this run are used, and each answer takes more than the one before: when they are used up, the run ends. ${SOON}`,
  ]);
  const stopped = await ended(looker({ tokens: 200 }), looks(4));
  expect(stopped.result).toMatchObject({ failure: { type: 'Budget.TokensExhausted' } });
  expect(stopped.told).toEqual(concluded.told);
});

test('wall time: told near its end, with what has passed when it is told', async () => {
  let asked = 0;
  const { result, told } = await ended(looker({ wall: '100m' }), (_, { test: controls }) => {
    asked += 1;
    controls.advance('30m');
    return calls(asked);
  });
  expect(result).toMatchObject({ failure: { type: 'Budget.WallTimeExhausted' }, totals: { turns: 4 } });
  // After three turns of half an hour: the next would end after its time.
  expect(told).toEqual([`5400 of the 6000 s that this run may take have passed: when they are over, it ends. ${SOON}`]);
});

test('a wait, a failed attempt, an unusable answer and a compaction in its turn: it is told once, and the model reads it', async () => {
  const trouble = [{ waits: '1h' } as const, { fails: 'Model.Overloaded' } as const, { text: '' }];
  const read: string[][] = [];
  let condensed = 0;
  const { result, told } = await ended(
    looker({ turns: 9, toolCalls: 4 }, { compact: { when: { messages: 9 }, keepLast: 1 } }),
    ({ instructions, messages }) => {
      if (instructions.startsWith('You condense')) {
        condensed += 1;
        expect(notices(messages)).toEqual([]);
        return { text: 'Pages were looked at.' };
      }
      read.push(notices(messages));
      const turn = read.length - 1;
      if (turn < 4) return calls(turn);
      return trouble.shift() ?? { text: 'done', usage };
    },
  );
  expect(result).toMatchObject({ outcome: 'completed' });
  expect(condensed).toBe(1);
  expect(told.filter((text) => text.startsWith('All 4 tool calls'))).toHaveLength(1);
  // Each attempt of that turn, and the turn after it.
  expect(read.slice(4).every(([first]) => first?.startsWith('All 4 tool calls'))).toBe(true);
  expect(read).toHaveLength(8);
});

const kept = (of: Partial<CarriedState>): CarriedState => ({
  ...{ schemaVersion: 1, startedAt: 0, turn: 1, head: null, length: 0, append: [], badAnswersInARow: 0 },
  ...{ steps: [], lastSeq: 0, messages: [] },
  totals: {
    ...{ turns: 0, modelCalls: 0, toolCalls: 0, reusedCalls: 0 },
    usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
  },
  ...of,
});

test('whatever turns take, nothing is told twice, and of its turns a run is told before they are used up', () => {
  const step = fc.record({
    tokens: fc.integer({ min: 1, max: 60 }),
    toolCalls: fc.nat(4),
    ms: fc.integer({ min: 1, max: 80 }),
  });
  const limits: RunLimits = { turns: 12, toolCalls: 30, tokens: 400, wallMs: 500 };
  let reached = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 20 }), (steps) => {
      let state = kept({});
      let now = 0;
      const told: string[] = [];
      for (const { tokens, toolCalls, ms } of steps) {
        if (exhaustedLimit({ ...state, turn: state.turn - 1 }, limits, now)) break;
        const notice = limitNotice(state, limits, { now, hasTools: true });
        told.push(...(notice?.about ?? []));
        now += ms;
        const { totals } = state;
        state = kept({
          turn: state.turn + 1,
          totals: {
            ...totals,
            turns: state.turn,
            toolCalls: totals.toolCalls + toolCalls,
            usage: { ...totals.usage, input: totals.usage.input + tokens },
          },
          lastTurn: { tokens, toolCalls },
          warned: [...(state.warned ?? []), ...(notice?.about ?? [])],
        });
      }
      expect(new Set(told).size).toBe(told.length);
      if (state.turn - 1 >= limits.turns) {
        reached += 1;
        expect(told).toEqual(expect.arrayContaining(['turns', 'last-turn']));
      }
    }),
  );
  expect(reached).toBeGreaterThan(0);
});

describe('what all runs of a tenant may use together', () => {
  const told = (tenantLeft: TenantLeft[], changed: Partial<CarriedState> = {}): string | undefined => {
    const state = kept({ turn: 2, lastTurn: { tokens: 100, toolCalls: 1, nanoUsd: 1e7 }, tenantLeft, ...changed });
    return limitNotice(state, { turns: 20, toolCalls: 50 }, { now: 0, hasTools: true })?.text;
  };

  test('is told near its end, as the run’s own money is, and of several limits the nearest', () => {
    expect(told([{ of: 'tokens', most: 10_000, left: 5_000 }])).toBeUndefined();
    expect(told([{ of: 'tokens', most: 10_000, left: 990 }])).toBe(
      `9010 of the 10000 tokens that all runs like this one may use together within a day are used: when they are used up, the run ends. ${SOON}`,
    );
    expect(told([{ of: 'tokens', most: 500, left: 250 }])).toContain('when they are used up');
    expect(
      told([
        { of: 'tokens', most: 10_000, left: 1_000 },
        { of: 'usd', most: 1e9, left: 15_000_000 },
      ]),
    ).toBe(
      `$0.9850 of the $1.0000 that all runs like this one may use together within a day are used: after this answer there is nothing for another. ${NOW}`,
    );
  });

  test('is told once', () => {
    const tenantLeft: TenantLeft[] = [{ of: 'tokens', most: 10_000, left: 900 }];
    expect(told(tenantLeft, { warned: ['tenant'] })).toBeUndefined();
    expect(told([{ of: 'tokens', most: 10_000, left: 150 }], { warned: ['tenant'] })).toContain('nothing for another');
  });
});
