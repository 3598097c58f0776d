// Needs: nothing but Node. What the test kit promises to an agent's author.
import { z } from 'zod';
import { agentTool, defineAgent, defineTool, defineToolbox, fileRef, fromFile } from 'longhaul';
import { createMemoryStore, script, testAgent } from 'longhaul/testing';

const payments = defineToolbox({ name: 'payments', secrets: ['PAYMENT_KEY'] });
const refund = defineTool({
  name: 'refund',
  toolbox: payments,
  description: 'Refund an order',
  input: z.object({ orderId: z.string(), amount: z.number().positive().default(5) }),
  output: z.object({ refundId: z.string() }),
  effect: 'keyed',
  approval: false,
  retry: { attempts: 4 },
  run: (_, { secrets }) => ({ refundId: `real-${secrets.PAYMENT_KEY}` }),
});
const refunds = defineAgent({
  name: 'refunds',
  instructions: fromFile('./instructions.md'),
  input: z.object({ orderId: z.string(), photo: fileRef().optional() }),
  output: z.object({ decision: z.enum(['refunded', 'declined']), refundId: z.string().optional() }),
  tools: [refund],
  limits: { wall: '10m' },
});
const happy = script().call(refund, { orderId: 'A-88', amount: 180 }).answer({ decision: 'refunded', refundId: 'r1' });

test('a run ends with an output of the agent’s own type, and every call can be seen', async () => {
  const t = testAgent(refunds, { model: happy, tools: { refund: () => ({ refundId: 'r1' }) } });
  const run = await t.start({ orderId: 'A-88' });
  const result = await run.result();
  expect(result).toMatchObject({
    outcome: 'completed',
    output: { decision: 'refunded', refundId: 'r1' },
    totals: { turns: 2, modelCalls: 2, toolCalls: 1 },
  });
  expect(result.steps.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
    'model done',
    'tool done',
    'model done',
    'note done',
  ]);
  expect(run.calls.map(({ kind }) => kind)).toEqual(['model', 'tool', 'model']);
  expect(run.calls[1]).toEqual({
    kind: 'tool',
    tool: 'refund',
    args: { orderId: 'A-88', amount: 180 },
    attempt: 1,
    result: { refundId: 'r1' },
  });
  expect(run.calls[0]).toMatchObject({ instructions: './instructions.md', tools: [{ name: 'refund' }] });
  expect((await run.transcript()).map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
  expect(run.progress()).toMatchObject({ status: 'ended', turn: 2 });
});

test('the first message is the one a client stores: with the defaults of the input’s schema', async () => {
  const input = z.object({ orderId: z.string(), reason: z.string().default('none') });
  const agent = defineAgent({ name: 'defaults', instructions: 'Answer.', input });
  const run = await testAgent(agent, { model: script().answer('done') }).start({ orderId: 'A-88' });
  expect((await run.transcript())[0]).toEqual({
    role: 'user',
    parts: [{ type: 'text', text: '{"orderId":"A-88","reason":"none"}' }],
  });
});

test('real tools run where none replaces them, with the secrets that the test gives', async () => {
  const t = testAgent(refunds, { model: happy, secrets: { PAYMENT_KEY: 'k1' } });
  const run = await t.start({ orderId: 'A-88' });
  expect((await run.transcript())[2]).toMatchObject({ parts: [{ text: '{"refundId":"real-k1"}' }] });
});

test('a real tool without its secret stops the test, with what to do about it', async () => {
  const t = testAgent(refunds, { model: happy });
  await expect(t.start({ orderId: 'A-88' })).rejects.toThrow(
    /payments runs for real and needs PAYMENT_KEY: replace it/,
  );
});

test('an override keeps the schemas of its tool: defaults fill its arguments, and a wrong answer is no answer', async () => {
  const wrong: unknown = JSON.parse('{"refundId":7}');
  const t = testAgent(refunds, {
    model: script().call(refund, { orderId: 'A-88' }).answer({ decision: 'declined' }),
    tools: { refund: () => wrong as { refundId: string } },
  });
  const run = await t.start({ orderId: 'A-88' });
  expect(run.calls[1]).toMatchObject({ args: { orderId: 'A-88', amount: 5 } });
  expect((await run.transcript())[2]).toMatchObject({
    outcome: 'error',
    parts: [{ text: expect.stringMatching(/^Tool\.InvalidOutput: .*refundId/) }],
  });
});

