// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. The worker makes one call at a time: a run
// that waits for another must not keep its place.
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { agentTool, defineAgent, defineTool, type AnyAgent } from '../../activities/define';
import { runRecordName, subRunsOf } from '../../activities/store/ref-names';
import type { RunProgress } from '../../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { script, startModelServer, type ModelServer, type Script } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const paid: unknown[] = [];
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({ amount: z.number() }),
  output: z.string(),
  effect: 'keyed',
  run: (args) => {
    paid.push(args);
    return 'paid';
  },
});
const hold = defineTool({
  name: 'hold',
  description: 'Holds until it is told to stop.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  timeout: '1m',
  run: (_, { signal }) =>
    new Promise<string>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
    }),
});
const reader = defineAgent({ name: 'reader', description: 'Reads.', instructions: 'reader', tools: [] });
const researcher = defineAgent({
  name: 'researcher',
  description: 'Finds out.',
  instructions: 'researcher',
  input: z.object({ question: z.string(), depth: z.number().default(1) }),
  output: z.object({ found: z.string() }),
  tools: [agentTool(reader), hold],
});
const clerk = defineAgent({ name: 'clerk', description: 'Pays.', instructions: 'clerk', tools: [pay] });
const lead = defineAgent({
  name: 'lead',
  instructions: 'lead',
  tools: [agentTool(researcher), agentTool(clerk)],
});
const strict = defineAgent({
  name: 'strict',
  instructions: 'strict',
  tools: [agentTool(researcher, {}, { onFailure: 'stop' })],
});
const guarded = defineAgent({
  name: 'guarded',
  instructions: 'guarded',
  tools: [agentTool(clerk, {}, { approval: {} })],
});
const frugal = defineAgent({
  name: 'frugal',
  instructions: 'frugal',
  limits: { tokens: 1_000, toolCalls: 6 },
  tools: [agentTool(reader), agentTool(researcher, { toolCalls: 1 })],
});

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script() });
  stack = await startTestStack({
    agents: [reader, researcher, clerk, lead, strict, guarded, frugal],
    modelUrl: model.url,
    atOnce: 1,
  });
}, 60_000);
afterAll(async () => {
  await stack.close();
  await model.close();
});
beforeEach(() => model.reset());

/** What each agent says, by its instructions. */
const say = (scripts: { [agent: string]: Script }): void =>
  model.setRespond(({ messages }) => {
    const [system] = messages;
    const name = Object.keys(scripts).find((one) => system?.text.startsWith(one)) ?? '';
    const said = scripts[name];
    if (!said) throw new Error(`nothing to say for: ${system?.text ?? 'nobody'}`);
    return said;
  });
const start = (agent: AnyAgent, id: string) => stack.client.agent(agent.name).start('go', { id });
const recordOf = async (id: string): Promise<RunRecord> =>
  runRecordSchema.parse((await stack.store.readRef(runRecordName(id)))?.value);
/** Of all depths, oldest first. */
async function subRunsUnder(root: string): Promise<RunRecord[]> {
  const refs = await stack.store.listRefs(subRunsOf(root));
  const records = await Promise.all(refs.map(({ name }) => recordOf(decodeURIComponent(name.split('/').at(-1) ?? ''))));
  return records.sort((a, b) => a.startedAt - b.startedAt);
}
/** The nth of them, once it holds. */
const holding = (root: string, nth = 0): Promise<RunRecord> =>
  eventually(async () => {
    const found = (await subRunsUnder(root))[nth];
    const progress =
      found &&
      (await stack.client
        .run(found.id)
        .progress()
        .catch(() => undefined));
    return progress?.steps.some(({ label }) => label.startsWith('hold')) ? found : undefined;
  });
const asking = (root: string): Promise<RunRecord> =>
  eventually(async () => {
    const [found] = await subRunsUnder(root);
    const progress =
      found &&
      (await stack.client
        .run(found.id)
        .progress()
        .catch(() => undefined));
    return progress?.status === 'asking' ? found : undefined;
  });
