// Needs a Temporal server (embedded, real), the model server and a receiver of OTLP over HTTP, and a store on disk. What a collector is sent of
// runs whose lives are not plain: that wait, are continued as new, are reset; and what spans say where content is asked for.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { keyNameOf } from '../../activities/gateway/quota/gateway-quota';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../stack/otlp-receiver';
import { startTestStack, type TestStack, type TestStackOptions } from '../stack/test-stack';
import { problemsOf, spansOf, tracedRun } from '../stack/traced-runs';
import { until } from '../stack/until';

jest.setTimeout(180_000);

const CARD = '4242424242424242';
const TURNS = 24;
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.string() }),
  output: z.object({ seen: z.string() }),
  effect: 'read',
  run: ({ at }) => ({ seen: `${at} is there` }),
});
const looker = defineAgent({
  name: 'looker',
  instructions: 'The key of the house is sk-test-key-of-the-model-server.',
  tools: [look],
  output: z.object({ answer: z.string() }),
  parameters: { temperature: 0.5, maxOutputTokens: 300 },
  limits: { turns: 2 * TURNS },
});
const inLine = defineAgent({ name: 'in-line', instructions: 'Wait.', queue: 'line' });
const LINE = { depth: 10, concurrency: 1, weights: {}, shards: 1, degrade: [] };

let model: ModelServer;
let receiver: OtlpReceiver;
let stack: TestStack;
const options = (): TestStackOptions => ({
  agents: [looker, inLine],
  modelUrl: model.url,
  queues: { line: LINE },
  // So short makes continue-as-new an ordinary event.
  dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 100 },
  tracing: { url: `${receiver.url}/v1/traces`, sample: 1, content: true, redact: [/\d{16}/] },
});
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  model = await startModelServer({ script: script() });
  stack = await startTestStack(options());
});
afterAll(async () => {
  await stack.close();
  await receiver.close();
  await model.close();
  expect(problemsOf(receiver)).toEqual([]);
});
beforeEach(() => {
  model.clearFaults();
  model.reset();
});

const answered = (turns: number) =>
  Array.from({ length: turns }, (_, at) => at)
    .reduce((said, at) => said.call('look', { at: `page ${at}` }), script())
    .answer('{"answer":"seen"}');
const startLooker = (question: string) => stack.client.agent<typeof looker>('looker').start(question);
const looked = (turns: number): string[] => [
  'invoke_agent looker',
  'chat model',
  ...Array.from({ length: turns }, () => ['chat model', 'execute_tool look']).flat(),
];

async function executionsOf(id: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { runId } of stack.temporal.workflow.list({ query: `WorkflowId = '${id}'` })) found.push(runId);
  return found;
}

test('with content: what was asked, said, passed and answered is there, as the conventions write it, without credentials and what is declared', async () => {
  model.setScript(
    script()
      .call('look', { at: `card ${CARD}` })
      .answer(`{"answer":"Bearer abcdefgh12345678"}`),
  );
  const run = await startLooker(`Look at ${CARD}.`);
  await run.result();
  const { root, spans } = await tracedRun(receiver, run.id, looked(1));
  const attributesOf = (name: string, turn: number): ReceivedSpan['attributes'] => {
    const found = spans.find((span) => span.name === name && span.attributes['longhaul.turn'] === turn);
    if (!found) throw new Error(`no ${name} of turn ${turn}`);
    return found.attributes;
  };
  const read = (text: unknown): unknown => JSON.parse(String(text)) as unknown;
  const [first, tool, last] = [
    attributesOf('chat model', 1),
    attributesOf('execute_tool look', 1),
    attributesOf('chat model', 2),
  ];
  expect(read(first['gen_ai.system_instructions'])).toEqual([
    { type: 'text', content: expect.stringContaining('The key of the house is [redacted].') },
  ]);
  expect(read(first['gen_ai.input.messages'])).toEqual([
    { role: 'user', parts: [{ type: 'text', content: 'Look at [redacted].' }] },
  ]);
  expect(read(first['gen_ai.output.messages'])).toMatchObject([
    { role: 'assistant', parts: [{ type: 'tool_call', name: 'look', arguments: { at: 'card [redacted]' } }] },
  ]);
  expect(read(tool['gen_ai.tool.call.arguments'])).toEqual({ at: 'card [redacted]' });
  expect(String(tool['gen_ai.tool.call.result'])).toContain('card [redacted] is there');
  expect(String(last['gen_ai.output.messages'])).toContain('[redacted]');
  expect(JSON.stringify([root, ...spans])).not.toMatch(/4242|sk-test|abcdefgh/);
});

test('a model call says how it was asked, by whom it was answered, and under which name of theirs', async () => {
  model.setScript(answered(0));
  const run = await startLooker('Look.');
  await run.result();
  const { spans } = await tracedRun(receiver, run.id, looked(0));
  const { hostname, port } = new URL(model.url);
  expect(spans.find(({ name }) => name === 'chat model')?.attributes).toMatchObject({
    ...{ 'gen_ai.provider.name': 'test', 'gen_ai.request.model': 'model', 'gen_ai.output.type': 'json' },
    ...{ 'gen_ai.request.temperature': 0.5, 'gen_ai.request.max_tokens': 300, 'gen_ai.request.stream': true },
    'gen_ai.response.id': expect.stringMatching(/^chatcmpl_/),
    ...{ 'server.address': hostname, 'server.port': Number(port) },
  });
});

test('a run that is continued as new is one trace, with one span of its own, and each call once', async () => {
  model.setScript(answered(TURNS));
  const run = await startLooker('Look everywhere.');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  expect((await executionsOf(run.id)).length).toBeGreaterThan(1);
  const { root, spans } = await tracedRun(receiver, run.id, looked(TURNS));
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([root.traceId]));
  expect(new Set(spans.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set(['', root.spanId]));
});

