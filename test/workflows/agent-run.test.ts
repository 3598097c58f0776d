// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { defineAgent, defineTool, fileRef } from '../../activities/define';
import { ClientError } from '../../client/errors';
import { objectHash } from '../../activities/store';
import { runRecordName } from '../../activities/store/ref-names';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const gate: { release?: () => void; reached?: () => void } = {};

const add = defineTool({
  name: 'add',
  description: 'Adds two numbers.',
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.object({ sum: z.number() }),
  effect: 'read',
  run: ({ a, b }) => ({ sum: a + b }),
});
const hold = defineTool({
  name: 'hold',
  description: 'Waits until it is told to go on.',
  input: z.object({}),
  output: z.object({ released: z.boolean() }),
  effect: 'read',
  timeout: '60s',
  run: async (_, { signal }) => {
    gate.reached?.();
    await new Promise<void>((resolve, reject) => {
      gate.release = resolve;
      signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    });
    return { released: true };
  },
});
const flip = defineTool({
  name: 'flip',
  description: 'Turns an image over.',
  input: z.object({ image: fileRef() }),
  output: z.object({ image: fileRef() }),
  effect: 'read',
  run: async ({ image }, { files }) => {
    const bytes = await files.read(image);
    return { image: await files.write(bytes.slice().reverse(), { mediaType: image.mediaType, name: 'flipped.png' }) };
  },
});

const adder = defineAgent({ name: 'adder', instructions: 'Add.', tools: [add, hold] });
const typed = defineAgent({
  name: 'typed',
  instructions: 'Answer in JSON.',
  input: z.object({ orderId: z.string() }),
  output: z.object({ decision: z.enum(['yes', 'no']) }),
});
const painter = defineAgent({
  name: 'painter',
  instructions: 'Flip.',
  input: z.object({ photo: fileRef() }),
  tools: [flip],
});
const brief = defineAgent({ name: 'brief', instructions: 'Add.', tools: [add], limits: { turns: 2 } });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script() });
  stack = await startTestStack({ agents: [adder, typed, painter, brief], modelUrl: model.url });
}, 60_000);
afterAll(async () => {
  await stack.close();
  await model.close();
});
afterEach(() => {
  model.clearFaults();
  model.reset();
});

const reached = (): Promise<void> => new Promise((resolve) => (gate.reached = resolve));

test('a run calls tools in parallel and answers; its conversation is in the store, word for word', async () => {
  model.setScript(
    script()
      .calls([
        { name: 'add', args: { a: 1, b: 2 } },
        { name: 'add', args: { a: 3, b: 4 } },
      ])
      .answer('3 and 7'),
  );
  const run = await stack.client
    .agent<typeof adder>('adder')
    .start('what is 1+2 and 3+4?', { session: 's1', tags: ['red', 'blue'] });
  const result = await run.result();
  expect(result).toMatchObject({
    outcome: 'completed',
    output: '3 and 7',
    length: 5,
    totals: { turns: 2, modelCalls: 2, toolCalls: 2 },
  });
  const transcript = await run.transcript();
  expect(transcript.map((message) => message.role)).toEqual(['user', 'assistant', 'tool', 'tool', 'assistant']);
  expect(transcript[3]).toMatchObject({
    call: 1,
    name: 'add',
    outcome: 'ok',
    parts: [{ type: 'text', text: '{"sum":7}' }],
  });
});

test('temporal shows a run: memo, search attributes, summaries and current details', async () => {
  model.setScript(script().call('add', { a: 1, b: 1 }).answer('two'));
  const run = await stack.client
    .agent<typeof adder>('adder')
    .start('one and one', { user: 'u7', session: 's1', tags: ['red'] });
  await run.result();
  const description = await run.describe();
  expect(description.status.name).toBe('COMPLETED');
  expect(description.memo).toMatchObject({ question: 'one and one', answer: 'two' });
  expect(description.searchAttributes).toMatchObject({
    AgentName: ['adder'],
    TenantId: ['acme'],
    UserId: ['u7'],
    SessionId: ['s1'],
    RunTags: ['red'],
    RunOutcome: ['completed'],
  });
  expect(await description.staticSummary()).toBe('adder: one and one');
  const history = await stack.temporal.workflow.getHandle(run.id).fetchHistory();
  const summaries = (history.events ?? [])
    .flatMap((event) => event.userMetadata?.summary?.data ?? [])
    .map((data) => JSON.parse(Buffer.from(data).toString('utf8')) as string);
  expect(summaries).toEqual([
    'adder: one and one',
    'turn 1: model',
    'add {"a":1,"b":1}',
    'turn 2: model',
    'records: completed',
  ]);
});

