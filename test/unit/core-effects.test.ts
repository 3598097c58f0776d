// Needs: nothing but Node. What a run does to the world, and that it does none of it twice: by the keys that tools are handed, by what
// they look up, and by what the model is told when it asks again.
import { z } from 'zod';
import { defineAgent, defineTool, ToolRejection, type Effect, type Reconciled } from 'longhaul';
import { script, testAgent } from 'longhaul/testing';
import type { Message } from '../../workflows/contract/message';

type Act = (attempt: number) => { receipt: string };

function shop(
  effect: Effect,
  act: Act,
  more: { reconcile?: () => Reconciled<{ receipt: string }>; repeats?: 'new-action' },
) {
  const keys: string[] = [];
  const { reconcile, repeats } = more;
  const pay = defineTool({
    name: 'pay',
    description: 'Pays.',
    input: z.object({ order: z.string(), amount: z.number() }),
    output: z.object({ receipt: z.string() }),
    effect,
    approval: false,
    retry: { attempts: 3 },
    run: (_, { effectKey }) => {
      keys.push(effectKey);
      return act(keys.length);
    },
    ...(repeats ? { repeats } : {}),
    ...(reconcile ? { reconcile } : {}),
  });
  return { keys, agent: defineAgent({ name: 'shop', instructions: 'Sell.', tools: [pay] }) };
}

const told = (transcript: readonly Message[]): string[] =>
  transcript
    .filter(({ role }) => role === 'tool')
    .map(({ parts }) => parts.map((part) => ('text' in part ? part.text : '')).join(' '));
const asks = (amount: number, order = 'A') => ({ calls: [{ name: 'pay', args: { order, amount } }] });

async function sell(
  { agent }: ReturnType<typeof shop>,
  ...amounts: number[]
): Promise<{ texts: string[]; outcome: string }> {
  const run = await testAgent(agent, { model: script(amounts.map((amount) => asks(amount))).answer('sold') }).start(
    'go',
  );
  const { outcome } = await run.result();
  return { outcome, texts: told(await run.transcript()) };
}
const paid: Act = (nth) => ({ receipt: `r${nth}` });
const broken: Act = () => {
  throw new Error('the line is dead');
};

describe.each(['keyed', 'at-most-once'] as const)('%s: what is asked for again with the same arguments', (effect) => {
  test('is not done again: the model is told so, and what came of it', async () => {
    const made = shop(effect, paid, {});
    const { texts } = await sell(made, 5, 5, 7);
    expect(made.keys).toHaveLength(2);
    expect(new Set(made.keys).size).toBe(2);
    expect(texts).toEqual([
      '{"receipt":"r1"}',
      'Done already in turn 1, with the same arguments: it was not done again. What came of it then: {"receipt":"r1"}',
      '{"receipt":"r2"}',
    ]);
  });

  test('is another action where the tool says so, under another key', async () => {
    const made = shop(effect, paid, { repeats: 'new-action' });
    const { texts } = await sell(made, 5, 5);
    expect(new Set(made.keys).size).toBe(2);
    expect(texts).toEqual(['{"receipt":"r1"}', '{"receipt":"r2"}']);
  });

  test('is the same action in whatever order the arguments stand, and twice in one turn', async () => {
    const made = shop(effect, paid, {});
    const run = await testAgent(made.agent, {
      model: script([
        {
          calls: [
            { name: 'pay', args: { order: 'A', amount: 5 } },
            { name: 'pay', args: { amount: 5, order: 'A' } },
          ],
        },
      ]).answer('sold'),
    }).start('go');
    await run.result();
    expect(made.keys).toHaveLength(1);
  });

  test('is done if it was refused the first time: nothing had happened', async () => {
    const made = shop(
      effect,
      (nth) => {
        if (nth === 1) throw new ToolRejection('not before noon');
        return paid(nth);
      },
      {},
    );
    const { texts } = await sell(made, 5, 5);
    expect(texts).toEqual(['Tool.Rejected: not before noon', '{"receipt":"r2"}']);
    expect(new Set(made.keys).size).toBe(1);
  });

  test('another run is another action', async () => {
    const made = shop(effect, paid, {});
    const first = await sell(made, 5);
    expect(first.outcome).toBe('completed');
  });
});

