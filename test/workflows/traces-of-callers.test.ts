// Needs a Temporal server (embedded, real), the model server and a receiver of OTLP over HTTP, and a store on disk. Runs that belong into their
// callers' traces, whichever way they are begun, as those say whether they are kept: of runs without a caller none is kept here.
import { AsyncLocalStorage } from 'node:async_hooks';
import { ROOT_CONTEXT, context, trace, type Context, type ContextManager } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import OpenAI from 'openai';
import { agentTool, defineAgent } from '../../activities/define';
import { startTestApi, type UsedApi } from '../api/given';
import { startModelServer, type ModelServer } from '../kit/model-server';
import { startOtlpReceiver, type OtlpReceiver } from '../stack/otlp-receiver';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { problemsOf, tracedRun } from '../stack/traced-runs';

jest.setTimeout(120_000);

const helper = defineAgent({ name: 'helper', description: 'Helps.', instructions: 'helper' });
const lead = defineAgent({ name: 'lead', instructions: 'lead', tools: [agentTool(helper)] });
const greeter = defineAgent({ name: 'greeter', instructions: 'Greet.' });
const friend = defineAgent({ name: 'friend', instructions: 'Talk.', mode: 'session' });

let model: ModelServer;
let receiver: OtlpReceiver;
let stack: TestStack;
let api: UsedApi;
beforeAll(async () => {
  receiver = await startOtlpReceiver();
  model = await startModelServer({
    respond: ({ messages, assistantTurns }) =>
      messages[0]?.text === 'lead' && assistantTurns === 0
        ? { calls: [{ name: 'helper', args: { input: 'please' } }] }
        : { text: 'said' },
  });
  stack = await startTestStack({
    agents: [lead, helper, greeter, friend],
    modelUrl: model.url,
    tracing: { url: `${receiver.url}/v1/traces`, sample: 0, content: false, redact: [] },
  });
  api = await startTestApi(stack);
});
afterAll(async () => {
  await api.close();
  await stack.close();
  await receiver.close();
  await model.close();
  expect(api.reported).toEqual([]);
  expect(problemsOf(receiver)).toEqual([]);
  // What was not to be kept did not come at any time.
  expect(receiver.spans.filter(({ traceId }) => !kept.has(traceId))).toEqual([]);
});

/** Traces that somebody asked to keep. */
const kept = new Set<string>();
const SPAN = '00f067aa0ba902b7';
let traces = 0;
function caller(flags: '00' | '01' = '01'): { traceId: string; traceparent: string } {
  traces += 1;
  const traceId = traces.toString(16).padStart(32, 'a');
  if (flags === '01') kept.add(traceId);
  return { traceId, traceparent: `00-${traceId}-${SPAN}-${flags}` };
}
const ANSWERED = ['chat model', 'invoke_agent greeter'];
const TALKED = ['chat model', 'invoke_agent friend'];
const startGreeter = (options: { traceparent?: string } = {}) =>
  stack.client.agent<typeof greeter>('greeter').start('Hello.', options);

test("a caller's flag is the decision, of the run and of those below it: one that is not to be kept shows nothing", async () => {
  const { traceId, traceparent } = caller();
  const start = (options: { traceparent?: string }) => stack.client.agent<typeof lead>('lead').start('go', options);
  const [shown, silent, own] = [await start({ traceparent }), await start(caller('00')), await start({})];
  for (const run of [shown, silent, own]) await run.result();
  const { root, spans } = await tracedRun(receiver, shown.id, [
    ...['chat model', 'execute_tool helper', 'chat model', 'invoke_agent lead'],
  ]);
  expect(root).toMatchObject({ traceId, parentSpanId: SPAN });
  const call = spans.find(({ name }) => name === 'execute_tool helper');
  const below = receiver.spans.filter(({ name }) => name === 'invoke_agent helper');
  expect(below).toMatchObject([{ traceId, parentSpanId: call?.spanId }]);
});

