// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. A tool whose work takes longer than any call:
// between two questions nothing of it runs anywhere, and the run leaves its history behind in the middle of the turn.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { script } from '../kit/model-server';
import { useStack } from '../stack/use-stack';

const ASKED = 4;
const farm = { begun: [] as string[], asked: 0, looked: 0 };
const render = defineTool({
  name: 'render',
  description: 'Renders a scene.',
  input: z.object({ scene: z.string() }),
  output: z.object({ frames: z.number() }),
  effect: 'keyed',
  approval: false,
  poll: {
    started: z.object({ job: z.string() }),
    every: '1s',
    upTo: '1h',
    check: ({ job }) => {
      if (!farm.begun.includes(job)) throw new Error('there is no such job');
      farm.asked += 1;
      return farm.asked < ASKED ? undefined : { frames: 24 };
    },
  },
  run: (_, { effectKey }) => {
    farm.begun.push(effectKey);
    return { job: effectKey };
  },
});
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => `look ${(farm.looked += 1)}`,
});
const agent = defineAgent({ name: 'director', instructions: 'Direct.', tools: [render, look] });

const on = useStack(
  {
    script: script()
      .turn({
        calls: [
          { name: 'look', args: {} },
          { name: 'render', args: { scene: 'storm' } },
          { name: 'look', args: {} },
        ],
      })
      .answer('24 frames'),
  },
  {
    agents: [agent],
    // A question and the wait before it take some ten events.
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 24 },
  },
);

/** For each timer of a run, in all its executions: how many activities were open when it started. */
async function openAtTimers(workflowId: string): Promise<number[]> {
  const counts: number[] = [];
  for await (const { runId } of on.stack.temporal.workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
    const { events } = await on.stack.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    let open = 0;
    for (const event of events ?? []) {
      if (event.activityTaskScheduledEventAttributes) open += 1;
      if (event.activityTaskCompletedEventAttributes) open -= 1;
      if (event.timerStartedEventAttributes) counts.push(open);
    }
  }
  return counts;
}

test('it is begun once and asked until it is done, across executions; what is called beside it is called once', async () => {
  const run = await on.stack.client.agent<typeof agent>('director').start('go', { id: 'film' });
  expect(await run.result()).toMatchObject({
    outcome: 'completed',
    output: '24 frames',
    totals: { turns: 2, modelCalls: 2, toolCalls: 3, reusedCalls: 0 },
  });
  expect(farm).toEqual({ begun: [expect.stringMatching(/^[0-9a-f]{32}$/)], asked: ASKED, looked: 2 });
  // While the run waited, no activity of it was open: no slot and no worker was held.
  const waits = await openAtTimers('film');
  expect(waits.length).toBeGreaterThan(0);
  expect(waits).toEqual(waits.map(() => 0));
  const { raw, runId } = await run.describe();
  expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(runId);
  const results = (await run.transcript()).filter(({ role }) => role === 'tool');
  expect(results.map(({ parts }) => parts)).toEqual([
    [{ type: 'text', text: 'look 1' }],
    [{ type: 'text', text: '{"frames":24}' }],
    [{ type: 'text', text: 'look 2' }],
  ]);
}, 120_000);
