// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. A person is asked by a run that leaves its
// history behind meanwhile, and whose worker is another when they answer, by plain Temporal.
import { setTimeout as after } from 'node:timers/promises';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import type { PersonRequest } from '../../workflows/contract/approval';
import { script } from '../kit/model-server';
import { useStack } from '../stack/use-stack';

const paid: unknown[] = [];
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => 'seen',
});
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({ to: z.string(), amount: z.number() }),
  output: z.string(),
  effect: 'keyed',
  run: (args) => {
    paid.push(args);
    return 'paid';
  },
});
const agent = defineAgent({ name: 'payer', instructions: 'Pay.', tools: [pay, look] });
const CANARY = 'canary-of-the-arguments-that-no-history-may-hold-in-full-'.repeat(4);

const on = useStack(
  {
    script: script()
      .turn({ calls: [{ name: 'look', args: {} }] })
      .turn({
        calls: [
          { name: 'look', args: {} },
          { name: 'pay', args: { to: CANARY, amount: 5 } },
        ],
      })
      .answer('done'),
  },
  {
    agents: [agent],
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 24 },
  },
);

test('an approval waits across a continue-as-new and a restart of the worker, holds nothing meanwhile, and counts once', async () => {
  const run = await on.stack.client.agent<typeof agent>('payer').start('go', { id: 'invoice' });
  let asked: PersonRequest[] = [];
  for (let tries = 0; asked.length === 0 && tries < 200; tries += 1) {
    await after(100);
    asked = await run.requests().catch(() => []);
  }
  expect(asked).toMatchObject([{ number: 1, tool: 'pay', arguments: { to: CANARY, amount: 5 } }]);
  await after(1_000);
  const { raw, runId } = await run.describe();
  expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(runId);
  expect(raw.pendingActivities ?? []).toEqual([]);
  await on.stack.restartWorker();

  const handle = on.stack.temporal.workflow.getHandle('invoice');
  const [request] = await handle.query<PersonRequest[]>('pendingApprovals');
  const decide = (given: object) => handle.executeUpdate<void, [object]>('approve', { args: [given] });
  const refused = async (given: object) =>
    await decide(given).then(
      () => 'taken',
      (error: unknown) =>
        error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error),
    );
  expect(await refused({ number: 1, args: '0'.repeat(64) })).toMatch(/request 1 is about other arguments/);
  expect(await refused({ number: 2, args: request?.args })).toMatch(/there is no request 2 \(open: 1\)/);
  expect(await refused({ number: 'one' })).toMatch(/give the number of the request/);
  expect(paid).toEqual([]);
  // Refused before they reach the history.
  const { events } = await handle.fetchHistory();
  expect((events ?? []).filter(({ workflowExecutionUpdateAcceptedEventAttributes: update }) => update)).toEqual([]);

  await decide({ number: 1, args: request?.args });
  expect(await run.result()).toMatchObject({ outcome: 'completed', output: 'done' });
  expect(paid).toEqual([{ to: CANARY, amount: 5 }]);
  for await (const execution of on.stack.temporal.workflow.list({ query: `WorkflowId = 'invoice'` })) {
    const history = await on.stack.temporal.workflow.getHandle('invoice', execution.runId).fetchHistory();
    expect(
      JSON.stringify(history, (_, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString() : value,
      ),
    ).not.toContain(CANARY);
  }
}, 120_000);
