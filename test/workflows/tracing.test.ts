// Needs a Temporal server (embedded, real), the model server and a receiver of OTLP over HTTP, and a store on disk. What a collector is sent
// of runs: one tree each, by OpenTelemetry's conventions, over retries, sub-agents, continue-as-new and workers that come and go.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { agentTool, defineAgent, defineTool } from '../../activities/define';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startOtlpReceiver, type OtlpReceiver } from '../stack/otlp-receiver';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { problemsOf, spansOf, tracedRun } from '../stack/traced-runs';
import { until } from '../stack/until';

const CARD = '4242424242424242';
let shaky = 0;
const told: (string | undefined)[] = [];
const add = defineTool({
  name: 'add',
  description: 'Adds.',
  input: z.object({ a: z.number(), note: z.string().optional() }),
  output: z.object({ sum: z.number() }),
  effect: 'read',
  run: ({ a }, { traceparent }) => {
    told.push(traceparent);
    return { sum: a + 1 };
  },
});
const flaky = defineTool({
  name: 'flaky',
  description: 'Fails once.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  retry: { attempts: 3 },
  run: () => {
    shaky += 1;
    if (shaky === 1) throw new Error('the line is dead');
    return 'through';
  },
});
const helper = defineAgent({ name: 'helper', description: 'Helps.', instructions: 'helper', tools: [add] });
const lead = defineAgent({ name: 'lead', instructions: 'lead', tools: [add, flaky, agentTool(helper)] });

let model: ModelServer;
let receiver: OtlpReceiver;
let stack: TestStack;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  model = await startModelServer({ script: script() });
  stack = await startTestStack({
    agents: [lead, helper],
    modelUrl: model.url,
    tracing: {
      ...{ url: `${receiver.url}/v1/traces`, headers: { 'x-token': 'of-the-collector' }, sample: 1 },
      ...{ content: false, redact: [] },
    },
  });
}, 60_000);
afterAll(async () => {
  await stack.close();
  await model.close();
  await receiver.close();
  expect(problemsOf(receiver)).toEqual([]);
});
afterEach(() => {
  model.clearFaults();
  model.reset();
});

const ADDED = ['chat model', 'execute_tool add', 'chat model'];

test('a run is one tree: its calls, the attempt that failed and the one that did not, and its sub-agent with its own', async () => {
  const said = script()
    .calls([
      { name: 'add', args: { a: 1, note: `card ${CARD}` } },
      { name: 'flaky', args: {} },
    ])
    .calls([{ name: 'helper', args: { input: 'please' } }])
    .answer('done');
  model.setRespond(({ messages }) => (messages[0]?.text.startsWith('helper') ? script().answer('helped') : said));
  const run = await stack.client.agent<typeof lead>('lead').start('go', { session: 'customer-1' });
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  const calls = [
    ...['chat model', 'chat model', 'chat model'],
    ...['execute_tool add', 'execute_tool flaky', 'execute_tool flaky', 'execute_tool helper'],
  ];
  const { root, spans } = await tracedRun(receiver, run.id, [...calls, 'invoke_agent lead']);
  expect(root).toMatchObject({ parentSpanId: '', name: 'invoke_agent lead' });
  expect(root.attributes).toMatchObject({
    'gen_ai.conversation.id': 'customer-1',
    'longhaul.outcome': 'completed',
    'longhaul.tool_calls': 3,
  });
  const children = spans.filter(({ parentSpanId }) => parentSpanId === root.spanId);
  expect(children.map(({ name }) => name).sort()).toEqual(calls);
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([root.traceId]));
  const attempts = spans.filter(({ name }) => name === 'execute_tool flaky');
  expect(attempts.map(({ attributes }) => [attributes['longhaul.attempt'], attributes['error.type']]).sort()).toEqual([
    [1, 'Tool.Failed'],
    [2, undefined],
  ]);
  const adding = spans.find(({ name }) => name === 'execute_tool add');
  expect(told).toContain(`00-${root.traceId}-${adding?.spanId}-01`);

  const call = spans.find(({ name }) => name === 'execute_tool helper');
  const below = receiver.spans.find(
    ({ name, parentSpanId }) => name === 'invoke_agent helper' && parentSpanId === call?.spanId,
  );
  expect(below?.traceId).toBe(root.traceId);
  expect(receiver.spans.filter(({ parentSpanId }) => parentSpanId === below?.spanId).map(({ name }) => name)).toEqual([
    'chat model',
  ]);

  expect(receiver.headers.at(-1)).toMatchObject({ 'x-token': 'of-the-collector' });
  expect(root.resource).toMatchObject({ 'service.name': 'longhaul' });
  // What Temporal's SDK says of the attempt that failed is by the run's names, too.
  const failed = readFileSync(stack.logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes(run.id) && line.includes('Activity failed'));
  expect(failed.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { run: run.id, turn: 1, call: 2, attempt: 1, activityType: 'callTool' },
  ]);

  // Content is off: nothing that was said is there.
  expect(JSON.stringify(receiver.spans)).not.toMatch(/4242|please|helped|instructions/);
});

