// Needs a Temporal server (embedded, real): what the command line and the library see of runs that are under way.
import path from 'node:path';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { cancelCommand, pauseCommand, resumeCommand } from '../../client/cli/commands/intervene';
import { listCommand } from '../../client/cli/commands/list';
import { showCommand } from '../../client/cli/commands/show';
import { tailCommand } from '../../client/cli/commands/tail';
import { traceCommand } from '../../client/cli/commands/trace';
import type { CliContext } from '../../client/cli/context';
import { EXIT } from '../../client/cli/exit-codes';
import { startRun } from '../../client/cli/start-run';
import { createClient } from '../../client';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { testProject, told, type TestProject, type Told } from './given';
import { storeRun } from './store-run';

/** Released by the test: until then the tool, and with it the run, is under way. */
let open: () => void = () => undefined;
let gate = new Promise<void>((resolve) => (open = resolve));

const wait = defineTool({
  name: 'wait',
  description: 'Waits.',
  input: z.object({ forWhom: z.string() }),
  output: z.string(),
  effect: 'read',
  run: async ({ forWhom }, { signal }) => {
    await Promise.race([
      gate,
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('cancelled')))),
    ]);
    return `waited for ${forWhom}`;
  },
});
const agent = defineAgent({ name: 'waiter', instructions: 'Wait.', tools: [wait] });

let model: ModelServer;
let stack: TestStack;
let project: TestProject;
beforeAll(async () => {
  model = await startModelServer({ script: script().call('wait', { forWhom: 'Godot' }).answer('He came.') });
  stack = await startTestStack({ agents: [agent], modelUrl: model.url });
  project = testProject();
});
afterAll(async () => {
  open();
  await stack.close();
  await model.close();
  project.remove();
});
beforeEach(() => {
  gate = new Promise<void>((resolve) => (open = resolve));
});

const storeUrl = (): string => `lmdb:${path.join(stack.stateDir, 'store')}`;
const run = (command: (context: CliContext) => Promise<number>, json = true): Promise<Told> =>
  told(project.dir, command, { json, env: { TEMPORAL_ADDRESS: stack.server.address, LONGHAUL_STORE: storeUrl() } });
const json = async (command: (context: CliContext) => Promise<number>): Promise<unknown> =>
  JSON.parse((await run(command)).stdout);

/** What is not seen by then never comes: a loop without an end would keep the whole file from reporting. */
const PATIENCE_MS = 50_000;

