// Needs a Temporal server (embedded, real), the model server over HTTP and a store on disk: what a trace has beside calls, each part once and at
// its time: attempts, pauses, what people did, their answers, a cancel; what is told where content or history is gone.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { readTrace } from '../../client/trace/read-trace';
import type { RunTrace, TraceSpan } from '../../client/trace/trace-shapes';
import { until } from '../e2e/cli';
import { startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

let open: () => void = () => undefined;
let gate: Promise<void> = Promise.resolve();
const slow = defineTool({
  name: 'slow',
  description: 'Waits.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: async (_, { signal }) => {
    const stopped = new Promise<never>((_done, fail) =>
      signal.addEventListener('abort', () => fail(new Error('stopped'))),
    );
    await Promise.race([gate, stopped]);
    return 'done';
  },
});
let failures = 2;
const flaky = defineTool({
  name: 'flaky',
  description: 'Fails twice.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => {
    failures -= 1;
    if (failures >= 0) throw new Error('not yet');
    return 'now';
  },
});
const desk = defineAgent({ name: 'desk', instructions: 'Do it.', tools: [slow, flaky] });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({
    respond: ({ messages, assistantTurns }) =>
      assistantTurns > 0
        ? { text: 'It is done.' }
        : { calls: [{ name: messages.find(({ role }) => role === 'user')?.text ?? '', args: {} }] },
  });
  stack = await startTestStack({ agents: [desk], modelUrl: model.url });
}, 120_000);
afterAll(async () => {
  open();
  await stack.close();
  await model.close();
});
jest.setTimeout(120_000);

const traceOf = async (id: string, temporal = true): Promise<RunTrace> => {
  const record = await stack.client.run(id).record();
  return await readTrace({ store: stack.store, ...(temporal ? { temporal: stack.temporal } : {}) }, record);
};
const ofKind = ({ spans }: RunTrace, kind: TraceSpan['kind']): TraceSpan[] =>
  spans.filter((span) => span.kind === kind);

/** Until its tool waits at the gate. */
async function atTheGate(id: string): Promise<void> {
  gate = new Promise((resolve) => (open = resolve));
  await stack.client.agent<typeof desk>('desk').start('slow', { id });
  await until('the tool', async () => ofKind(await traceOf(id), 'tool').some(({ status }) => status === 'open'));
}

test('attempts that failed belong to their call, with why', async () => {
  model.addFaults({ when: { path: '/chat/completions', nth: 1, times: 1 }, do: { status: 503 } });
  const run = await stack.client.agent<typeof desk>('desk').start('flaky', { id: 'run_flaky' });
  await run.result();
  const trace = await traceOf('run_flaky');
  const [first] = ofKind(trace, 'model');
  const [tool] = ofKind(trace, 'tool');
  expect(first).toMatchObject({ attempt: 2, note: expect.stringMatching(/^tried 2 times: .*Model\.Overloaded/) });
  expect(tool).toMatchObject({ attempt: 3, status: 'done', note: expect.stringContaining('Tool.Failed: ') });
  // From when it was first asked for: a second passes before a call is tried again.
  for (const span of [first, tool]) {
    const begun = span?.attempts?.at(-1)?.startMs ?? 0;
    expect(begun - (span?.startMs ?? 0)).toBeGreaterThan(500);
  }
});

test('a pause, what was said and the resumption are there, once, in their order', async () => {
  await atTheGate('run_paused');
  const run = stack.client.run('run_paused');
  await run.pause('lunch');
  await run.steer('be brief');
  open();
  await until('the pause', async () => (await traceOf('run_paused')).run.status === 'paused');
  expect(ofKind(await traceOf('run_paused'), 'paused')).toMatchObject([{ status: 'open', endMs: null, note: 'lunch' }]);
  await run.resume();
  await run.result();
  const trace = await traceOf('run_paused');
  expect(ofKind(trace, 'paused')).toMatchObject([{ status: 'done', note: 'lunch' }]);
  expect(ofKind(trace, 'human').map(({ name }) => name)).toEqual(['said something to it', 'resumed']);
});

test('a cancel is one act, whoever was told to cancel; the call that it stopped is there', async () => {
  await atTheGate('run_cancelled');
  const run = stack.client.run('run_cancelled');
  await run.cancel('wrong one');
  await run.result();
  const trace = await traceOf('run_cancelled');
  expect(ofKind(trace, 'human')).toMatchObject([{ name: 'cancelled it', note: 'wrong one' }]);
  expect(ofKind(trace, 'tool')).toMatchObject([{ name: expect.stringContaining('slow'), status: 'cancelled' }]);
  expect(trace.spans[0]).toMatchObject({ kind: 'run', status: 'cancelled' });
});

test('without a server its records tell what was called, and nothing is made up', async () => {
  const trace = await traceOf('run_flaky', false);
  expect(trace.history).toBe('unreachable');
  expect(trace.spans.map(({ kind }) => kind)).toEqual(['run', 'turn', 'model', 'tool', 'turn', 'model']);
  expect(trace.spans.every(({ attempts }) => attempts === undefined)).toBe(true);
});

test('every span stands behind its parent, and has an id of its own', async () => {
  for (const id of ['run_flaky', 'run_paused', 'run_cancelled']) {
    const { spans } = await traceOf(id);
    expect(new Set(spans.map((span) => span.id)).size).toBe(spans.length);
    spans.forEach(({ parent, depth }, at) => {
      const above = spans.slice(0, at).find((span) => span.id === parent);
      expect(above?.depth).toBe(at === 0 ? undefined : depth - 1);
    });
  }
});
