// Needs a Temporal CLI, which an embedded server is started from. A quota that two worker processes' worth of connections share.
import { NativeConnection } from '@temporalio/worker';
import { createGatewayQuota, type GatewayQuota } from '../../activities/gateway/quota/gateway-quota';
import { askQuotas } from '../../workers/quota-authority';
import { QUERY_NAMES } from '../../workflows/contract/names';
import type { QuotaView } from '../../workflows/contract/quota';
import { mostWithin } from '../stack/arrivals';
import { useLimitedGreeter } from '../stack/limited-greeter';

jest.setTimeout(180_000);

const MOST = 5;
const used = useLimitedGreeter(MOST);

/** As another process would. */
async function beside(worker: string, work: (other: GatewayQuota) => Promise<void>): Promise<void> {
  const { server } = used.stack;
  const connection = await NativeConnection.connect({ address: server.address });
  const ask = askQuotas({ connection, namespace: server.namespace, taskQueue: 'agents', identity: worker });
  const other = createGatewayQuota({ quotas: { 'test/model': used.quota }, worker, ask, now: Date.now });
  try {
    await work(other);
  } finally {
    other.stop();
    await connection.close();
  }
}

test('runs wait for their quota, in their workflow, and no window has more than the limit, whoever sends', async () => {
  const sentBeside: number[] = [];
  await beside('beside-1', async (other) => {
    const outcomes = used.runAll(12);
    const caller = {
      ...{ agent: 'other', release: 'r', tenant: 'globex', run: 'other' },
      signal: new AbortController().signal,
    };
    for (let nth = 0; nth < 4; nth += 1) {
      const admission = await other.admit('test/model', { input: 10 }, caller).catch(() => undefined);
      if (!admission) continue;
      sentBeside.push(Date.now());
      admission.settle(undefined);
    }
    expect(await outcomes).toEqual(Array.from({ length: 12 }, () => 'completed'));
  });
  const arrived = used.arrivals();
  expect(arrived).toHaveLength(12);
  expect(sentBeside.length).toBeGreaterThan(0);
  expect(mostWithin([...arrived, ...sentBeside], used.perMs)).toBeLessThanOrEqual(MOST);
  const view = await used.workflow().query<QuotaView>(QUERY_NAMES.quota);
  expect(view).toMatchObject({ route: 'test/model', limits: [{ of: 'requests', most: MOST }] });
  expect((view.limits[0]?.used ?? 0) + (view.limits[0]?.leased ?? 0)).toBeGreaterThan(0);
  // Whoever asks later is told of that time, though no worker has spoken since.
  const later = await used.workflow().query<QuotaView, [number]>(QUERY_NAMES.quota, Date.now() + 240_000);
  expect(later).toMatchObject({ limits: [{ most: MOST, used: 0, leased: 0 }], waiting: [], away: 0 });
});
