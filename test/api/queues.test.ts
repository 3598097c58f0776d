// Needs a Temporal server (embedded, real) and the model server: runs that wait for a place, over HTTP.
import { defineAgent } from '../../activities/define';
import { until } from '../e2e/cli';
import { script } from '../kit/model-server';
import { useStack } from '../stack/use-stack';
import { madeKey, startTestApi, useApi, type Told } from './given';

const queued = defineAgent({ name: 'queued', instructions: 'Say.', queue: 'line', limits: { turns: 10 } });
const gate = { open: (): void => undefined, shut: Promise.resolve() };
const on = useStack(
  {
    respond: async () => {
      await gate.shut;
      return script().answer('said');
    },
  },
  {
    agents: [queued],
    queues: { line: { depth: 2, concurrency: 1, weights: { acme: 3 }, shards: 1, degrade: [] } },
  },
);
const api = useApi(on);
jest.setTimeout(180_000);
beforeEach(() => {
  gate.shut = new Promise((resolve) => (gate.open = resolve));
});
afterEach(() => gate.open());

const start = (id: string, body = {}): Promise<Told> =>
  api.ask('POST', '/v1/runs', { body: { agent: 'queued', input: 'x', id, ...body } });
const settled = (id: string): Promise<Told> => api.ask('GET', `/v1/runs/${id}/result?wait=60`);
const seen = async (id: string): Promise<Told['body']> => (await api.ask('GET', `/v1/runs/${id}`)).body;

test('a run is told where it stands, holds to its limits, and is refused where the queue is full', async () => {
  await start('a1');
  await until('it has begun', async () => (await seen('a1'))['status'] === 'running', 60_000);
  const second = await start('a2', { limits: { turns: 3 } });
  expect(second).toMatchObject({ status: 202, body: { queued: { queue: 'line', position: 1 } } });
  expect(await start('a3', { tenant: 'globex' })).toMatchObject({ status: 202, body: { queued: { position: 2 } } });
  const full = await start('a4');
  expect(full).toMatchObject({ status: 429, body: { type: 'Queue.Full' } });
  expect(Number(full.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await api.ask('GET', '/v1/runs/a4')).status).toBe(404);
  expect(await seen('a2')).toMatchObject({ status: 'queued', queued: { queue: 'line', position: 1 } });
  expect(await api.ask('GET', '/v1/runs/a2/result')).toMatchObject({ status: 202, body: { status: 'open' } });
  // Nobody hears it yet.
  expect(await api.ask('POST', '/v1/runs/a2/pause')).toMatchObject({ status: 409, body: { type: 'Run.Refused' } });

  const { body: line } = await api.ask('GET', '/v1/queues/line');
  expect(line).toMatchObject({ name: 'line', depth: 2, concurrency: 1, waiting: 2, running: 1 });
  expect(line['counts']).toMatchObject({ accepted: 3, refused: 1, begun: 1 });
  expect(line['oldestAt']).toEqual(expect.any(Number));
  expect(line).not.toHaveProperty('weights');
  expect(line['tenants']).toEqual([
    { tenant: 'acme', priority: 'normal', waiting: 1 },
    { tenant: 'globex', priority: 'normal', waiting: 1 },
  ]);

  expect(await api.ask('POST', '/v1/runs/a3/cancel', { body: { reason: 'enough' } })).toMatchObject({ status: 202 });
  expect(await settled('a3')).toMatchObject({ status: 200, body: { outcome: 'cancelled' } });
  const waiting = settled('a2');
  gate.open();
  expect(await waiting).toMatchObject({ status: 200, body: { outcome: 'completed' } });
  expect((await seen('a2'))['limits']).toMatchObject({ turns: 3 });
  const { body: listed } = await api.ask('GET', '/v1/queues');
  expect(listed['queues']).toMatchObject([
    { name: 'line', waiting: 0, counts: { withdrawn: 1 }, wait: { fromMs: expect.any(Number) as number } },
  ]);
});

test('its place is told on the way, as an event', async () => {
  await start('b1');
  await until('it has begun', async () => (await seen('b1'))['status'] === 'running', 60_000);
  await start('b2');
  const events = await fetch(`${api.url}/v1/runs/b2/events`);
  const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
    text += read.value;
    if (text.includes('event: queued')) gate.open();
  }
  expect(text).toMatch(/event: queued\ndata: \{"type":"queued","place":\{"position":1/);
  expect(text).toMatch(/event: result\ndata: .*"outcome":"completed"/);
});

test('of those who wait a key is told its own', async () => {
  const globex = madeKey('globex', { scopes: ['read'], tenants: ['globex'] });
  const starter = madeKey('starter', { scopes: ['start'] });
  const keyed = await startTestApi(on.stack, [globex.known, starter.known]);
  await start('c1');
  await until('it has begun', async () => (await seen('c1'))['status'] === 'running', 60_000);
  await start('c2');
  await start('c3', { tenant: 'globex' });
  const { body } = await keyed.ask('GET', '/v1/queues/line', { key: globex.key });
  expect(body).toMatchObject({ waiting: 2, tenants: [{ tenant: 'globex', waiting: 1 }] });
  expect((await keyed.ask('GET', '/v1/queues/line', { key: starter.key })).status).toBe(403);
  gate.open();
  await Promise.all(['c1', 'c2', 'c3'].map(settled));
  await keyed.close();
});

test.each(['nobody', 'UPPER', 'a%2Fb', '%ff'])('the queue %s is none', async (name) => {
  expect(await api.ask('GET', `/v1/queues/${name}`)).toMatchObject({ status: 404, body: { type: 'Queue.NotFound' } });
});
