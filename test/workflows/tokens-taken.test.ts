// Needs a Temporal server (embedded, real) and the model server: a run that takes ten times the usual tokens is found by its own call, with
// no look of the watch in between.
import { defineAgent } from '../../activities/define';
import { findingsIn } from '../../activities/store/findings';
import { UNWATCHED_PREFIX, watchedAgentName } from '../../activities/store/ref-names';
import { script } from '../kit/model-server';
import { until } from '../stack/until';
import { useStack } from '../stack/use-stack';

const reader = defineAgent({ name: 'reader', instructions: 'Read.' });
const on = useStack(
  { respond: () => script().answer('read').turnAt(0) },
  { agents: [reader], watch: { everyMs: 3_600_000, falseAlarms: 0.01, tokensTimes: 10 } },
);
jest.setTimeout(240_000);

test('it is there before anybody has looked', async () => {
  const { client, store, metrics } = on.stack;
  const value = { schemaVersion: 1, agent: 'reader', next: 30, releases: {}, usualTokens: 200 };
  await store.commit({ refs: [{ op: 'put', name: watchedAgentName('reader'), value }] });
  await (await client.agent<typeof reader>('reader').start('a little', { id: 'modest' })).result();
  await (await client.agent<typeof reader>('reader').start('much '.repeat(8_000), { id: 'greedy' })).result();
  await until(async () => (await findingsIn(store)).length > 0, 60_000);
  expect(await findingsIn(store)).toMatchObject([
    { agent: 'reader', metric: 'run-tokens', of: 'run', before: 200, runs: [{ id: 'greedy' }] },
  ]);
  const counted = await metrics.registry.getSingleMetric('agent_anomalies_found_total')?.get();
  expect(counted?.values).toMatchObject([{ labels: { metric: 'run-tokens' }, value: 1 }]);
  // Both are still to be looked at.
  expect((await store.listRefs(UNWATCHED_PREFIX)).length).toBe(2);
});