async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 300; tries += 1) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await after(100);
  }
  throw new Error('it did not come about within 30 s');
}

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
/** As the run itself says it: a client shows what its sub-agent asks in that place. */
const waitsForBefore = async (id: string): Promise<true | undefined> => {
  const handle = stack.temporal.workflow.getHandle(id);
  const { reason } = await handle.query<RunProgress>('progress').catch(() => ({ reason: undefined }));
  return reason?.startsWith('clerk, which an execution of before has begun') ? true : undefined;
};

test('a run with two sub-agents, one of which has one of its own, completes where one call is made at a time', async () => {
  say({
    lead: script()
      .calls([
        { name: 'researcher', args: { question: 'why?' } },
        { name: 'researcher', args: { question: 'how?' } },
      ])
      .answer('known'),
    researcher: script().call('reader', { input: 'the page' }).answer('{"found":"it"}'),
    reader: script().answer('a page'),
  });
  const run = await start(lead, 'one-at-a-time');
  expect(await run.result()).toMatchObject({
    outcome: 'completed',
    output: 'known',
    // Its own two, two of each researcher, one of each reader.
    totals: { turns: 2, modelCalls: 8, toolCalls: 4 },
  });
  const told = (await run.transcript()).filter(({ role }) => role === 'tool');
  expect(told).toMatchObject(
    [0, 1].map((call) => ({ call, name: 'researcher', outcome: 'ok', parts: [{ text: '{"found":"it"}' }] })),
  );
  const below = await subRunsUnder('one-at-a-time');
  expect(below.map(({ agent, parent }) => [agent, parent?.root])).toEqual(
    expect.arrayContaining([
      ['researcher', 'one-at-a-time'],
      ['reader', 'one-at-a-time'],
    ]),
  );
  expect(below).toHaveLength(4);
  const first = below.find(({ agent }) => agent === 'researcher');
  expect(first).toMatchObject({ tenant: 'acme', user: 'tester', parent: { run: 'one-at-a-time', turn: 1 } });
  // With its defaults, as a caller's would be.
  expect(await stack.client.run(first?.id ?? '').transcript()).toMatchObject([
    { role: 'user', parts: [{ text: expect.stringMatching(/^\{"depth":1,"question":"(why|how)\?"\}$/) }] },
    ...Array.from({ length: 3 }, (): unknown => expect.anything()),
  ]);
  const { usage } = (await recordOf('one-at-a-time')).ended?.totals ?? {};
  const parts = below.filter(({ agent }) => agent === 'researcher').map(({ ended }) => ended?.totals.usage.input ?? 0);
  expect(usage?.input).toBeGreaterThan(parts.reduce((sum, one) => sum + one, 0));
}, 60_000);

test('arguments that do not fit are told to the model, and begin no run', async () => {
  say({ lead: script().call('researcher', { question: 1 }).answer('never mind') });
  const run = await start(lead, 'unfit');
  expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { modelCalls: 2, toolCalls: 1 } });
  expect((await run.transcript())[2]).toMatchObject({
    outcome: 'error',
    parts: [
      { text: expect.stringContaining('Tool.InvalidArguments: the input does not fit agent researcher: question') },
    ],
  });
  expect(await subRunsUnder('unfit')).toEqual([]);
});

test('a sub-agent that gives no answer is a failed call, which the model reads or which ends the run', async () => {
  const researcherFails = script().refuse('no').refuse('no').refuse('no');
  say({ lead: script().call('researcher', { question: 'why?' }).answer('unknown'), researcher: researcherFails });
  const told = await start(lead, 'told');
  expect(await told.result()).toMatchObject({ outcome: 'completed', totals: { modelCalls: 5 } });
  expect((await told.transcript())[2]).toMatchObject({
    outcome: 'error',
    parts: [{ text: expect.stringContaining('Tool.AgentFailed: researcher gave no answer: failed (Model.Refused') }],
  });
  say({ strict: script().call('researcher', { question: 'why?' }), researcher: researcherFails });
  expect(await (await start(strict, 'stopped')).result()).toMatchObject({
    outcome: 'failed',
    failure: {
      type: 'Tool.AgentFailed',
      message: expect.stringContaining('researcher gave no answer: failed (Model.Refused'),
    },
    totals: { modelCalls: 4 },
  });
});