test("a caller's traceparent is the run's trace, and one that is not to be traced is not", async () => {
  const [traceId, spanId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
  model.setScript(script().answer('yes').answer('no'));
  const start = (traceparent: string) => stack.client.agent<typeof lead>('lead').start('go', { traceparent });
  const run = await start(`00-${traceId}-${spanId}-01`);
  await run.result();
  const { root } = await tracedRun(receiver, run.id, ['chat model', 'invoke_agent lead']);
  expect(root).toMatchObject({ traceId, parentSpanId: spanId });
  const silent = await start(`00-${'c'.repeat(32)}-${spanId}-00`);
  await silent.result();
  await expect(start('nonsense')).rejects.toThrow(/traceparent/);
  await stack.restartWorker();
  expect(spansOf(receiver, silent.id)).toEqual([]);
});

/** How often a worker has been told to take no more. */
const drains = (): number => readFileSync(stack.logFile, 'utf8').split('"state":"DRAINING"').length;

test('a run that another worker goes on with, from its history alone, shows each call once', async () => {
  model.setScript(
    script()
      .calls([{ name: 'add', args: { a: 1 } }])
      .answer('done'),
  );
  model.addFaults({ when: { nth: 2 }, do: { hold: 'second' } });
  const run = await stack.client.agent<typeof lead>('lead').start('go');
  await until(() => model.requests().length === 2);
  const drained = drains();
  const restarted = stack.restartWorker();
  // From then on it takes nothing new: what follows the call is the next one's.
  await until(() => drains() > drained);
  model.release();
  await restarted;
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  await tracedRun(receiver, run.id, [...ADDED, 'invoke_agent lead']);
});

test('a collector that refuses, or is gone, costs a run nothing; its log says that spans are lost', async () => {
  receiver.answer(400);
  model.setScript(script().answer('all the same'));
  const run = await stack.client.agent<typeof lead>('lead').start('go');
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
  await until(() => readFileSync(stack.logFile, 'utf8').includes('spans of traces are lost'));
  receiver.answer(200);
});

test('each attempt of a call is a line of the log, by run, turn and call, with its span, and without what was said', async () => {
  model.setScript(
    script()
      .calls([{ name: 'add', args: { a: 1, note: `card ${CARD}` } }])
      .answer('done'),
  );
  const run = await stack.client.agent<typeof lead>('lead').start('a secret question');
  await run.result();
  const { root, spans } = await tracedRun(receiver, run.id, [...ADDED, 'invoke_agent lead']);
  const log = readFileSync(stack.logFile, 'utf8');
  const lines = log
    .split('\n')
    .filter((line) => line.includes(run.id) && line.includes('a call has ended'))
    .map((line) => JSON.parse(line) as { [name: string]: unknown });
  expect(
    lines.map(({ activity, turn, call, attempt, outcome, tool }) => ({ activity, turn, call, attempt, outcome, tool })),
  ).toEqual([
    { activity: 'callModel', turn: 1, call: 0, attempt: 1, outcome: 'ok' },
    { activity: 'callTool', turn: 1, call: 1, attempt: 1, outcome: 'ok', tool: 'add' },
    { activity: 'callModel', turn: 2, call: 0, attempt: 1, outcome: 'ok' },
    { activity: 'endRun', turn: 2, call: 0, attempt: 1, outcome: 'ok' },
  ]);
  expect(lines[0]).toMatchObject({ agent: 'lead', trace_id: root.traceId });
  expect(spans.map(({ spanId }) => spanId)).toContain(lines[0]?.['span_id']);
  expect(log).not.toMatch(/4242|secret question/);
});