test('the same id is the same run; another input under it is refused', async () => {
  model.setScript(script().answer('once'));
  const agent = stack.client.agent<typeof adder>('adder');
  const [first, second] = await Promise.all([
    agent.start('again', { id: 'same' }),
    agent.start('again', { id: 'same' }),
  ]);
  expect(await first.result()).toEqual(await second.result());
  expect(await (await agent.start('again', { id: 'same' })).result()).toMatchObject({ output: 'once' });
  expect(model.counts().answered).toBe(1);
  const refused = agent.start('something else', { id: 'same' });
  await expect(refused).rejects.toThrow('run same exists already');
  await expect(refused).rejects.toMatchObject({ code: 'id-in-use' });
});

test('the same id is the same run when Temporal has long forgotten it', async () => {
  model.setScript(script().answer('once').answer('twice'));
  const agent = stack.client.agent<typeof adder>('adder');
  const run = await agent.start('remember');
  await run.result();
  // The record alone is left of a run after Temporal's retention.
  const value = { ...(await run.record()), id: 'forgotten' };
  await stack.store.commit({ refs: [{ op: 'put', name: runRecordName('forgotten'), value }] });
  const again = await agent.start('remember', { id: 'forgotten' });
  expect(await again.result()).toMatchObject({ outcome: 'completed', output: 'once' });
  expect(model.counts().answered).toBe(1);
});

test('output is typed by the schema, and an invalid answer gets repair turns, then a typed failure', async () => {
  model.setScript(script().answer('no idea').answer({ decision: 'yes' }));
  const mended = await (await stack.client.agent<typeof typed>('typed').start({ orderId: 'A-1' })).result();
  expect(mended).toMatchObject({ outcome: 'completed', output: { decision: 'yes' }, totals: { turns: 2 } });

  model.setScript(script().answer({ decision: 'a' }).answer({ decision: 'b' }).answer({ decision: 'c' }));
  const failed = await (await stack.client.agent<typeof typed>('typed').start({ orderId: 'A-2' })).result();
  expect(failed).toMatchObject({ outcome: 'failed', failure: { type: 'Model.InvalidOutput' }, totals: { turns: 3 } });
});

test('input that does not fit, and agents that do not exist, are refused before anything starts', async () => {
  const wrong: unknown = { orderId: 5 };
  await expect(stack.client.agent<typeof typed>('typed').start(wrong as { orderId: string })).rejects.toMatchObject({
    code: 'invalid-input',
    message: expect.stringContaining('orderId') as string,
  });
  const unknown = stack.client.agent('nobody').start('hello');
  await expect(unknown).rejects.toThrow('there is no agent "nobody". Known: adder, brief, painter, typed.');
  await expect(unknown.catch((error: unknown) => ClientError.isInstance(error))).resolves.toBe(true);
});

test('a limit ends the run with outcome budget-exhausted, and Temporal shows it as failed with its type', async () => {
  model.setScript(script().call('add', { a: 1, b: 1 }).call('add', { a: 1, b: 1 }).call('add', { a: 1, b: 1 }));
  const run = await stack.client.agent<typeof brief>('brief').start('forever');
  expect(await run.result()).toMatchObject({ outcome: 'budget-exhausted', failure: { type: 'Budget.TurnsExhausted' } });
  const description = await run.describe();
  expect(description.status.name).toBe('FAILED');
  expect(description.searchAttributes).toMatchObject({
    RunOutcome: ['budget-exhausted'],
    FailureType: ['Budget.TurnsExhausted'],
  });
});

test('cancel with a reason aborts the tool, ends as Cancelled, and the reason is kept', async () => {
  model.setScript(script().call('hold', {}).answer('never'));
  const arrived = reached();
  const run = await stack.client.agent<typeof adder>('adder').start('wait');
  await arrived;
  await run.cancel('changed my mind');
  expect(await run.result()).toMatchObject({
    outcome: 'cancelled',
    failure: { type: 'Run.Cancelled', message: 'changed my mind' },
  });
  expect((await run.describe()).status.name).toBe('CANCELLED');
  await expect(run.cancel('again')).rejects.toThrow();
});

test("Temporal's own cancel works too, its reason not given; and it closes the provider's socket", async () => {
  model.setScript(script().answer('never'));
  model.addFaults({ when: {}, do: { hang: true } });
  const arrived = model.until((counts) => counts.requests > 0);
  const run = await stack.client.agent<typeof adder>('adder').start('hang');
  await arrived;
  await stack.temporal.workflow.getHandle(run.id).cancel();
  expect(await run.result()).toMatchObject({ outcome: 'cancelled', failure: { message: 'no reason was given' } });
  await model.until((counts) => counts.closedByClient > 0);
  expect(model.counts().closedByClient).toBe(1);
});