test('a keyed tool that fails is tried again under its key, as often as its attempts allow', async () => {
  const made = shop('keyed', (nth) => (nth < 3 ? broken(nth) : paid(nth)), {});
  const { texts } = await sell(made, 5);
  expect(texts).toEqual(['{"receipt":"r3"}']);
  expect(made.keys).toHaveLength(3);
  expect(new Set(made.keys).size).toBe(1);
});

describe('an at-most-once tool that fails', () => {
  test('and cannot look it up: unknown, said so, and not done when it is asked for again', async () => {
    const made = shop('at-most-once', broken, {});
    const { texts, outcome } = await sell(made, 5, 5);
    expect(outcome).toBe('completed');
    expect(made.keys).toHaveLength(1);
    expect(texts[0]).toContain('Tool.OutcomeUnknown: it may have happened, or not');
    expect(texts[0]).toContain('the line is dead');
    expect(texts[1]).toContain('Tool.OutcomeUnknown');
  });

  test('and finds that it had happened: answered with what came of it, without another attempt', async () => {
    const reconcile = jest.fn((): Reconciled<{ receipt: string }> => ({
      outcome: 'done',
      output: { receipt: 'found' },
    }));
    const made = shop('at-most-once', broken, { reconcile });
    const { texts } = await sell(made, 5, 5);
    expect(made.keys).toHaveLength(1);
    expect(reconcile).toHaveBeenCalledTimes(1);
    expect(texts[0]).toBe('{"receipt":"found"}');
    expect(texts[1]).toContain('Done already in turn 1');
  });

  test('and finds that nothing had happened: done once its time is over, and once only', async () => {
    const made = shop('at-most-once', (nth) => (nth === 1 ? broken(nth) : paid(nth)), {
      reconcile: () => ({ outcome: 'not-done' }),
    });
    const { texts } = await sell(made, 5);
    expect(texts).toEqual(['{"receipt":"r2"}']);
    expect(made.keys).toHaveLength(2);
  });

  test('for good, with nothing done: failed and not unknown, and may be asked for again', async () => {
    const made = shop('at-most-once', (nth) => (nth <= 2 ? broken(nth) : paid(nth)), {
      reconcile: () => ({ outcome: 'not-done' }),
    });
    const { texts } = await sell(made, 5, 5);
    expect(texts[0]).toContain('Tool.Failed: the line is dead');
    expect(texts[1]).toBe('{"receipt":"r3"}');
  });

  test.each([
    ['cannot tell', (): Reconciled<never> => ({ outcome: 'unknown' })],
    [
      'fails each time',
      (): never => {
        throw new Error('no answer');
      },
    ],
    ['answers nonsense', () => 'yes' as never],
  ])('and what looks it up %s: unknown', async (_, reconcile) => {
    const made = shop('at-most-once', broken, { reconcile });
    const { texts } = await sell(made, 5);
    expect(made.keys).toHaveLength(1);
    expect(texts[0]).toContain('Tool.OutcomeUnknown');
  });
});

test('an answer of a wrong shape is an answer: it is told, and what was done is not done again', async () => {
  const made = shop('keyed', () => ({ receipt: 7 }) as never, {});
  const { texts } = await sell(made, 5, 5);
  expect(made.keys).toHaveLength(1);
  expect(texts[0]).toContain('Tool.InvalidOutput');
  expect(texts[1]).toContain('Done already');
});

test.each([
  [{ effect: 'read', repeats: 'same-action' }, 'tool pay: repeats is for keyed and at-most-once tools.'],
  [{ effect: 'keyed', repeats: 'never' }, /tool pay: repeats.*never/],
  [{ effect: 'keyed', reconcile: () => ({ outcome: 'unknown' }) }, /tool pay: reconcile is for at-most-once tools/],
])('%j is refused: %s', (given, message) => {
  const declare = (): unknown =>
    defineTool({
      name: 'pay',
      description: 'Pays.',
      input: z.object({}),
      output: z.string(),
      run: () => '',
      ...given,
    } as never);
  expect(declare).toThrow(message);
});
