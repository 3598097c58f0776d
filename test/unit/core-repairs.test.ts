// Needs: nothing but Node. An unusable answer goes back to the model a bounded number of times, and then ends the run with its type.
import { z } from 'zod';
import { defineAgent, defineTool } from 'longhaul';
import { script, testAgent, type ModelTrouble, type ScriptTurn } from 'longhaul/testing';
import type { Message } from '../../workflows/contract/message';

const add = defineTool({
  name: 'add',
  description: 'Adds.',
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.number(),
  effect: 'read',
  onFailure: 'stop',
  run: ({ a, b }) => a + b,
});
const sums = defineAgent({
  name: 'sums',
  instructions: 'Add.',
  output: z.object({ sum: z.number() }),
  tools: [add],
});

const call = (name: string, args: unknown): ScriptTurn => ({ calls: [{ name, args }] });
const GOOD: ScriptTurn = { text: '{"sum":3}' };

interface Problem {
  turn: ScriptTurn;
  type: string;
  /** What the model reads about it. */
  reply: RegExp;
  /** Role of that reply. */
  role: 'user' | 'tool';
}
const PROBLEMS: { [problem: string]: Problem } = {
  'arguments that are not JSON': {
    turn: call('add', '{"a": 1,'),
    type: 'Model.InvalidToolCall',
    reply: /Tool\.InvalidArguments: the arguments are not a JSON object/,
    role: 'tool',
  },
  'arguments that are no object': {
    turn: call('add', '[1, 2]'),
    type: 'Model.InvalidToolCall',
    reply: /not a JSON object/,
    role: 'tool',
  },
  'arguments that do not fit': {
    turn: call('add', { a: 'one', b: 2 }),
    type: 'Model.InvalidToolCall',
    reply: /Tool\.InvalidArguments: a: .*number/,
    role: 'tool',
  },
  'a tool that does not exist': {
    turn: call('subtract', { a: 1, b: 2 }),
    type: 'Model.InvalidToolCall',
    reply: /Tool\.Unknown: there is no tool "subtract"\. Tools: add\./,
    role: 'tool',
  },
  'a tool named like a property that every object has': {
    turn: call('constructor', {}),
    type: 'Model.InvalidToolCall',
    reply: /there is no tool "constructor"/,
    role: 'tool',
  },
  'an empty answer': { turn: {}, type: 'Model.EmptyAnswer', reply: /Your answer was empty/, role: 'user' },
  'a refusal': { turn: { refusal: 'No.' }, type: 'Model.Refused', reply: /You declined/, role: 'user' },
  'an answer cut at its length': {
    turn: { text: '{"su', cut: 'length' },
    type: 'Model.Truncated',
    reply: /cut at the length limit/,
    role: 'user',
  },
  'a call cut at its length': {
    turn: { ...call('add', '{"a": 1'), cut: 'length' },
    type: 'Model.Truncated',
    reply: /cut at the length limit/,
    role: 'user',
  },
  'an output that is not JSON': {
    turn: { text: 'three' },
    type: 'Model.InvalidOutput',
    reply: /It is not JSON/,
    role: 'user',
  },
  'an output that does not fit': {
    turn: { text: '{"sum":"three"}' },
    type: 'Model.InvalidOutput',
    reply: /sum: .*number/,
    role: 'user',
  },
};

const textOf = (message: Message | undefined): string =>
  (message?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('');

describe.each(Object.entries(PROBLEMS))('%s', (_, { turn, type, reply, role }) => {
  test('is answered to the model, which may mend it', async () => {
    const run = await testAgent(sums, { model: script([turn, turn, GOOD]) }).start('1 + 2');
    expect(await run.result()).toMatchObject({ outcome: 'completed', output: { sum: 3 }, totals: { turns: 3 } });
    const replies = (await run.transcript()).filter((_message, at) => at === 2 || at === 4);
    expect(replies.map((message) => message.role)).toEqual([role, role]);
    replies.forEach((message) => expect(textOf(message)).toMatch(reply));
  });

  test('ends the run with its type when it comes a third time', async () => {
    const run = await testAgent(sums, { model: script([turn, turn, turn, GOOD]) }).start('1 + 2');
    expect(await run.result()).toMatchObject({ outcome: 'failed', failure: { type }, totals: { turns: 3 } });
    // The conversation is whole: every unusable answer, each with what was said to it.
    expect(await run.transcript()).toHaveLength(1 + 3 * 2);
  });
});

test('problems of different kinds count together, and one good tool call makes the count begin again', async () => {
  const bad = [{}, { text: 'three' }];
  const good = call('add', { a: 1, b: 2 });
  const mended = await testAgent(sums, { model: script([...bad, good, ...bad, GOOD]) }).start('1 + 2');
  expect(await mended.result()).toMatchObject({ outcome: 'completed', totals: { turns: 6, toolCalls: 1 } });
  const spent = await testAgent(sums, { model: script([...bad, call('nothing', {}), GOOD]) }).start('1 + 2');
  expect(await spent.result()).toMatchObject({ outcome: 'failed', failure: { type: 'Model.InvalidToolCall' } });
});

test('a turn with one good call among bad ones is a good turn', async () => {
  const mixed: ScriptTurn = {
    calls: [
      { name: 'nothing', args: {} },
      { name: 'add', args: { a: 1, b: 2 } },
    ],
  };
  const run = await testAgent(sums, { model: script([mixed, mixed, mixed, mixed, GOOD]) }).start('1 + 2');
  expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { turns: 5, toolCalls: 8 } });
});

