// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. Runs that are long, and what their histories hold.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { payloadText } from '../stack/payload-text';
import { startTestStack, type TestStack } from '../stack/test-stack';

const TURNS = 60;
const CANARY = Array.from({ length: 1_000 }, (_, at) => `canary-${at}-${(at * 7919) % 1000}`).join(' ');

const page = defineTool({
  name: 'page',
  description: 'Reads a page.',
  input: z.object({ number: z.number() }),
  output: z.object({ text: z.string() }),
  effect: 'read',
  run: ({ number }) => ({ text: `${number} ${CANARY}`.slice(0, 8_192) }),
});
const reader = defineAgent({ name: 'reader', instructions: 'Read.', tools: [page], limits: { turns: 200 } });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script() });
  // A history so short makes continue-as-new an ordinary event, as it is in a run of thousands of turns.
  stack = await startTestStack({
    agents: [reader],
    modelUrl: model.url,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 400 },
  });
});
afterAll(async () => {
  await stack.close();
  await model.close();
});

interface Execution {
  runId: string;
  events: { eventType?: unknown; eventId?: unknown }[];
  text: string;
}

/** All executions of the chain, oldest first. */
async function executions(id: string): Promise<Execution[]> {
  const found: Execution[] = [];
  for await (const { runId } of stack.temporal.workflow.list({ query: `WorkflowId = '${id}'` })) {
    const history = await stack.temporal.workflow.getHandle(id, runId).fetchHistory();
    found.push({ runId, events: history.events ?? [], text: payloadText(history) });
  }
  return found.reverse();
}

test('60 turns of 8 KB: bytes per call stay flat, the history holds no content beyond a preview, and it continues as new', async () => {
  const pages = Array.from({ length: TURNS }, (_, number) => number);
  model.setScript(pages.reduce((turns, number) => turns.call('page', { number }), script()).answer('read'));
  const run = await stack.client.agent<typeof reader>('reader').start('read it all');
  const result = await run.result();
  expect(result).toMatchObject({
    outcome: 'completed',
    output: 'read',
    length: 2 * TURNS + 2,
    totals: { turns: TURNS + 1, toolCalls: TURNS },
  });

  const chain = await executions(run.id);
  expect(chain.length).toBeGreaterThan(1);
  const bytes = chain.map(({ events }) => callSizes(events)).flat();
  const first = median(bytes.slice(0, 20));
  const last = median(bytes.slice(-20));
  console.log(
    `history bytes per model call: median of the first 20 ${first}, of the last 20 ${last}, executions ${chain.length}, calls ${bytes.length}`,
  );
  expect(bytes).toHaveLength(TURNS + 1);
  expect(last).toBeLessThan(first * 1.05);

  for (const { text } of chain) expect(longestSharedPiece(text)).toBeLessThanOrEqual(200);
  expect((await run.transcript()).filter((message) => message.role === 'tool')).toHaveLength(TURNS);
});

test('a run keeps its id, counts, memo and search attributes across continue-as-new', async () => {
  model.reset();
  const pages = Array.from({ length: TURNS }, (_, number) => number);
  model.setScript(pages.reduce((turns, number) => turns.call('page', { number }), script()).answer('read'));
  const run = await stack.client.agent<typeof reader>('reader').start('again', { session: 's9', tags: ['long'] });
  await run.result();
  const description = await run.describe();
  expect(description.raw.workflowExecutionInfo?.firstRunId).not.toBe(description.runId);
  expect(description.memo).toMatchObject({ question: 'again', answer: 'read' });
  expect(description.searchAttributes).toMatchObject({
    AgentName: ['reader'],
    SessionId: ['s9'],
    RunTags: ['long'],
    RunOutcome: ['completed'],
  });
  expect((await run.progress()).steps.at(-1)).toMatchObject({ seq: 2 * TURNS + 2 });
});

/** Bytes of the scheduled, started and completed events of each model call. */
function callSizes(events: Execution['events']): number[] {
  const sizes = new Map<string, number>();
  for (const event of events) {
    const record = event as {
      eventId?: { toString(): string };
      activityTaskScheduledEventAttributes?: { activityType?: { name?: string } };
      activityTaskStartedEventAttributes?: { scheduledEventId?: { toString(): string } };
      activityTaskCompletedEventAttributes?: { scheduledEventId?: { toString(): string } };
    };
    const size = payloadText(event).length;
    const scheduled = record.activityTaskScheduledEventAttributes;
    if (scheduled?.activityType?.name === 'callModel') sizes.set(String(record.eventId), size);
    const of = record.activityTaskStartedEventAttributes ?? record.activityTaskCompletedEventAttributes;
    const key = String(of?.scheduledEventId);
    const known = sizes.get(key);
    if (known !== undefined) sizes.set(key, known + size);
  }
  return [...sizes.values()];
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Characters of the longest piece of the canary that stands in the text. */
function longestSharedPiece(text: string): number {
  let longest = 0;
  for (let start = 0; start + longest < CANARY.length; start += 1) {
    while (start + longest < CANARY.length && text.includes(CANARY.slice(start, start + longest + 1))) longest += 1;
  }
  return longest;
}
