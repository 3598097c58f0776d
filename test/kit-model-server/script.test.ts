// Needs: nothing.
import { z } from 'zod';
import { argumentsText, script, Script, ScriptExhaustedError } from '../kit/script';

const refund = { name: 'refund', input: z.object({ orderId: z.string(), amount: z.number().default(1) }) } as const;

test('a script is plain data, and every step leaves the one before as it was', () => {
  const base = script().call(refund, { orderId: 'A-88' });
  const told = base.reasoning('Hm.', { tokens: 3 }).answer({ decision: 'refunded' }, { usage: { input: 5 } });
  expect(base.turns).toEqual([{ calls: [{ name: 'refund', args: { orderId: 'A-88' } }] }]);
  expect(JSON.parse(JSON.stringify(told))).toEqual([
    { calls: [{ name: 'refund', args: { orderId: 'A-88' } }] },
    { text: '{"decision":"refunded"}', usage: { input: 5 }, reasoning: { summary: 'Hm.', tokens: 3 } },
  ]);
  expect(Script.of(told.turns).turns).toEqual(told.turns);
});

test('arguments are typed by the tool', () => {
  // @ts-expect-error an order id is text
  script().call(refund, { orderId: 88 });
  // @ts-expect-error an order id is required
  script().call(refund, { amount: 1 });
  expect(script().call('anything', { orderId: 88 }).call({ name: 'untyped' }, { x: 1 }).turns).toHaveLength(2);
});

test('text as arguments stays as it is', () => {
  expect(argumentsText({ name: 'x', args: '{"broken' })).toBe('{"broken');
  expect(argumentsText({ name: 'x', args: { a: 1 } })).toBe('{"a":1}');
  expect(argumentsText({ name: 'x', args: undefined })).toBe('{}');
});

test('the turn follows from the conversation', () => {
  const told = script().call('a').empty().answer('done');
  const after = (...roles: Parameters<typeof told.turnFor>[0][number][]) => told.turnFor(roles);
  expect(after('system', 'user', 'user')).toBe(told.turns[0]);
  expect(after('user', 'assistant', 'tool', 'tool')).toBe(told.turns[1]);
  expect(after('user', 'assistant', 'tool', 'user')).toBe(told.turns[2]);
  expect(after('user', 'assistant', 'tool', 'assistant', 'user')).toBe(told.turns[2]);
});

test('a script that runs out says how far it was', () => {
  const error = (() => {
    try {
      return script().answer('one').turnFor(['user', 'assistant', 'user']);
    } catch (caught) {
      return caught;
    }
  })();
  expect(error).toBeInstanceOf(ScriptExhaustedError);
  expect(error).toMatchObject({ turns: 1, index: 1, message: expect.stringContaining('has 1 turn,') as string });
});

test('reasoning without a turn after it is refused', () => {
  expect(() => script().reasoning('Hm.').turns).toThrow('belongs to the turn after it');
  expect(() => script().reasoning('Hm.').reasoning('Hm.')).toThrow('belongs to the turn after it');
});