/** To its beginning. */
async function reset(workflowId: string): Promise<void> {
  const handle = stack.temporal.workflow.getHandle(workflowId);
  const { events } = await handle.fetchHistory();
  const first = (events ?? []).find(({ workflowTaskCompletedEventAttributes: done }) => done);
  await stack.temporal.workflowService.resetWorkflowExecution({
    namespace: stack.server.namespace,
    workflowExecution: { workflowId, runId: (await handle.describe()).runId },
    reason: 'a test',
    workflowTaskFinishEventId: first?.eventId ?? null,
    requestId: `${workflowId}-again`,
  });
}

test("a run that Temporal resets after its end: its calls are found and not shown again, and its second end is below the first one's", async () => {
  model.setScript(answered(1));
  const run = await startLooker('Look once.');
  await run.result();
  const { root } = await tracedRun(receiver, run.id, looked(1));
  await reset(run.id);
  await stack.temporal.workflow.getHandle(run.id).result();
  await until(() => spansOf(receiver, run.id).length > looked(1).length);
  const spans = spansOf(receiver, run.id);
  expect(spans.map(({ name }) => name).sort()).toEqual([...looked(1), 'invoke_agent looker'].sort());
  const again = spans.find(({ name, spanId }) => name === 'invoke_agent looker' && spanId !== root.spanId);
  expect(again).toMatchObject({ traceId: root.traceId, parentSpanId: root.spanId });
});

test('a run that Temporal resets in the midst of a call stays in its trace, and has one span of its own', async () => {
  model.setScript(answered(1));
  model.addFaults({ when: { nth: 2 }, do: { hold: 'second' } });
  const run = await startLooker('Look in vain.');
  await until(() => model.requests().length === 2);
  await until(() => spansOf(receiver, run.id).length === 2);
  await reset(run.id);
  expect(await stack.temporal.workflow.getHandle(run.id).result()).toMatchObject({ outcome: 'completed' });
  model.release();
  await until(() => spansOf(receiver, run.id).some(({ name }) => name === 'invoke_agent looker'));
  const spans = spansOf(receiver, run.id);
  const [root] = spans.filter(({ name }) => name === 'invoke_agent looker');
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const ofFirstTurn = spans.filter(({ attributes }) => attributes['longhaul.turn'] === 1);
  expect(ofFirstTurn.map(({ name, parentSpanId }) => [name, parentSpanId]).sort()).toEqual([
    ['chat model', root?.spanId],
    ['execute_tool look', root?.spanId],
  ]);
});

const atOf = (nanoseconds: string): number => Math.round(Number(BigInt(nanoseconds) / 1_000_000n));

test('a run that waits for a place in its queue shows the wait, until it began', async () => {
  model.setScript(script().answer('said'));
  model.addFaults({ when: { nth: 1 }, do: { hold: 'first' } });
  const start = (id: string) => stack.client.agent<typeof inLine>('in-line').start('Wait.', { id });
  const first = await start('in-line-first');
  await until(() => model.requests().length === 1);
  const second = await start('in-line-second');
  model.release();
  await Promise.all([first.result(), second.result()]);
  const { root, spans } = await tracedRun(receiver, second.id, ['queue line', 'chat model', 'invoke_agent in-line']);
  const [wait, chat] = ['queue line', 'chat model'].map((named) => spans.find(({ name }) => name === named));
  expect(wait).toMatchObject({ parentSpanId: root.spanId, startTimeUnixNano: root.startTimeUnixNano });
  expect(wait?.attributes).toMatchObject({ 'longhaul.queue': 'line', 'gen_ai.agent.name': 'in-line' });
  expect(BigInt(wait?.endTimeUnixNano ?? 0)).toBeGreaterThan(BigInt(root.startTimeUnixNano));
  expect(BigInt(wait?.endTimeUnixNano ?? 0)).toBeLessThanOrEqual(BigInt(chat?.startTimeUnixNano ?? 0));
});

test('a call that waits for its quota shows the wait, until it was made', async () => {
  const limited = await startTestStack({
    ...options(),
    quota: {
      limits: { windows: [{ of: 'requests', perMs: 3_000, most: 1 }] },
      reserve: { kind: 'learned', quantile: 0.95 },
      ...{ patienceMs: 120_000, weights: {}, key: keyNameOf('TEST_API_KEY') },
    },
  });
  try {
    model.setScript(answered(0));
    const runs = await Promise.all(
      [1, 2, 3].map((nth) => limited.client.agent<typeof looker>('looker').start(`Look ${nth}.`)),
    );
    await Promise.all(runs.map((run) => run.result()));
    const waits = (): ReceivedSpan[] =>
      runs.flatMap(({ id }) => spansOf(receiver, id).filter(({ name }) => name === 'wait for quota'));
    await until(() => waits().length > 0);
    for (const wait of waits()) {
      const run = String(wait.attributes['longhaul.run.id']);
      await until(() => spansOf(receiver, run).some(({ name }) => name === 'invoke_agent looker'));
      const of = spansOf(receiver, run);
      const [chat] = of.filter(({ name }) => name === 'chat model');
      const [root] = of.filter(({ name }) => name === 'invoke_agent looker');
      expect(wait).toMatchObject({ parentSpanId: root?.spanId, traceId: root?.traceId });
      expect(atOf(wait.endTimeUnixNano)).toBe(atOf(chat?.startTimeUnixNano ?? '0'));
      expect(BigInt(wait.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(wait.startTimeUnixNano));
    }
  } finally {
    await limited.close();
  }
});