async function eventually<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  for (const began = Date.now(); ;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() - began > PATIENCE_MS) throw new Error(`still: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function startWaiting(id: string): Promise<void> {
  await stack.client.agent<typeof agent>('waiter').start('Who comes?', { id });
  await eventually(
    () => run((context) => traceCommand(context, id)),
    ({ stdout }) => stdout.includes('callTool'),
  );
}

test('a run under way: its call, its status, and its end with its exit code', async () => {
  await startWaiting('run_wait');
  expect(await json((context) => traceCommand(context, 'run_wait'))).toMatchObject({
    status: 'running',
    turns: [{ turn: 1, calls: [{ kind: 'model', name: 'test/model', reused: false }] }],
    pending: [{ what: 'callTool', attempt: 1 }],
  });
  expect(await json((context) => listCommand(context, { limit: 5, open: true }))).toMatchObject({
    runs: [{ id: 'run_wait', status: 'running', outcome: null, turns: 1 }],
  });
  expect(await json((context) => showCommand(context, 'run_wait', {}))).toMatchObject({
    status: 'running',
    where: {
      command: expect.stringContaining(`temporal workflow describe -w run_wait --address ${stack.server.address}`),
    },
  });

  const tail = run((context) => tailCommand(context, 'run_wait'), false);
  expect((await run((context) => pauseCommand(context, 'run_wait', { reason: 'lunch' }))).code).toBe(0);
  open();
  await eventually(
    () => json((context) => listCommand(context, { limit: 5, open: true })),
    (seen) => JSON.stringify(seen).includes('"status":"paused","outcome":null,"reason":"lunch"'),
  );
  expect((await run((context) => resumeCommand(context, 'run_wait'))).code).toBe(0);
  const { code, stdout, stderr } = await tail;
  expect([code, stdout]).toEqual([EXIT.completed, 'He came.\n']);
  expect(stderr).toContain('lunch');
}, 60_000);

test('a run that is cancelled ends so, with its reason and its exit code', async () => {
  await startWaiting('run_cancel');
  expect((await run((context) => cancelCommand(context, 'run_cancel', { reason: 'enough' }))).code).toBe(0);
  const { code, stderr } = await run((context) => tailCommand(context, 'run_cancel'), false);
  expect([code, stderr]).toEqual([EXIT.cancelled, expect.stringContaining('enough')]);
}, 60_000);

test('a run that was terminated from outside is told as ended by every command, with what it used', async () => {
  await startWaiting('run_terminated');
  const handle = stack.temporal.workflow.getHandle('run_terminated');
  const tail = run((context) => tailCommand(context, 'run_terminated'));
  await handle.terminate('by hand');
  expect((await tail).code).toBe(EXIT.cancelled);
  expect(JSON.parse((await tail).stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
    result: { outcome: 'cancelled', totals: { turns: 1, modelCalls: 1 } },
  });
  expect(await json((context) => listCommand(context, { limit: 5, open: true }))).toMatchObject({ runs: [] });
  expect(await json((context) => showCommand(context, 'run_terminated', {}))).toMatchObject({
    outcome: 'cancelled',
    failure: { type: 'Run.Cancelled', message: 'terminated: by hand' },
  });
  const trace = await run((context) => traceCommand(context, 'run_terminated'), false);
  expect(trace.stdout).toContain('Run.Cancelled: terminated: by hand');
}, 60_000);

test('the priority that was typed is that of the run', async () => {
  const typed = { agent: 'waiter', text: 'Who?', options: { id: 'run_low', priority: 'low' as const }, cwd: '/' };
  const started = await startRun(stack.client, typed, 'Who?');
  const { raw } = await started.describe();
  // Temporal counts from 1, the most urgent; `low` is behind 2 and 3.
  expect(raw.workflowExecutionInfo?.priority?.priorityKey).toBe(4);
  await started.cancel();
  expect(await started.result()).toMatchObject({ outcome: 'cancelled', failure: { message: 'no reason was given' } });
}, 60_000);

test('a run whose workflow task keeps failing is flagged', async () => {
  await storeRun(stack.store, { id: 'run_stuck', ended: false });
  const handle = await stack.temporal.workflow.start('agentRun', {
    workflowId: 'run_stuck',
    taskQueue: 'agents',
    args: [null],
  });
  const { stdout, stderr } = await eventually(
    () => run((context) => listCommand(context, { limit: 5, open: true }), false),
    (seen) => seen.stderr !== '',
  );
  expect(stdout).toMatch(/run_stuck +reader +stuck/);
  expect(stderr).toMatch(/stuck {2}run_stuck: its workflow task has failed \d+ times/);
  await handle.terminate('seen');
}, 120_000);

test('a call that was answered from its record is marked in the trace', async () => {
  await startWaiting('run_reused');
  const { runId } = await stack.client.run('run_reused').describe();
  open();
  await stack.client.run('run_reused').result();
  const { events = [] } = await stack.temporal.workflow.getHandle('run_reused').fetchHistory();
  const firstTask = (events ?? []).find((event) => event.workflowTaskCompletedEventAttributes);
  if (!firstTask?.eventId) throw new Error('the history has no completed workflow task');
  await stack.temporal.workflowService.resetWorkflowExecution({
    namespace: stack.server.namespace,
    workflowExecution: { workflowId: 'run_reused', runId },
    reason: 'the test',
    requestId: 'reset-1',
    workflowTaskFinishEventId: firstTask.eventId,
  });
  await stack.client.run('run_reused').result();
  const trace = await json((context) => traceCommand(context, 'run_reused'));
  expect(trace).toMatchObject({
    turns: [{ calls: [{ reused: true }, { reused: true }] }, { calls: [{ reused: true }] }],
  });
}, 60_000);

test('the library connects by itself, and hands files in and out', async () => {
  const client = await createClient({ address: stack.server.address, store: storeUrl(), tenant: 'acme' });
  try {
    open();
    const started = await client.agent<typeof agent>('waiter').start('Who comes?', { tags: ['library'] });
    expect(await started.result()).toMatchObject({ outcome: 'completed', output: 'He came.' });
    expect(await started.record()).toMatchObject({ tenant: 'acme', tags: ['library'] });
    const ref = await client.putFile(new TextEncoder().encode('hello'), { mediaType: 'text/plain' });
    expect(new TextDecoder().decode(await client.readFile(ref))).toBe('hello');
  } finally {
    await client.close();
  }
}, 60_000);
