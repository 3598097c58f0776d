// Needs a Temporal server (embedded, real): what a caller's handle says and leaves behind when nobody answers, or a run is stuck.
import { defineAgent } from '../../activities/define';
import { createRunHandle } from '../../client/run-handle';
import { ClientError } from '../../client';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

const agent = defineAgent({ name: 'plain', instructions: 'Answer.' });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script().answer('hello') });
  stack = await startTestStack({ agents: [agent], modelUrl: model.url });
});
afterAll(async () => {
  await stack.close();
  await model.close();
});

const start = (id: string) => stack.client.agent<typeof agent>('plain').start('Hello?', { id });

test('a run is cancelled with a reason while no worker is up, and says that the reason is not kept', async () => {
  await stack.stopWorker();
  const run = await start('run_alone');
  expect(await run.cancel('enough')).toEqual({ reasonKept: false });
  await stack.restartWorker();
  expect(await run.result()).toMatchObject({ outcome: 'cancelled' });
}, 60_000);

test('a run that has ended is said to have, whatever it is told to do', async () => {
  await (await start('run_ended')).result();
  const run = stack.client.run('run_ended');
  const told = [run.cancel('too late'), run.pause(), run.resume(), run.steer('too late'), run.extend({ turns: 1 })];
  const refusals = await Promise.allSettled(told);
  const refused = { code: 'refused', message: 'run "run_ended" has ended already: completed.' };
  expect(refusals).toMatchObject(told.map(() => ({ status: 'rejected', reason: refused })));
});

test('a stuck run is said to be stuck, not without a worker', async () => {
  const handle = await stack.temporal.workflow.start('agentRun', {
    workflowId: 'run_stuck',
    taskQueue: 'agents',
    args: [null],
  });
  const run = stack.client.run('run_stuck');
  for (let attempt = 0; attempt < 4;) attempt = (await run.describe()).raw.pendingWorkflowTask?.attempt ?? 0;
  const refused: unknown = await run.progress().catch((error: unknown) => error);
  expect(ClientError.isInstance(refused) && [refused.code, refused.message]).toEqual([
    'stuck',
    expect.stringMatching(/its workflow task has failed \d+ times/),
  ]);
  await handle.terminate('seen');
}, 60_000);

test.each([
  ['a big number', { input: { self: 1n }, options: {} }],
  ['a tenant that is no text', { input: 'Hello?', options: { tenant: 5 } }],
  ['an id that is no text', { input: 'Hello?', options: { id: 7 } }],
  ['a tag that is no text', { input: 'Hello?', options: { tags: [5] } }],
])('what a caller without types may pass is refused in one line: %s', async (_, { input, options }) => {
  const started = stack.client.agent<typeof agent>('plain').start(input as never, options as never);
  const refused: unknown = await started.catch((error: unknown) => error);
  expect(ClientError.isInstance(refused) && refused.code).toBe('invalid-input');
});

test('events leave no poll behind when their reader leaves', async () => {
  await stack.stopWorker();
  const { pause } = await start('run_held');
  await pause('for the test');
  await stack.restartWorker();
  const handle = stack.temporal.workflow.getHandle('run_held');
  let polled: Promise<string> | undefined;
  const run = createRunHandle({
    ...{ temporal: stack.temporal, store: stack.store, id: 'run_held' },
    execution: {
      ...handle,
      result: async () => {
        const poll: Promise<unknown> = handle.result();
        polled = poll.then(
          () => 'the run has ended',
          () => 'given up',
        );
        return (await poll) as never;
      },
    },
  });
  for await (const event of run.events()) if (event.type === 'status') break;
  expect(await polled).toBe('given up');
  await run.cancel();
}, 60_000);
