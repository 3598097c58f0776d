// Needs a Temporal server (embedded, real) and the model server: the pages of queues, quotas and cost, while runs wait and spend.
import { defineAgent } from '../../activities/define';
import type { BudgetSettings } from '../../activities/gateway/quota/tenant-budgets';
import { configuredQuotas } from '../../client/cli/configured-quotas';
import { madeKey, startTestApi, type UsedApi } from '../api/given';
import { until } from '../e2e/cli';
import { useStack } from '../stack/use-stack';

const DAY_MS = 86_400_000;
const queued = defineAgent({ name: 'queued', instructions: 'Say.', queue: 'line' });
const day = (most: number) => ({ windows: [{ of: 'tokens' as const, perMs: DAY_MS, most }] });
const budgets: BudgetSettings = { default: undefined, tenants: { acme: day(50_000), globex: day(70_000) } };
const gate = { open: (): void => undefined, shut: Promise.resolve() };
gate.shut = new Promise((resolve) => (gate.open = resolve));
const on = useStack(
  {
    respond: async () => {
      await gate.shut;
      return { text: 'said', usage: { input: 1_200, output: 34 } };
    },
  },
  {
    agents: [queued],
    queues: { line: { depth: 5, concurrency: 1, weights: {}, shards: 1, degrade: [] } },
    budgets,
  },
);
const made = {
  all: madeKey('all', { scopes: ['administer'] }),
  acme: madeKey('acme', { scopes: ['read'], tenants: ['acme'] }),
};
let api: UsedApi;
beforeAll(async () => {
  const keys = Object.values(made).map(({ known }) => known);
  api = await startTestApi(on.stack, keys, undefined, configuredQuotas({ quotas: {}, budgets }));
}, 120_000);
afterAll(async () => {
  gate.open();
  await api.close();
});
jest.setTimeout(180_000);

async function page(at: string, name: keyof typeof made): Promise<string> {
  const signedIn = await fetch(`${api.url}/ui/sign-in`, {
    ...{ method: 'POST', redirect: 'manual', headers: { origin: api.url } },
    body: new URLSearchParams({ key: made[name].key }),
  });
  const cookie = (signedIn.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  const response = await fetch(api.url + at, { headers: { cookie } });
  expect(response.status).toBe(200);
  // As it is read: without tags, with single spaces.
  return (await response.text()).replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
}

test('what waits, what is used of a budget, and what it has cost, to each key what is its own', async () => {
  const start = (id: string, tenant: string): Promise<unknown> =>
    api.ask('POST', '/v1/runs', { body: { agent: 'queued', input: 'x', id, tenant }, key: made.all.key });
  await start('a1', 'acme');
  await start('a2', 'acme');
  await start('g1', 'globex');
  await until('two wait', async () => (await page('/ui/queues', 'all')).includes('2 of 5'), 60_000);
  const all = await page('/ui/queues', 'all');
  expect(all).toContain('1 of 1');
  expect(all).toContain('1 normal of globex');
  expect(all).toMatch(/tenant acme tokens a day \d+ of 50000/);
  expect(all).toContain('tenant globex');
  const own = await page('/ui/queues', 'acme');
  expect(own).toContain('tenant acme');
  expect(own).not.toContain('globex');
  gate.open();
  for (const id of ['a1', 'a2', 'g1']) await api.ask('GET', `/v1/runs/${id}/result?wait=60`, { key: made.all.key });
  expect(await page('/ui/cost?by=tenant,model', 'all')).toMatch(
    /3 runs.* acme test\/model 2 2\.4k .* globex test\/model 1 1\.2k /,
  );
  expect(await page('/ui/cost?by=tenant', 'acme')).toMatch(/2 runs.* acme 2 2\.4k 0 68 /);
  const told = await api.ask('GET', '/v1/cost?by=tenant,agent&since=1h', { key: made.acme.key });
  expect(told).toMatchObject({
    status: 200,
    body: {
      by: 'tenant,agent',
      costs: [
        { of: 'acme, queued', key: { tenant: 'acme', agent: 'queued' }, runs: 2, usage: { input: 2_400, output: 68 } },
      ],
      total: { runs: 2 },
    },
  });
  expect(await api.ask('GET', '/v1/cost?by=nothing', { key: made.acme.key })).toMatchObject({ status: 422 });
});