test('a message to a session, by the library and over HTTP: the run that answers it is in its sender’s trace, and no other is', async () => {
  const session = stack.client.session<typeof friend>('friend', 'talk');
  const [first, second] = [caller(), caller()];
  const answer = await session.send('one', { traceparent: first.traceparent });
  await answer.result();
  const unasked = await session.send('two');
  await unasked.result();
  const { status, body } = await api.ask('POST', '/v1/sessions/talk/messages', {
    body: { agent: 'friend', input: 'three', id: 'third' },
    headers: { traceparent: second.traceparent },
  });
  expect({ status, run: body['run'] }).toEqual({ status: 202, run: 'talk/third' });
  await api.ask('GET', '/v1/sessions/talk/messages/third/result?wait=60');
  expect((await tracedRun(receiver, answer.id, TALKED)).root).toMatchObject({
    ...{ traceId: first.traceId, parentSpanId: SPAN },
    attributes: { 'gen_ai.conversation.id': 'talk' },
  });
  expect((await tracedRun(receiver, 'talk/third', TALKED)).root).toMatchObject({ traceId: second.traceId });
  await expect(session.send('four', { traceparent: 'nonsense' })).rejects.toThrow(/traceparent/);
});

test('a fork is in the trace of whoever asks for it, and not in that of the run that it goes on from', async () => {
  const [origin, asked] = [caller(), caller()];
  const run = await startGreeter(origin);
  await run.result();
  const fork = await stack.client.fork(run.id, { say: 'again', traceparent: asked.traceparent });
  const silent = await stack.client.fork(run.id, { say: 'again' });
  await Promise.all([fork.result(), silent.result()]);
  expect((await tracedRun(receiver, fork.id, ANSWERED)).root).toMatchObject({ traceId: asked.traceId });
  expect((await tracedRun(receiver, run.id, ANSWERED)).root).toMatchObject({ traceId: origin.traceId });
});

test('a response is in the trace of its request: a new one, one that goes on from another, and one that a session gives', async () => {
  const client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'none is needed', maxRetries: 0 });
  const ask = async (of: string, previous?: string): Promise<{ id: string; traceId: string }> => {
    const { traceId, traceparent } = caller();
    const request = { model: of, input: 'Hello.', ...(previous ? { previous_response_id: previous } : {}) };
    return { id: (await client.responses.create(request, { headers: { traceparent } })).id, traceId };
  };
  const first = await ask('greeter');
  const next = await ask('greeter', first.id);
  const said = await ask('friend');
  for (const [{ id, traceId }, names] of [
    [first, ANSWERED],
    [next, ANSWERED],
    [said, TALKED],
  ] as const)
    expect((await tracedRun(receiver, id, names)).root).toMatchObject({ traceId, parentSpanId: SPAN });
});

/** What OpenTelemetry's package for Node does, as far as a test of callers needs it. */
class CallersContext implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active = (): Context => this.#storage.getStore() ?? ROOT_CONTEXT;
  with: ContextManager['with'] = (of, work, self, ...args) =>
    this.#storage.run(of, () => work.call(self as never, ...args));
  bind: ContextManager['bind'] = (_of, target) => target;
  enable = (): this => this;
  disable = (): this => this;
}

test("where the caller has an OpenTelemetry SDK, its own span, the client's, the run's and its calls' are one trace, from end to end", async () => {
  const exporter = new OTLPTraceExporter({ url: `${receiver.url}/v1/traces` });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop' }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new CallersContext());
  try {
    const { id, fork, message, traceId } = await trace
      .getTracer('shop')
      .startActiveSpan('POST /orders', async (span) => {
        kept.add(span.spanContext().traceId);
        const run = await startGreeter();
        await run.result();
        const again = await stack.client.fork(run.id, { say: 'again' });
        await again.result();
        const said = await stack.client.session<typeof friend>('friend', 'orders').send('one');
        await said.result();
        span.end();
        return { id: run.id, fork: again.id, message: said.id, traceId: span.spanContext().traceId };
      });
    await provider.forceFlush();
    const own = receiver.spans.filter(({ resource }) => resource['service.name'] === 'shop');
    const handler = own.find(({ name }) => name === 'POST /orders');
    const named = (name: string, run: string) =>
      own.find(({ name: its, attributes }) => its === name && attributes['longhaul.run.id'] === run);
    expect(own.map(({ name }) => name).sort()).toEqual([
      ...['POST /orders', 'await result', 'await result', 'await result', 'fork', 'send friend', 'start greeter'],
    ]);
    expect(own.every((span) => span.traceId === traceId)).toBe(true);
    for (const [run, began, names] of [
      [id, 'start greeter', ANSWERED],
      [fork, 'fork', ANSWERED],
      [message, 'send friend', TALKED],
    ] as const) {
      const start = named(began, run);
      expect(start).toMatchObject({ parentSpanId: handler?.spanId });
      expect((await tracedRun(receiver, run, names)).root).toMatchObject({ traceId, parentSpanId: start?.spanId });
    }
  } finally {
    trace.disable();
    context.disable();
    await provider.shutdown();
  }
});
