// Needs a Temporal CLI, which an embedded server is started from. What load takes from runs, on a real server: callers that would wait are given
// a job, and the model that is asked instead is the one that is paid.
import { defineAgent } from '../../activities/define';
import { createPrices } from '../../activities/gateway/money/prices';
import type { PublishedQueue } from '../../workflows/contract/schemas/queue';
import { script } from '../kit/model-server';
import { useStack } from '../stack/use-stack';
import { until } from '../stack/until';

jest.setTimeout(120_000);

const queue: PublishedQueue = { depth: 4, concurrency: 1, weights: {}, shards: 1, degrade: [] };
const QUEUES = {
  hurried: { ...queue, degrade: [{ above: 0.3, sync: 'async' as const }] },
  cheap: { ...queue, degrade: [{ above: 0.3, route: ['test/small'] }] },
};
// Longer than the test may take: nothing but the load makes jobs of its calls.
const quick = defineAgent({
  ...{ name: 'quick', instructions: 'Say.', mode: 'sync', queue: 'hurried', sync: { within: '10m' } },
});
const thrifty = defineAgent({ name: 'thrifty', instructions: 'Say.', queue: 'cheap', limits: { usd: 1 } });

const held = new Map<string, () => void>();
const letGo = async (question: string): Promise<void> => {
  await until(() => held.has(question), 60_000);
  held.get(question)?.();
};
const used = useStack(
  {
    respond: async ({ messages }) => {
      const question = messages.at(-1)?.text ?? '';
      await new Promise<void>((resolve) => held.set(question, resolve));
      return script([{ text: 'said', usage: { input: 1_000, output: 100 } }]);
    },
  },
  {
    agents: [quick, thrifty],
    queues: QUEUES,
    prices: createPrices({
      prices: { 'test/model': { input: 10, output: 100 }, 'test/small': { input: 1, output: 10 } },
      providers: [],
    }),
  },
);

test('a call is answered while there is room, and under load its caller is given the id of a job at once', async () => {
  const agent = used.stack.client.agent<typeof quick>('quick');
  const first = agent.run('a1');
  await until(() => held.has('a1'));
  const second = agent.run('a2', { id: 'second' });
  await until(
    async () =>
      (await used.stack.client
        .run('second')
        .place()
        .catch(() => undefined)) !== undefined,
  );
  const third = await agent.run('a3');
  expect(third).toMatchObject({ kind: 'job', run: { queued: { position: 2, degraded: { sync: 'async' } } } });
  for (const question of ['a1', 'a2', 'a3']) await letGo(question);
  expect([(await first).kind, (await second).kind]).toEqual(['result', 'result']);
  expect(await third.run.result()).toMatchObject({ outcome: 'completed', output: 'said' });
});

test('the model that load puts in the place of another is paid by its own price, and counts so against the sum', async () => {
  const agent = used.stack.client.agent<typeof thrifty>('thrifty');
  const runs = [await agent.start('b1')];
  await until(() => held.has('b1'));
  for (const question of ['b2', 'b3']) runs.push(await agent.start(question));
  for (const question of ['b1', 'b2', 'b3']) await letGo(question);
  await Promise.all(runs.map((run) => run.result()));
  const told = await Promise.all(
    runs.map(async (run) => {
      const { degraded, ended } = await run.record();
      return [degraded?.route?.[0] ?? 'its own', ended?.totals.cost?.nanoUsd];
    }),
  );
  const [own, small] = [1_000 * 10_000 + 100 * 100_000, 1_000 * 1_000 + 100 * 10_000];
  expect(told).toEqual([
    ['its own', own],
    ['test/small', small],
    ['its own', own],
  ]);
});