test('a paused run makes no next step until it is resumed; a pause survives a worker restart', async () => {
  model.setScript(script().call('hold', {}).answer('done'));
  const arrived = reached();
  const run = await stack.client.agent<typeof adder>('adder').start('pause me');
  await arrived;
  await run.pause('lunch');
  gate.release?.();
  await stack.restartWorker();
  expect(await run.progress()).toMatchObject({ status: 'paused', reason: 'lunch', turn: 1 });
  expect(model.counts().answered).toBe(1);
  await run.resume();
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'done' });
});

test('a 10 MB image goes in, through a tool and back, and history grows by less than 2.5 KB', async () => {
  const image = Buffer.alloc(10 * 1024 * 1024, 7);
  image.writeUInt32BE(0x89504e47, 0);
  await stack.store.commit({ objects: [image] });
  const photo = { sha256: objectHash(image), bytes: image.length, mediaType: 'image/png', name: 'photo.png' };
  model.setRespond((request) => {
    const asked = request.messages.some((message) => message.role === 'tool');
    return asked ? { text: 'flipped' } : { calls: [{ name: 'flip', args: { image: { ...photo } } }] };
  });
  const run = await stack.client.agent<typeof painter>('painter').start({ photo });
  const result = await run.result();
  expect(result).toMatchObject({ outcome: 'completed', output: 'flipped' });
  const flipped = (await run.transcript())[2];
  const part = flipped?.parts.find((one) => one.type === 'image');
  if (part?.type !== 'image') throw new Error('the tool message has no image');
  const [bytesBack] = await stack.store.get([part.file.sha256]);
  expect(Buffer.from(bytesBack ?? []).equals(Buffer.from(image).reverse())).toBe(true);

  model.setScript(script().call('add', { a: 1, b: 1 }).answer('2'));
  const plain = await stack.client.agent<typeof adder>('adder').start('1+1');
  await plain.result();
  const bytes = async (id: string): Promise<number> =>
    Number((await stack.temporal.workflow.getHandle(id).describe()).raw.workflowExecutionInfo?.historySizeBytes ?? 0);
  const grown = (await bytes(run.id)) - (await bytes(plain.id));
  console.log(`history of a run with a 10 MB image: ${await bytes(run.id)} bytes, ${grown} more than one without`);
  expect(grown).toBeLessThan(2_500);
});

test('the server refuses a cancel without a reason before it reaches the history', async () => {
  model.setScript(script().call('hold', {}).answer('done'));
  const arrived = reached();
  const run = await stack.client.agent<typeof adder>('adder').start('validators');
  await arrived;
  const handle = stack.temporal.workflow.getHandle(run.id);
  const before = (await handle.describe()).historyLength;
  await expect(handle.executeUpdate('cancel', { args: [{ reason: '' }] })).rejects.toThrow();
  const history = await handle.fetchHistory();
  expect(history.events?.some((event) => event.workflowExecutionUpdateAcceptedEventAttributes)).toBe(false);
  expect((await handle.describe()).historyLength).toBeGreaterThanOrEqual(before);
  gate.release?.();
  await run.result();
});

test('a missing object pauses the run with a typed reason instead of failing it', async () => {
  model.setScript(script().answer('found'));
  const lost = `run-with-lost-input`;
  const handle = await stack.temporal.workflow.start('agentRun', {
    workflowId: lost,
    taskQueue: 'agents',
    args: [
      {
        schemaVersion: 1,
        agent: 'adder',
        release: 'f'.repeat(64),
        tenant: 'acme',
        tags: [],
        input: { hash: 'a'.repeat(64), role: 'user', preview: 'lost' },
        plan: adder.plan,
      },
    ],
  });
  const run = stack.client.run(lost);
  for await (const event of run.events({ signal: AbortSignal.timeout(20_000) })) {
    if (event.type === 'status' && event.progress.status === 'paused') break;
  }
  expect(await run.progress()).toMatchObject({
    status: 'paused',
    steps: expect.arrayContaining([expect.objectContaining({ label: 'paused: Store.ObjectMissing' })]) as unknown,
  });
  await handle.terminate('over');
});

test('what happened is in the metrics, by bounded labels', async () => {
  const text = await stack.metrics.registry.metrics();
  expect(text).toMatch(
    /agent_runs_ended_total\{agent="adder",release="[0-9a-f]{12}",outcome="completed",failure="none"\} \d+/,
  );
  expect(text).toMatch(
    /agent_model_call_duration_seconds_count\{agent="adder",release="[0-9a-f]{12}",model="test\/model",outcome="ok"\} \d+/,
  );
  expect(readFileSync(stack.logFile, 'utf8')).not.toContain('sk-test-key-of-the-model-server');
});