test('a cancel passes down with its reason, and the run ends when what it waits for has', async () => {
  say({ lead: script().call('researcher', { question: 'why?' }), researcher: script().call('hold', {}) });
  const run = await start(lead, 'cancelled');
  const below = await holding('cancelled');
  await run.cancel('enough is known');
  expect(await run.result()).toMatchObject({
    outcome: 'cancelled',
    failure: { message: 'enough is known' },
    totals: { modelCalls: 2 },
  });
  expect(await recordOf(below.id)).toMatchObject({
    ended: {
      outcome: 'cancelled',
      failure: { message: 'run cancelled, which waits for it, is cancelled: enough is known' },
    },
  });
  expect((await stack.client.run(below.id).describe()).status.name).toBe('CANCELLED');
}, 60_000);

test('a sub-agent that somebody cancels or terminates is a failed call of a run that goes on', async () => {
  say({
    lead: script().call('researcher', { question: 'why?' }).call('researcher', { question: 'how?' }).answer('unknown'),
    researcher: script().call('hold', {}),
  });
  const run = await start(lead, 'ended-from-outside');
  await stack.client.run((await holding('ended-from-outside')).id).cancel('not that');
  await stack.temporal.workflow.getHandle((await holding('ended-from-outside', 1)).id).terminate('not this');
  expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { modelCalls: 5, toolCalls: 2 } });
  const told = (await run.transcript()).filter(({ role }) => role === 'tool');
  expect(told).toMatchObject([
    { parts: [{ text: expect.stringContaining('cancelled (Run.Cancelled: not that)') }] },
    { parts: [{ text: expect.stringContaining('cancelled (Run.Cancelled: it was terminated.)') }] },
  ]);
}, 60_000);

test('a parent that is terminated leaves nothing working', async () => {
  say({ lead: script().call('researcher', { question: 'why?' }), researcher: script().call('hold', {}) });
  await start(lead, 'terminated');
  const below = await holding('terminated');
  await stack.temporal.workflow.getHandle('terminated').terminate('gone');
  expect(await stack.client.run(below.id).result()).toMatchObject({ outcome: 'cancelled' });
}, 60_000);

test('another worker goes on with both, and no call is made twice', async () => {
  say({
    lead: script().call('researcher', { question: 'why?' }).answer('known'),
    researcher: script().call('reader', { input: 'the page' }).answer('{"found":"it"}'),
    reader: script().answer('a page'),
  });
  model.addFaults({ when: { nth: 3 }, do: { hold: 'page' } });
  const run = await start(lead, 'moved');
  await model.until(({ requests }) => requests >= 3);
  const restarted = stack.restartWorker();
  await after(500);
  model.release();
  await restarted;
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'known', totals: { modelCalls: 5 } });
  expect(await subRunsUnder('moved')).toHaveLength(2);
  expect(model.counts()).toMatchObject({ requests: 5, repeated: 0 });
}, 60_000);

test('a cancel after a reset reaches the sub-agent that goes on from before it', async () => {
  say({ lead: script().call('clerk', { input: 'pay' }), clerk: script().call('pay', { amount: 1 }) });
  await start(lead, 'reset-and-cancelled');
  const below = await asking('reset-and-cancelled');
  await reset('reset-and-cancelled');
  await eventually(() => waitsForBefore('reset-and-cancelled'));
  await stack.client.run('reset-and-cancelled').cancel('no more');
  expect(await stack.client.run(below.id).result()).toMatchObject({
    outcome: 'cancelled',
    failure: { message: 'run reset-and-cancelled, which waits for it, is cancelled: no more' },
  });
  expect(await stack.client.run('reset-and-cancelled').result()).toMatchObject({ outcome: 'cancelled' });
}, 60_000);