test('a tool that fails is tried again by its own policy, without waiting', async () => {
  let failures = 0;
  const t = testAgent(refunds, {
    model: happy,
    tools: {
      refund: (_, { attempt }) => {
        if (attempt < 4) throw new Error(`failure ${(failures += 1)}`);
        return { refundId: 'r1' };
      },
    },
  });
  const run = await t.start({ orderId: 'A-88' });
  expect(await run.result()).toMatchObject({ outcome: 'completed', totals: { toolCalls: 1 } });
  expect(failures).toBe(3);
  expect(run.calls.map((call) => (call.kind === 'tool' ? call.attempt : call.kind))).toEqual([
    'model',
    1,
    2,
    3,
    4,
    'model',
  ]);
  const [, tool] = run.progress().steps;
  // 500 ms, then twice as long each time, a quarter more or less: the waits of three failures, in the run's time alone.
  const waited = (tool?.endedAt ?? 0) - (tool?.startedAt ?? 0);
  expect(waited).toBeGreaterThan(3_500 * 0.75);
  expect(waited).toBeLessThan(3_500 * 1.25);
});

test('the effect key of an action is the same for each attempt and another for each action', async () => {
  const keys: string[] = [];
  const t = testAgent(refunds, {
    model: script()
      .calls([
        { name: 'refund', args: { orderId: 'A-88', amount: 1 } },
        { name: 'refund', args: { orderId: 'A-88', amount: 2 } },
      ])
      .answer({ decision: 'refunded' }),
    tools: {
      refund: (_, { effectKey, attempt }) => {
        keys.push(effectKey);
        if (attempt === 1) throw new Error('again');
        return { refundId: effectKey };
      },
    },
  });
  await (await t.start({ orderId: 'A-88' })).result();
  expect(keys).toHaveLength(4);
  expect(keys[0]).toBe(keys[1]);
  expect(keys[2]).toBe(keys[3]);
  expect(keys[0]).not.toBe(keys[2]);
});

test('a script that is at its end says after which turn, and what was asked', async () => {
  const t = testAgent(refunds, {
    model: script().call(refund, { orderId: 'A-88', amount: 1 }),
    tools: { refund: () => ({ refundId: 'r9' }) },
  });
  await expect(t.start({ orderId: 'A-88' })).rejects.toThrow(
    /has 1 turn, .* asks for turn 2\. .* It was asked: tool refund: {"refundId":"r9"}/,
  );
});

test('a model may be a function: it sees the conversation, may fail, and may ask for patience', async () => {
  let attempts = 0;
  const t = testAgent(refunds, {
    model: ({ messages }) => {
      attempts += 1;
      if (attempts === 1) return { fails: 'Model.Overloaded' };
      if (attempts === 2) return { waits: '2m', reason: 'the minute is used up' };
      return { text: JSON.stringify({ decision: 'declined', refundId: String(messages.length) }) };
    },
  });
  const run = await t.start({ orderId: 'A-88' });
  expect(run.waitingFor).toEqual({ reason: 'the minute is used up' });
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: { refundId: '1' }, totals: { turns: 1 } });
  const { steps } = run.progress();
  expect((steps.at(-1)?.endedAt ?? 0) - (steps[0]?.startedAt ?? 0)).toBe(1_000 + 120_000);
});

test('a pause stands until the test ends it; result() says so instead of hanging', async () => {
  const t = testAgent(refunds, {
    model: happy,
    tools: {
      refund: (_, { test: run }) => {
        run.pause('lunch');
        return { refundId: 'r1' };
      },
    },
  });
  const run = await t.start({ orderId: 'A-88' });
  expect(run.waitingFor).toEqual({ reason: 'lunch' });
  expect(run.progress()).toMatchObject({ status: 'paused', turn: 1 });
  await expect(run.result()).rejects.toThrow(/paused \(lunch\), and only the test can end that: call resume\(\)/);
  await run.resume();
  expect(run.waitingFor).toBeUndefined();
  expect(await run.result()).toMatchObject({ outcome: 'completed' });
});

