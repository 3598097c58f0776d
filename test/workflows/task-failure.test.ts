// Needs a Temporal server (embedded, real). A bug in orchestration code must be loud, and must not lose the run; a worker that cannot start says why.
import { readFileSync } from 'node:fs';
import { defineAgent } from '../../activities/define';
import { createProviderRegistry } from '../../activities/model/provider-registry';
import { createAgentRegistry } from '../../workers/agent-registry';
import { startWorker } from '../../workers/start-worker';
import { UNTUNED } from '../../workers/tuning';
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

test('a workflow task that fails is counted and logged as an alarm, and the run waits', async () => {
  // An input that no client of ours can make: the workflow trips over it, as it would over a bug of its own.
  const handle = await stack.temporal.workflow.start('agentRun', {
    workflowId: 'broken',
    taskQueue: 'agents',
    args: [null],
  });
  expect(
    await eventually(
      async () => /^agent_workflow_task_failures_total\{.*\} \d+$/m.exec(await stack.metrics.registry.metrics())?.[0],
    ),
  ).toMatch(/workflow_type="agentRun"/);
  // Logs are written in the background.
  const alarm = await eventually(() =>
    Promise.resolve(/^.*"alert":"workflow-task-failed".*$/m.exec(readFileSync(stack.logFile, 'utf8'))?.[0]),
  );
  expect(alarm).toContain("reading 'carried'");
  expect(JSON.parse(alarm)).toMatchObject({ run: 'broken', workflowType: 'agentRun' });
  expect((await handle.describe()).status.name).toBe('RUNNING');
  await handle.terminate('seen');
});

test('a worker that cannot be made says why, also where another that shares its connection was made before', async () => {
  const limited = { limits: { windows: [] }, reserve: { kind: 'strict' as const }, patienceMs: 1_000 };
  const quotas = { 'test/model': { ...limited, weights: {}, key: 'k' } };
  const { server, store, stateDir, metrics } = stack;
  const started = startWorker({
    ...{ connection: { address: server.address }, namespace: server.namespace, taskQueue: 'other' },
    ...{ store, stateDir, metrics, quotas, agents: createAgentRegistry({ strict: false }) },
    ...{ providers: createProviderRegistry([]), secretsOf: () => ({}) },
    tuning: { ...UNTUNED, slots: { calls: -1 } },
  });
  await expect(started).rejects.toThrow('must be at least 1');
});

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
