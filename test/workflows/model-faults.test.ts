// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. What a model or its provider does wrong:
// the defined answer goes back a bounded number of times, or Temporal tries again, or the run fails with a type.
import { readFileSync } from 'node:fs';
import type { WorkflowHandle } from '@temporalio/client';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import type { RunHandle } from '../../client/run-handle';
import { startModelServer, type FaultAction, type ModelRequest, type ModelServer } from '../kit/model-server';
import type { ScriptTurn } from '../kit/script';
import { payloadText } from '../stack/payload-text';
import { startTestStack, type TestStack } from '../stack/test-stack';

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers.',
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.object({ sum: z.number() }),
  effect: 'read',
  run: ({ a, b }) => ({ sum: a + b }),
});
const adder = defineAgent({ name: 'adder', instructions: 'Add.', tools: [add] });
type HistoryEvents = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>;
/** As test-stack.ts sets it. */
const KEY = 'sk-test-key-of-the-model-server';

const APIS = ['chat', 'responses', 'messages'] as const;

let model: ModelServer;
/** Side by side, because all stacks of a process share the first one's log. */
let stacks: TestStack[] = [];
beforeAll(async () => {
  model = await startModelServer({ respond: () => ({ text: 'nothing was prepared' }) });
  for (const api of APIS) stacks.push(await startTestStack({ agents: [adder], modelUrl: model.url, api }));
});
afterAll(async () => {
  for (const stack of stacks) await stack.close();
  stacks = [];
  await model.close();
});

