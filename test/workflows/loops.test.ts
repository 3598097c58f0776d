// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. Runs that go round in circles and runs near
// their limits, over several executions and summaries: what the model is told, and how they end.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { callsOf } from '../../activities/store/run-calls';
import type { Message } from '../../workflows/contract/message';
import { script, type ModelRequest } from '../kit/model-server';
import { useStack } from '../stack/use-stack';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.number() }),
  output: z.string(),
  effect: 'read',
  run: ({ at }) => `page ${at}`,
});
const FRESH = 10;
const define = (name: string, limits: { turns: number; toolCalls?: number }) =>
  defineAgent({
    ...{ name, instructions: 'Look.', tools: [look], limits },
    context: { prune: false, compact: { when: { messages: 7 }, keepLast: 2 } },
  });
const looker = define('looker', { turns: 100 });
const brief = define('brief', { turns: 16, toolCalls: 40 });

const isSummary = ({ messages }: ModelRequest): boolean =>
  messages.some(({ role, text }) => role === 'system' && text.startsWith('You condense'));
const saysStop = (text: string): boolean => /final answer/.test(text);

/** Whether the model does as it is told. */
let listens = true;
/** Pages it reads before it looks at one again and again. */
let fresh = FRESH;
let asked = 0;
function respond(request: ModelRequest) {
  if (isSummary(request)) return script().answer('Pages were looked at.').turnAt(0);
  const { text = '' } = request.messages.at(-1) ?? {};
  if (listens && saysStop(text))
    return script()
      .answer(`told: ${text.slice(0, 40)}`)
      .turnAt(0);
  asked += 1;
  return script()
    .call('look', { at: Math.min(asked, fresh) })
    .turnAt(0);
}

const on = useStack(
  { respond },
  {
    agents: [looker, brief],
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 60 },
  },
);
beforeEach(() => {
  listens = true;
  fresh = FRESH;
  asked = 0;
});

const notices = (transcript: readonly Message[]): string[] =>
  transcript.flatMap((message) =>
    message.role === 'user' && message.from === 'runtime'
      ? message.parts.map((part) => (part.type === 'text' ? part.text : ''))
      : [],
  );
async function executionsOf(id: string): Promise<number> {
  let count = 0;
  for await (const _ of on.stack.temporal.workflow.list({ query: `WorkflowId = '${id}'` })) count += 1;
  return count;
}
async function kindsOf(id: string): Promise<string[]> {
  const { ended } = await on.stack.client.run(id).record();
  const { calls } = await callsOf(on.stack.store, ended?.firstRunId ?? '');
  return calls.map(({ record }) => record.kind);
}

test('a model that listens is told once and completes; what it was told stands in the transcript, at its place', async () => {
  const run = await on.stack.client.agent<typeof looker>('looker').start('look', { id: 'listens' });
  expect(await run.result()).toMatchObject({
    outcome: 'completed',
    output: 'told: You have called look 3 times with the sa',
  });
  expect(await executionsOf('listens')).toBeGreaterThan(1);
  expect(await kindsOf('listens')).toContain('compaction');
  const transcript = await run.transcript();
  expect(notices(transcript)).toEqual([expect.stringMatching(/^You have called look 3 times/)]);
  const { length } = await run.progress();
  expect(length).toBe(transcript.length);
  expect(length).toBe(1 + 2 * (FRESH + 2) + 2);
});

test('one that does not is stopped with the type of the loop, and a fork of it from before goes another way', async () => {
  listens = false;
  const run = await on.stack.client.agent<typeof looker>('looker').start('look', { id: 'deaf' });
  expect(await run.result()).toMatchObject({
    outcome: 'failed',
    failure: { type: 'Loop.RepeatedCall' },
    totals: { toolCalls: FRESH + 5 },
  });
  expect((await run.describe()).searchAttributes).toMatchObject({ FailureType: ['Loop.RepeatedCall'] });
  expect(await executionsOf('deaf')).toBeGreaterThan(1);
  const transcript = await run.transcript();
  expect(notices(transcript)).toHaveLength(1);
  expect((await run.progress()).length).toBe(transcript.length);

  // As it came to its end: somebody says something, and the same looks are no loop any more.
  listens = true;
  const forked = await on.stack.client.fork('deaf', { id: 'heard', say: 'Leave it, and give your final answer.' });
  expect(await forked.result()).toMatchObject({
    outcome: 'completed',
    output: 'told: Leave it, and give your final answer.',
  });
  const inherited = await forked.transcript();
  expect(inherited.slice(0, transcript.length)).toEqual(transcript);
  expect((await forked.progress()).length).toBe(inherited.length);
});

test('near its last turn a run is told, over executions and summaries; then it is stopped as before', async () => {
  fresh = 1_000;
  const told = await on.stack.client.agent<typeof brief>('brief').start('look', { id: 'concludes' });
  expect(await told.result()).toMatchObject({ outcome: 'completed', totals: { turns: 15 } });
  listens = false;
  asked = 0;
  const run = await on.stack.client.agent<typeof brief>('brief').start('look', { id: 'goes-on' });
  expect(await run.result()).toMatchObject({
    outcome: 'budget-exhausted',
    failure: { type: 'Budget.TurnsExhausted' },
    totals: { turns: 16 },
  });
  expect(await executionsOf('goes-on')).toBeGreaterThan(1);
  const transcript = await run.transcript();
  expect(notices(transcript)).toEqual([
    expect.stringMatching(/^2 of the 16 answers/),
    expect.stringMatching(/^This is the last of the 16 answers/),
  ]);
  expect((await run.progress()).length).toBe(transcript.length);
});