test('what sub-agents may use is what is left, parted between those that run side by side', async () => {
  const use = (tokens: number) => ({ usage: { input: tokens, output: 0 } });
  say({
    frugal: script()
      .turn({
        calls: [
          { name: 'reader', args: { input: 'a' } },
          { name: 'reader', args: { input: 'b' } },
        ],
        ...use(200),
      })
      .turn({ calls: [{ name: 'researcher', args: { question: 'why?' } }], ...use(100) })
      .turn({ text: 'enough', ...use(10) }),
    reader: script().turn({ text: 'a page', ...use(100) }),
    researcher: script().turn({ calls: [1, 2].map(() => ({ name: 'reader', args: { input: 'a' } })), ...use(100) }),
  });
  const run = await start(frugal, 'frugal');
  expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { usage: { input: 610 } } });
  const limits = await Promise.all(
    (await subRunsUnder('frugal')).map(async ({ id }) => {
      const [first] = (await stack.temporal.workflow.getHandle(id).fetchHistory()).events ?? [];
      const data = first?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
      return [id, data === undefined || data === null ? undefined : (await stack.client.run(id).progress()).limits];
    }),
  );
  // 1,000 less the first answer's 200, for two; then 1,000 less 200, the readers' 200 and 100.
  expect(limits.map(([, left]) => left)).toMatchObject([
    { tokens: 400, toolCalls: 2 },
    { tokens: expect.any(Number), toolCalls: 2 },
    { tokens: 500, toolCalls: 1 },
  ]);
  expect((await run.transcript()).at(-2)).toMatchObject({
    parts: [{ text: expect.stringContaining('budget-exhausted (Budget.ToolCallsExhausted') }],
  });
}, 60_000);

test('after a reset the run finds the sub-agent that it had begun', async () => {
  say({
    lead: script().call('clerk', { input: 'pay' }).answer('known'),
    clerk: script().call('pay', { amount: 2 }).answer('done'),
  });
  await start(lead, 'reset');
  const below = await asking('reset');
  await reset('reset');
  // It asks for the answer of what goes on: it cannot be told when that ends.
  await eventually(() => waitsForBefore('reset'));
  await stack.client.run(below.id).approve(1);
  expect(await stack.client.run('reset').result()).toMatchObject({
    ...{ outcome: 'completed', output: 'known' },
    totals: { modelCalls: 4, toolCalls: 2 },
  });
  expect(model.counts()).toMatchObject({ requests: 4, repeated: 0 });
  expect(paid).toEqual([{ amount: 2 }]);
  expect(await subRunsUnder('reset')).toHaveLength(1);
}, 60_000);

test('a reset that leads elsewhere leaves a sub-agent that was begun before to itself, under the run, until it is cancelled by its own id', async () => {
  say({
    guarded: script().call('clerk', { input: 'pay' }).answer('never mind'),
    clerk: script().call('pay', { amount: 3 }).answer('done'),
  });
  await start(guarded, 'led-elsewhere');
  const run = stack.client.run('led-elsewhere');
  const asksItself = async (): Promise<true | undefined> =>
    (await run.requests().catch(() => [])).some(({ subRun }) => !subRun) ? true : undefined;
  await eventually(asksItself);
  await run.approve(1);
  const { id } = await asking('led-elsewhere');
  await reset('led-elsewhere');
  await eventually(asksItself);
  await run.deny(1);
  // What the other uses is no part of it any more.
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'never mind', totals: { modelCalls: 2 } });
  expect(await stack.client.run(id).progress()).toMatchObject({ status: 'asking' });
  expect(await subRunsUnder('led-elsewhere')).toMatchObject([{ id, parent: { run: 'led-elsewhere' } }]);
  await stack.client.run(id).cancel('nobody waits for it');
  expect(await stack.client.run(id).result()).toMatchObject({ outcome: 'cancelled' });
  expect(paid).not.toContainEqual({ amount: 3 });
}, 60_000);
