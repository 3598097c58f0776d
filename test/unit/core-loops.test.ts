// Needs: nothing but Node. A run that goes round in circles is told so, and then stopped, wherever its turns are by then.
import { z } from 'zod';
import { defineAgent, defineTool } from 'longhaul';
import { script, testAgent } from 'longhaul/testing';
import type { Message } from '../../workflows/contract/message';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.string() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `seen ${at}. ${'It is a long report. '.repeat(40)}`,
});
const write = defineTool({
  name: 'write',
  description: 'Writes.',
  input: z.object({ text: z.string() }),
  output: z.string(),
  effect: 'idempotent',
  run: () => 'written',
});
const looker = defineAgent({ name: 'looker', instructions: 'Look.', tools: [look, write], limits: { turns: 60 } });

const textOf = ({ parts }: Message): string => parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
const warnings = (messages: readonly Message[]): string[] =>
  messages.flatMap((message) =>
    message.role === 'user' && message.from === 'runtime' && !message.covers ? [textOf(message)] : [],
  );
const looks = (count: number) =>
  script(Array.from({ length: count }, () => ({ calls: [{ name: 'look', args: { at: 'a' } }] })));

test('told at the third time, a model that concludes completes', async () => {
  const run = await testAgent(looker, { model: looks(3).answer('nothing more') }).start('go');
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'completed', output: 'nothing more', totals: { turns: 4, toolCalls: 3 } });
  const transcript = await run.transcript();
  expect(transcript.map(({ role }) => role)).toEqual([
    'user',
    ...['assistant', 'tool', 'assistant', 'tool', 'assistant', 'tool'],
    ...['user', 'assistant'],
  ]);
  expect(warnings(transcript)).toEqual([expect.stringContaining('You have called look 3 times')]);
  // What the model read is what is kept, and it is counted.
  expect(run.calls.at(-1)).toMatchObject({ kind: 'model', messages: transcript.slice(0, -1) });
  expect(run.progress().length).toBe(transcript.length);
  expect(result.steps).toContainEqual(
    expect.objectContaining({ kind: 'note', label: 'told the model', preview: expect.stringMatching(/^You have/) }),
  );
});

test('one that goes on is stopped at the sixth, before it is asked again, and what was done is kept', async () => {
  const run = await testAgent(looker, { model: looks(10) }).start('go');
  expect(await run.result()).toMatchObject({
    outcome: 'failed',
    failure: {
      type: 'Loop.RepeatedCall',
      message: 'look was called 6 times with the same arguments, and gave the same result each time.',
    },
    totals: { turns: 6, modelCalls: 6, toolCalls: 6 },
  });
  const transcript = await run.transcript();
  expect(transcript.at(-1)).toMatchObject({ role: 'tool' });
  expect(warnings(transcript)).toHaveLength(1);
  expect(run.progress().length).toBe(transcript.length);
});

test('a cycle is told of and stopped with a type of its own', async () => {
  const turns = Array.from({ length: 40 }, (_, at) => ({
    calls: [{ name: 'look', args: { at: 'abc'.charAt(at % 3) } }],
  }));
  const agent = defineAgent({ ...agentOf(), loops: { repeats: false } });
  const run = await testAgent(agent, { model: script(turns) }).start('go');
  expect(await run.result()).toMatchObject({
    failure: { type: 'Loop.Cycle', message: 'the same 3 turns came 5 times, with the same results: calls of look.' },
    totals: { turns: 15 },
  });
  expect(warnings(await run.transcript())).toEqual([
    expect.stringContaining('You repeat the same 3 steps (look) for the 3rd time'),
    expect.stringContaining('Your last 8 steps brought nothing'),
  ]);
});

test('turns that bring nothing new are told of and stopped with a type of their own', async () => {
  const turns = Array.from({ length: 40 }, (_, at) => ({ calls: [{ name: 'look', args: { at: `place ${at}` } }] }));
  const run = await testAgent(looker, { model: script(turns), tools: { look: () => 'nothing there' } }).start('go');
  expect(await run.result()).toMatchObject({
    failure: { type: 'Loop.NoProgress', message: '12 turns in a row brought nothing new: calls of look.' },
    totals: { turns: 13 },
  });
  expect(warnings(await run.transcript())).toHaveLength(1);
});

test('with loops: false, and for a release of before, a run goes round until a limit ends it', async () => {
  const agent = defineAgent({ ...agentOf(), loops: false, limits: { turns: 9 } });
  const run = await testAgent(agent, { model: looks(9) }).start('go');
  expect(await run.result()).toMatchObject({ failure: { type: 'Budget.TurnsExhausted' }, totals: { turns: 9 } });
});

test('an answer that cannot be used, a wait and a failed attempt in between: it is told once', async () => {
  const said = [
    { waits: '1h' } as const,
    { fails: 'Model.Overloaded' } as const,
    { text: '' },
    { calls: [{ name: 'write', args: { text: 'what I know' } }] },
    { text: 'that is all' },
  ];
  const run = await testAgent(looker, {
    model: ({ messages }) => {
      const asked = messages.filter(({ role }) => role === 'assistant').length;
      return asked < 3 ? { calls: [{ name: 'look', args: { at: 'a' } }] } : (said.shift() ?? { text: '' });
    },
  }).start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  const transcript = await run.transcript();
  expect(warnings(transcript)).toEqual([
    expect.stringContaining('You have called look 3 times'),
    expect.stringContaining('Your answer was empty'),
  ]);
  expect(run.progress().length).toBe(transcript.length);
});

test('results that were left out and turns that were summed up still count', async () => {
  const agent = defineAgent({
    ...agentOf(),
    context: {
      prune: { when: { messages: 3 }, keepLast: 1, freeAtLeast: 0 },
      compact: { when: { messages: 6 }, keepLast: 1 },
    },
  });
  const requests: (readonly Message[])[] = [];
  const run = await testAgent(agent, {
    model: ({ instructions, messages }) => {
      if (instructions.startsWith('You condense')) return { text: 'Looked at a.' };
      requests.push(messages);
      return { calls: [{ name: 'look', args: { at: 'a' } }] };
    },
  }).start('go');
  expect(await run.result()).toMatchObject({
    failure: { type: 'Loop.RepeatedCall' },
    totals: { turns: 6, toolCalls: 6 },
  });
  // No request held as many looks as were counted.
  const most = Math.max(...requests.map((messages) => messages.filter(({ role }) => role === 'tool').length));
  expect(most).toBeLessThan(5);
  expect(requests.flat().filter((message) => message.role === 'tool' && message.original).length).toBeGreaterThan(0);
  const transcript = await run.transcript();
  expect(warnings(transcript)).toHaveLength(1);
  expect(transcript.filter(({ role }) => role === 'tool')).toHaveLength(6);
  expect(run.progress().length).toBe(transcript.length);
});

function agentOf() {
  return { name: 'looker', instructions: 'Look.', tools: [look, write] as const, limits: { turns: 60 } };
}
