// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. A provider that asks for patience again and
// again: the history does not grow without end.
import { defineAgent } from '../../activities/define';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';

/** Above five seconds a wait is the workflow's, and holds no slot. */
const RETRY_AFTER = 6;
const agent = defineAgent({ name: 'patient', instructions: 'Answer.', limits: { turns: 1 } });

let model: ModelServer;
let stack: TestStack;
beforeAll(async () => {
  model = await startModelServer({ script: script().answer('at last') });
  stack = await startTestStack({
    agents: [agent],
    modelUrl: model.url,
    // Each wait takes some ten events.
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 14 },
  });
}, 60_000);
afterAll(async () => {
  await stack.close();
  await model.close();
});

test('it continues as new between two waits, in its only turn, and is told apart by nothing but its executions', async () => {
  for (const nth of [1, 2, 3]) model.addFaults({ when: { nth }, do: { status: 429, retryAfter: RETRY_AFTER } });
  const run = await stack.client.agent<typeof agent>('patient').start('now?', { id: 'patient' });
  expect(await run.result()).toMatchObject({
    outcome: 'completed',
    output: 'at last',
    totals: { turns: 1, modelCalls: 1, reusedCalls: 0 },
  });
  const { raw, runId } = await run.describe();
  expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(runId);
  const { steps } = await run.progress();
  expect(steps.filter(({ kind }) => kind === 'wait')).toHaveLength(3);
  expect(steps.map(({ seq }) => seq)).toEqual(steps.map((_, at) => at + 1));
  expect(model.requests()).toHaveLength(4);
}, 120_000);
