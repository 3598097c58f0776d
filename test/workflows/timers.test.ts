// Needs Temporal's time-skipping test server. Waits of hours and days, with activities that stand in for the world.
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { AgentActivities, CallModelResult } from '../../workflows/contract/activities';
import type { AgentRunInput } from '../../workflows/contract/run';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { workflowBundle } from '../../workers/workflow-bundle';
import { timeSkippingServer } from '../stack/test-server';

const HOUR = 3_600_000;
const HASH = 'b'.repeat(64);
const answer: CallModelResult = {
  kind: 'answer',
  head: HASH,
  messages: [{ hash: HASH, role: 'assistant', preview: 'done' }],
  toolCalls: [],
  output: { hash: HASH, bytes: 4, preview: 'done' },
  usage: { input: 1, cachedInput: 0, output: 1, reasoning: 0 },
  model: 'test/model',
};
const input: AgentRunInput = {
  schemaVersion: 1,
  agent: 'waiter',
  release: HASH,
  tenant: 'acme',
  tags: [],
  input: { hash: HASH, role: 'user', preview: 'wait' },
  plan: { limits: { turns: 5, toolCalls: 5 }, model: { timeoutMs: 60_000, attempts: 2 }, tools: {}, repairs: 2 },
};

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: await timeSkippingServer() } },
  });
  // This server knows how to add search attributes, not how to list them. 2 is a Keyword, 7 a KeywordList.
  const searchAttributes = Object.entries(SEARCH_ATTRIBUTES).map(([name, kind]) => [name, kind === 'Keyword' ? 2 : 7]);
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(searchAttributes),
  });
});
afterAll(() => env.teardown());

async function withWorker<T>(
  taskQueue: string,
  callModel: AgentActivities['callModel'],
  work: () => Promise<T>,
): Promise<T> {
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue,
    workflowBundle: await workflowBundle(),
    activities: { callModel, endRun: () => Promise.resolve({ head: HASH }) },
  });
  return await worker.runUntil(work);
}

test('a provider that asks for six hours of patience is waited for outside any activity, and called again with the same key', async () => {
  const keys: unknown[] = [];
  let began = 0;
  const started = await withWorker(
    'patience',
    async ({ key }) => {
      keys.push(key);
      const now = await env.currentTimeMs();
      if (keys.length > 1) {
        expect(now - began).toBeGreaterThanOrEqual(6 * HOUR);
        return answer;
      }
      began = now;
      return { kind: 'wait', waitUntil: now + 6 * HOUR, reason: 'the provider asks for 6 h' };
    },
    () => env.client.workflow.execute('agentRun', { workflowId: 'patience', taskQueue: 'patience', args: [input] }),
  );
  expect(started).toMatchObject({ outcome: 'completed', totals: { turns: 1, modelCalls: 1 } });
  expect(keys).toHaveLength(2);
  expect(keys[0]).toEqual(keys[1]);
});

test('wall time ends a run that waits, at its limit and not before', async () => {
  const limited = { ...input, plan: { ...input.plan, limits: { ...input.plan.limits, wallMs: 2 * HOUR } } };
  const failure = await withWorker(
    'wall',
    async () => ({
      kind: 'wait',
      waitUntil: (await env.currentTimeMs()) + 6 * HOUR,
      reason: 'the provider asks for 6 h',
    }),
    () =>
      env.client.workflow.execute('agentRun', { workflowId: 'wall', taskQueue: 'wall', args: [limited] }).then(
        () => undefined,
        (error: unknown) => error,
      ),
  );
  const { startTime, closeTime } = await env.client.workflow.getHandle('wall').describe();
  const elapsed = (closeTime?.getTime() ?? 0) - startTime.getTime();
  expect(failure).toMatchObject({ cause: { type: 'Budget.WallTimeExhausted' } });
  expect(elapsed).toBeGreaterThanOrEqual(2 * HOUR);
  expect(elapsed).toBeLessThan(3 * HOUR);
});