test('a run is cancelled from outside, with a reason, and once only', async () => {
  const t = testAgent(refunds, { model: () => ({ waits: '1h' }) });
  const run = await t.start({ orderId: 'A-88' });
  await run.cancel('changed my mind');
  expect(await run.result()).toMatchObject({
    outcome: 'cancelled',
    failure: { type: 'Run.Cancelled', message: 'changed my mind' },
  });
  await expect(run.cancel('again')).rejects.toThrow('the run has ended: cancelled');
});

test('time passes on request, and the wall-time limit sees it', async () => {
  const t = testAgent(refunds, {
    model: happy,
    tools: {
      refund: (_, { test: run }) => {
        run.advance('11m');
        return { refundId: 'r1' };
      },
    },
  });
  expect(await (await t.start({ orderId: 'A-88' })).result()).toMatchObject({
    outcome: 'budget-exhausted',
    failure: { type: 'Budget.WallTimeExhausted' },
  });
});

test('a file goes into the input as a reference, and reaches the model as an image', async () => {
  const t = testAgent(refunds, { model: script().answer({ decision: 'declined' }) });
  const photo = await t.file(new Uint8Array([1, 2, 3]), { mediaType: 'image/png', name: 'broken.png' });
  const run = await t.start({ orderId: 'A-88', photo });
  expect((await run.transcript())[0]).toMatchObject({ parts: [{ type: 'text' }, { type: 'image', file: photo }] });
});

test('instructions come from the file where the test says where it is', async () => {
  const agent = defineAgent({ name: 'reads', instructions: fromFile('test-agent.test.ts') });
  const run = await testAgent(agent, { model: script().answer('done'), dir: __dirname }).start('go');
  expect(run.calls[0]).toMatchObject({ instructions: expect.stringContaining('What the test kit promises') });
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'done' });
});

test('what a test gets wrong is said at once', async () => {
  const t = testAgent(refunds, { model: happy });
  const wrong: unknown = { orderId: 7 };
  await expect(t.start(wrong as { orderId: string })).rejects.toThrow(/does not fit agent refunds: orderId/);
  const options: object = { model: happy, tools: { refnd: () => ({ refundId: 'x' }) } };
  expect(() => testAgent(refunds, options as { model: typeof happy })).toThrow(
    'tools.refnd: agent refunds has no such tool. Its tools: refund.',
  );
  const raw = testAgent(refunds, { model: script().raw({ body: 'x' }) });
  await expect(raw.start({ orderId: 'A-88' })).rejects.toThrow(/only the model server can send exact bytes/);
});

test('runs of one test agent share a store, and a taken id is refused', async () => {
  const store = createMemoryStore();
  const t = testAgent(refunds, { model: script().answer({ decision: 'declined' }), store });
  const first = await t.start({ orderId: 'A-88' }, { id: 'mine', tenant: 'acme', tags: ['x'] });
  await expect(t.start({ orderId: 'A-88' }, { id: 'mine' })).rejects.toThrow(/mine exists already/);
  expect(first.id).toBe('mine');
  expect((await t.start({ orderId: 'B-1' })).id).toBe('run_2');
  expect((await store.readRef('run/mine'))?.value).toMatchObject({ tenant: 'acme', ended: { outcome: 'completed' } });
});

describe('an agent among the tools', () => {
  const expert = defineAgent({
    name: 'expert',
    description: 'Knows.',
    instructions: 'Know.',
    output: z.object({ known: z.string() }),
  });
  const novice = defineAgent({ name: 'novice', instructions: 'Ask.', tools: [agentTool(expert)] });

  test('is replaced as any tool: between its own schemas', async () => {
    const t = testAgent(novice, {
      model: script().call(novice.tools[0], { input: 'why?' }).answer('so'),
      tools: { expert: ({ input }) => ({ known: `${input} because` }) },
    });
    const run = await t.start('go');
    expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'so' });
    expect((await run.transcript())[2]).toMatchObject({ parts: [{ text: '{"known":"why? because"}' }] });
  });

  test('that is not replaced is told of', async () => {
    const t = testAgent(novice, { model: script().call(novice.tools[0], { input: 'why?' }) });
    await expect(t.start('go')).rejects.toThrow('agent expert is a tool here, and no test starts its runs');
  });
});
