// Needs a Temporal CLI, which an embedded server is started from. A quota that two worker processes' worth of connections share.
import { NativeConnection } from '@temporalio/worker';
import { defineAgent } from '../../activities/define';
import {
  createGatewayQuota,
  keyNameOf,
  type GatewayQuota,
  type QuotaSettings,
} from '../../activities/gateway/quota/gateway-quota';
import { askQuotas } from '../../workers/quota-authority';
import { quotaId, QUERY_NAMES } from '../../workflows/contract/names';
import type { QuotaView } from '../../workflows/contract/quota';
import { script } from '../kit';
import { useStack } from '../stack/use-stack';

jest.setTimeout(180_000);

const PER_MS = 4_000;
const MOST = 5;
const quota: QuotaSettings = {
  limits: { windows: [{ of: 'requests', perMs: PER_MS, most: MOST }] },
  reserve: { kind: 'learned', quantile: 0.95 },
  patienceMs: 120_000,
  weights: {},
  key: keyNameOf('TEST_API_KEY'),
};
const greeter = defineAgent({ name: 'greeter', model: 'test/model', instructions: 'Greet.' });
const used = useStack({ script: script().answer('Hello.') }, { agents: [greeter], quota });

/** As another process would. */
async function beside(worker: string, work: (other: GatewayQuota) => Promise<void>): Promise<void> {
  const { server } = used.stack;
  const connection = await NativeConnection.connect({ address: server.address });
  const ask = askQuotas({ connection, namespace: server.namespace, taskQueue: 'agents', identity: worker });
  const other = createGatewayQuota({ quotas: { 'test/model': quota }, worker, ask, now: Date.now });
  try {
    await work(other);
  } finally {
    other.stop();
    await connection.close();
  }
}

/** The most within any window of that length. */
function most(times: readonly number[], perMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(...sorted.map((at, nth) => nth + 1 - sorted.findIndex((one) => one > at - perMs)));
}

test('runs wait for their quota, in their workflow, and no window has more than the limit, whoever sends', async () => {
  const { stack, model } = used;
  const sentBeside: number[] = [];
  await beside('beside-1', async (other) => {
    const runs = await Promise.all(
      Array.from({ length: 12 }, (_, nth) => stack.client.agent<typeof greeter>('greeter').start(`hello ${nth}`)),
    );
    const caller = {
      agent: 'other',
      release: 'r',
      tenant: 'globex',
      run: 'other',
      signal: new AbortController().signal,
    };
    for (let nth = 0; nth < 4; nth += 1) {
      const admission = await other.admit('test/model', { input: 10 }, caller).catch(() => undefined);
      if (!admission) continue;
      sentBeside.push(Date.now());
      admission.settle(undefined);
    }
    const results = await Promise.all(runs.map((run) => run.result()));
    expect(results.map(({ outcome }) => outcome)).toEqual(runs.map(() => 'completed'));
  });
  const arrived = model.requests().map(({ arrivedAt }) => arrivedAt);
  expect(arrived).toHaveLength(12);
  expect(sentBeside.length).toBeGreaterThan(0);
  expect(most([...arrived, ...sentBeside], PER_MS)).toBeLessThanOrEqual(MOST);
  const view = await stack.temporal.workflow
    .getHandle(quotaId('agents', 'test/model', quota.key))
    .query<QuotaView>(QUERY_NAMES.quota);
  expect(view).toMatchObject({ route: 'test/model', limits: [{ of: 'requests', most: MOST }] });
});