test('an agent may allow no repair at all', async () => {
  const strict = defineAgent({ name: 'strict', instructions: 'Add.', repairs: 0 });
  const run = await testAgent(strict, { model: script([{}]) }).start('1 + 2');
  expect(await run.result()).toMatchObject({
    outcome: 'failed',
    failure: { type: 'Model.EmptyAnswer' },
    totals: { turns: 1 },
  });
});

test('JSON in a Markdown fence is taken as the JSON it holds', async () => {
  const run = await testAgent(sums, { model: script().answer('```json\n{"sum": 3}\n```') }).start('1 + 2');
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: { sum: 3 }, totals: { turns: 1 } });
});

test('a filtered answer ends the run at once: asking again would not help', async () => {
  const run = await testAgent(sums, { model: script().filtered('…') }).start('1 + 2');
  expect(await run.result()).toMatchObject({ outcome: 'failed', failure: { type: 'Model.ContentFiltered' } });
});

describe('a model call that fails', () => {
  const failing = (times: number, trouble: ModelTrouble) => {
    let attempts = 0;
    return () => ((attempts += 1) <= times ? trouble : GOOD);
  };

  test('is tried again, in the end six times, with longer waits', async () => {
    const run = await testAgent(sums, { model: failing(5, { fails: 'Model.Unavailable' }) }).start('1 + 2');
    expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { turns: 1, modelCalls: 1 } });
    expect(run.calls).toHaveLength(6);
    const [model] = run.progress().steps;
    expect((model?.endedAt ?? 0) - (model?.startedAt ?? 0)).toBe(31_000);
  });

  test('waits as long as the provider says', async () => {
    const trouble = { fails: 'Model.RateLimited', retryAfter: '4s' } as const;
    const run = await testAgent(sums, { model: failing(2, trouble) }).start('1 + 2');
    const [model] = (await run.result()).steps;
    expect((model?.endedAt ?? 0) - (model?.startedAt ?? 0)).toBe(8_000);
  });

  test('ends the run with its type after the last attempt', async () => {
    const run = await testAgent(sums, { model: failing(6, { fails: 'Model.Overloaded', message: 'busy' }) }).start('1');
    expect(await run.result()).toMatchObject({
      outcome: 'failed',
      failure: { type: 'Model.Overloaded', message: 'busy' },
      totals: { modelCalls: 0 },
    });
    expect(run.calls).toHaveLength(6);
  });

  test('is not tried again where that would not help', async () => {
    const run = await testAgent(sums, { model: failing(1, { fails: 'Model.Authentication' }) }).start('1 + 2');
    expect(await run.result()).toMatchObject({ outcome: 'failed', failure: { type: 'Model.Authentication' } });
    expect(run.calls).toHaveLength(1);
  });

  test('asks for patience: the run waits and makes the same call again, which costs no turn', async () => {
    const run = await testAgent(sums, { model: failing(2, { waits: '1m', reason: 'quota' }) }).start('1 + 2');
    expect(run.waitingFor).toEqual({ reason: 'quota' });
    const { steps, ...result } = await run.result();
    expect(result).toMatchObject({ outcome: 'completed', totals: { turns: 1, modelCalls: 1 } });
    expect(steps.map(({ kind, label }) => `${kind}: ${label}`)).toEqual([
      'model: model, turn 1',
      'wait: waiting: quota',
      'model: model, turn 1',
      'wait: waiting: quota',
      'model: model, turn 1',
      'note: records the end: completed',
    ]);
    expect((steps.at(-1)?.endedAt ?? 0) - (steps[0]?.startedAt ?? 0)).toBe(120_000);
  });
});