describe.each(APIS.map((api, at) => ({ api, at })))('over the $api API', ({ at }) => {
  let stack: TestStack;
  let seen: ModelRequest[] = [];

  beforeAll(() => {
    const started = stacks[at];
    if (!started) throw new Error('its stack did not start');
    stack = started;
  });
  beforeEach(() => {
    model.clearFaults();
    model.reset();
    seen = [];
  });

  /** The nth request gets the nth turn, so that a request that is made again would be seen as one too many. */
  const says = (...turns: ScriptTurn[]): void =>
    model.setRespond((request) => {
      seen.push(request);
      return turns[seen.length - 1] ?? { text: `request ${seen.length} was not expected` };
    });
  const strike = (...actions: FaultAction[]): void =>
    model.addFaults(...actions.map((action, at) => ({ when: { nth: at + 1 }, do: action })));
  const asked = async (): Promise<RunHandle<string>> => await stack.client.agent<typeof adder>('adder').start('1 + 2?');
  const historyOf = async ({ id }: { id: string }): Promise<HistoryEvents> =>
    (await stack.temporal.workflow.getHandle(id).fetchHistory()).events ?? [];

  const call = (name: string, args: unknown): ScriptTurn => ({ calls: [{ name, args }] });
  const PROBLEMS: [string, ScriptTurn, string, 'tool' | 'user', RegExp][] = [
    [
      'arguments that do not parse',
      call('add', '{"a": 1, "b'),
      'Model.InvalidToolCall',
      'tool',
      /^Tool\.InvalidArguments: the arguments are not a JSON object/,
    ],
    [
      'a tool that does not exist',
      call('subtract', { a: 1, b: 2 }),
      'Model.InvalidToolCall',
      'tool',
      /^Tool\.Unknown: there is no tool "subtract"\. Tools: add\.$/,
    ],
    [
      'an empty answer',
      {},
      'Model.EmptyAnswer',
      'user',
      /^Your answer was empty\. Call a tool or give your final answer\.$/,
    ],
    ['a refusal', { refusal: 'I would rather not.' }, 'Model.Refused', 'user', /^You declined to answer\. /],
    [
      'an answer cut at its length',
      { text: 'The sum is', cut: 'length' },
      'Model.Truncated',
      'user',
      /^Your answer was cut at the length limit/,
    ],
    [
      'a call cut at its length',
      { ...call('add', '{"a": 1'), cut: 'length' },
      'Model.Truncated',
      'user',
      /^Your answer was cut at the length limit/,
    ],
  ];

  describe.each(PROBLEMS)('%s', (_, turn, type, role, reply) => {
    test('is answered to the model, and the run goes on', async () => {
      says(turn, { text: '3' });
      expect(await (await asked()).result()).toMatchObject({ outcome: 'completed', output: '3', totals: { turns: 2 } });
      expect(seen).toHaveLength(2);
      expect(seen[1]?.messages.at(-1)).toMatchObject({ role, text: expect.stringMatching(reply) as string });
    });

    test('is answered twice, and the third time ends the run with its type', async () => {
      says(turn, turn, turn, { text: 'too late' });
      expect(await (await asked()).result()).toMatchObject({
        outcome: 'failed',
        failure: { type },
        totals: { turns: 3 },
      });
      expect(seen).toHaveLength(3);
      const replies = seen[2]?.messages.filter((message) => message.role === role && reply.test(message.text));
      expect(replies).toHaveLength(2);
    });
  });

  /** Failures of the attempts before the last, as Temporal keeps them. */
  const retriedAfter = (events: HistoryEvents) =>
    events.flatMap(({ activityTaskStartedEventAttributes: started }) =>
      started?.lastFailure?.applicationFailureInfo
        ? [{ attempt: started.attempt, ...started.lastFailure.applicationFailureInfo }]
        : [],
    );

  const BROKEN: [string, FaultAction, string][] = [
    ['a 500', { status: 500 }, 'Model.Unavailable'],
    ['a stream that is cut', { cutStreamAfterChunks: 2 }, 'Model.InvalidResponse'],
    ['a page of a gateway in the middle of the events', { malformedSse: true }, 'Model.InvalidResponse'],
    ['an event that is no JSON', { malformedJson: true }, 'Model.InvalidResponse'],
  ];

  test.each(BROKEN)(
    '%s, then success: the call is made again, and the conversation shows nothing of it',
    async (_, action, type) => {
      says({ text: '3' }, { text: '3' });
      strike(action);
      const run = await asked();
      expect(await run.result()).toMatchObject({
        outcome: 'completed',
        output: '3',
        length: 2,
        totals: { modelCalls: 1 },
      });
      expect(model.counts()).toMatchObject({ requests: 2, faulted: 1 });
      expect(retriedAfter(await historyOf(run))).toMatchObject([{ attempt: 2, type }]);
      const [first, second] = model.requests();
      expect(second?.sha256).toBe(first?.sha256);
    },
  );

  test('a 429 with a short retry-after: the next attempt comes when the provider said', async () => {
    says({ text: '3' });
    strike({ status: 429, retryAfter: 2 });
    const run = await asked();
    expect(await run.result()).toMatchObject({ outcome: 'completed', output: '3' });
    expect(retriedAfter(await historyOf(run))).toMatchObject([
      { attempt: 2, type: 'Model.RateLimited', nextRetryDelay: { seconds: expect.anything() as unknown } },
    ]);
    const [first, second] = model.requests();
    expect((second?.arrivedAt ?? 0) - (first?.endedAt ?? 0)).toBeGreaterThanOrEqual(2_000);
  });

  test('a 429 whose retry-after is no time at all: another attempt comes', async () => {
    says({ text: '3' });
    strike({ status: 429, retryAfter: 0 });
    expect(await (await asked()).result()).toMatchObject({ outcome: 'completed', output: '3' });
    expect(model.counts()).toMatchObject({ requests: 2, faulted: 1 });
  });

  test('a wrong key: one attempt, a typed failure that says where to look, and the key is nowhere', async () => {
    says({ text: 'never' });
    // As real providers do, it repeats what it was sent.
    const error = {
      message: `Incorrect API key provided: ${KEY}.`,
      type: 'invalid_request_error',
      code: 'invalid_api_key',
    };
    strike({ status: 401, body: { error } }, { status: 401, body: { error } });
    const run = await asked();
    const result = await run.result();
    expect(result).toMatchObject({
      outcome: 'failed',
      failure: { type: 'Model.Authentication' },
      totals: { turns: 0 },
    });
    expect(model.counts().requests).toBe(1);
    expect(result.outcome === 'failed' && result.failure.message).toMatch(
      /refused the key \(401\): Incorrect API key provided: \S+\. Check /,
    );

    const description = await run.describe();
    const texts = {
      history: payloadText(await historyOf(run)),
      memo: payloadText(description.memo),
      execution: payloadText(description.raw),
      record: payloadText(await run.record()),
      result: payloadText(result),
      log: readFileSync(stack.logFile, 'utf8'),
      metrics: await stack.metrics.registry.metrics(),
    };
    expect(texts.history).toContain('Incorrect API key provided');
    for (const text of Object.values(texts)) expect(text).not.toContain(KEY.slice(3));
  });
});
