// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. A provider that asks for patience again and
// again: the history does not grow without end.
import { defineAgent } from '../../activities/define';
import { script } from '../kit/model-server';
import { useStack } from '../stack/use-stack';

/** Above five seconds a wait is the workflow's, and holds no slot. */
const RETRY_AFTER = 6;
const agent = defineAgent({ name: 'patient', instructions: 'Answer.', limits: { turns: 1 } });

const on = useStack(
  { script: script().answer('at last') },
  {
    agents: [agent],
    // Each wait takes some ten events.
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 14 },
  },
);

test('it continues as new between two waits, in its only turn, and is told apart by nothing but its executions', async () => {
  for (const nth of [1, 2, 3]) on.model.addFaults({ when: { nth }, do: { status: 429, retryAfter: RETRY_AFTER } });
  const run = await on.stack.client.agent<typeof agent>('patient').start('now?', { id: 'patient' });
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
  expect(on.model.requests()).toHaveLength(4);
}, 120_000);
