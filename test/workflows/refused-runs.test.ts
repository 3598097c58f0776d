// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. The server takes shorter ids than callers are allowed, so
// it refuses runs for good, as it does whatever is over its limits.
import { defineAgent } from '../../activities/define';
import type { PublishedQueue } from '../../workflows/contract/schemas/queue';
import { useStack } from '../stack/use-stack';

jest.setTimeout(120_000);

const line: PublishedQueue = { depth: 10, concurrency: 1, weights: {}, shards: 1, degrade: [] };
const queued = defineAgent({ name: 'queued', instructions: 'Say.', queue: 'line' });
const friend = defineAgent({ name: 'friend', instructions: 'Talk.', mode: 'session' });
const used = useStack(
  { respond: async ({ messages }) => ({ text: messages.at(-1)?.text ?? '' }) },
  { agents: [queued, friend], queues: { line }, dynamicConfig: { 'limit.maxIDLength': 120 } },
);
const LONG = 'x'.repeat(90);
const refused = {
  outcome: 'failed',
  failure: { type: 'Run.Unstartable', message: expect.stringMatching(/^Temporal takes no such run: .*length/) },
};

test('a run that Temporal takes at no time ends and says why, and its queue goes on with the next', async () => {
  const agent = used.stack.client.agent<typeof queued>('queued');
  const bad = await agent.start('one', { id: `${LONG}-${LONG}` });
  const good = await agent.start('two', { id: 'good' });
  expect(await bad.result()).toMatchObject(refused);
  expect(await good.result()).toMatchObject({ outcome: 'completed', output: 'two' });
  expect((await bad.record()).ended).toMatchObject({ firstRunId: '', totals: { modelCalls: 0 } });
});

test('nor does such a message hold up its session', async () => {
  const session = used.stack.client.agent<typeof friend>('friend').session('s'.repeat(60));
  const bad = await session.send('one', { id: LONG });
  const good = await session.send('two', { id: 'good' });
  expect(await bad.result()).toMatchObject(refused);
  expect(await good.result()).toMatchObject({ outcome: 'completed', output: 'two' });
});
