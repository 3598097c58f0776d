// Needs a Temporal CLI, which an embedded server is started from. Whoever waits in a queue that somebody has ended or deleted goes on by itself:
// workers look after it.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { createRunRecord } from '../../activities/store/create-run-record';
import { OPEN_PREFIX } from '../../activities/store/ref-names';
import type { RunHandle } from '../../client/run-handle';
import { WORKFLOW_TYPES, controlQueue, queueId } from '../../workflows/contract/names';
import type { PublishedQueue } from '../../workflows/contract/schemas/queue';
import { useStack } from '../stack/use-stack';
import { until } from '../stack/until';

jest.setTimeout(120_000);

const queue: PublishedQueue = { depth: 10, concurrency: 1, weights: {}, shards: 1, degrade: [] };
const QUEUES = { ended: queue, deleted: queue, cut: queue, unheld: queue, forked: queue };
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => 'seen',
});
const agents = Object.keys(QUEUES).map((name) =>
  defineAgent({ name, instructions: 'Say.', queue: name, tools: [look] }),
);

/** Runs go on until they are let go, each by what it was asked; how often each was asked is counted. */
const held = new Map<string, () => void>();
const asked = new Map<string, number>();
const letGo = async (question: string): Promise<void> => {
  await until(() => held.has(question), 60_000);
  held.get(question)?.();
  held.delete(question);
};
const used = useStack(
  {
    respond: async ({ messages }) => {
      const question = messages.at(-1)?.text ?? '';
      if (question === 'look') return { calls: [{ name: 'look', args: {} }] };
      asked.set(question, (asked.get(question) ?? 0) + 1);
      await new Promise<void>((resolve) => held.set(question, resolve));
      return { text: 'said' };
    },
  },
  { agents, queues: QUEUES, queuePace: { lookMs: 300, sweepMs: 1_000, settledMs: 2_000 } },
);

const start = (agent: string, question: string, options = {}): Promise<RunHandle<unknown>> =>
  used.stack.client.agent(agent).start(question, options);
const outcomes = async (runs: readonly RunHandle<unknown>[]): Promise<string[]> =>
  (await Promise.all(runs.map((run) => run.result()))).map(({ outcome }) => outcome);

test('whoever waits in a queue that is terminated begins, though nobody asks for anything any more', async () => {
  const first = await start('ended', 'a1');
  await until(() => held.has('a1'));
  const waiting = [await start('ended', 'a2'), await start('ended', 'a3', { priority: 'high' })];
  await used.stack.temporal.workflow.getHandle(queueId('agents', 'ended', 0)).terminate('by hand');
  for (const question of ['a1', 'a3', 'a2']) await letGo(question);
  expect(await outcomes([first, ...waiting])).toEqual(['completed', 'completed', 'completed']);
  expect(['a1', 'a2', 'a3'].map((question) => asked.get(question))).toEqual([1, 1, 1]);
});

test('of a queue that is deleted with its history the store knows who waits; who has begun and is gone is not run again', async () => {
  const first = await start('deleted', 'look');
  await until(() => held.has('seen'));
  const waiting = [await start('deleted', 'b2'), await start('deleted', 'b3')];
  const { workflowService } = used.stack.temporal;
  const { namespace } = used.stack.server;
  for (const workflowId of [queueId('agents', 'deleted', 0), first.id])
    await workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId } });
  for (const question of ['b2', 'b3']) await letGo(question);
  expect(await outcomes(waiting)).toEqual(['completed', 'completed']);
  expect(['seen', 'b2', 'b3'].map((question) => asked.get(question))).toEqual([1, 1, 1]);
});

test('a run whose caller was cut off before the queue had it is taken up', async () => {
  const { client, store } = used.stack;
  const model = await start('cut', 'c0');
  await letGo('c0');
  await model.result();
  const { ended: _, ...record } = await model.record();
  await createRunRecord(store, { ...record, id: 'cut-off', startedAt: Date.now() }, { objects: [] });
  await letGo('c0');
  expect(await client.run('cut-off').result()).toMatchObject({ outcome: 'completed' });
  expect((await store.listRefs(OPEN_PREFIX)).map(({ name }) => name)).not.toContain(`${OPEN_PREFIX}cut-off`);
});

test('a queue that somebody has ended before any worker had it is begun like a new one', async () => {
  const { temporal } = used.stack;
  await used.stack.stopWorker();
  const workflowId = queueId('agents', 'unheld', 0);
  const input = { schemaVersion: 1, queue: 'unheld', shard: 0, settings: { ...queue, version: 1 } };
  const begun = { workflowId, taskQueue: controlQueue('agents'), args: [input] };
  await (await temporal.workflow.start(WORKFLOW_TYPES.runQueue, begun)).terminate('by hand');
  await used.stack.restartWorker();
  const run = await start('unheld', 'd1');
  await letGo('d1');
  expect(await outcomes([run])).toEqual(['completed']);
});

test('a fork waits for a place as any start, and goes on with what it began with', async () => {
  const origin = await start('forked', 'e0');
  await letGo('e0');
  await origin.result();
  const busy = await start('forked', 'e1');
  await until(() => held.has('e1'));
  const fork = await used.stack.client.fork(origin.id, { say: 'e2', id: 'the-fork' });
  expect(fork.queued).toMatchObject({ position: 1 });
  expect((await used.stack.client.fork(origin.id, { say: 'e2', id: 'the-fork' })).id).toBe('the-fork');
  await letGo('e1');
  await letGo('e2');
  expect(await outcomes([busy, fork])).toEqual(['completed', 'completed']);
  const said = (await fork.transcript()).map(({ role, parts }) => `${role} ${JSON.stringify(parts)}`);
  expect(said).toHaveLength(4);
  expect(said[0]).toContain('e0');
  expect(said[2]).toContain('e2');
  expect(asked.get('e2')).toBe(1);
});
