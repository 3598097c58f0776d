// Needs a Temporal server (embedded, real) and the model server: runs over HTTP, from start to result.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { until } from '../e2e/cli';
import { useStack } from '../stack/use-stack';
import { useApi, type Told } from './given';

const gate = { open: (): void => undefined, shut: Promise.resolve() };
const shut = (): void => {
  gate.shut = new Promise((resolve) => (gate.open = resolve));
};
const wait = defineTool({
  name: 'wait',
  description: 'Waits.',
  input: z.object({}),
  output: z.object({}),
  effect: 'read',
  timeout: '60s',
  run: async () => {
    await gate.shut;
    return {};
  },
});
const greeter = defineAgent({ name: 'greeter', instructions: 'Greet.' });
const waiter = defineAgent({ name: 'waiter', instructions: 'Wait.', tools: [wait], limits: { turns: 5 } });
const picky = defineAgent({
  name: 'picky',
  instructions: 'Pick.',
  input: z.object({ order: z.string().min(3) }),
});

const on = useStack(
  {
    respond: ({ assistantTurns, messages, toolNames }) =>
      toolNames.includes('wait') && assistantTurns === 0
        ? { calls: [{ name: 'wait', args: {} }] }
        : { text: `Hello: ${messages.findLast(({ role }) => role === 'user')?.text ?? ''}` },
  },
  { agents: [greeter, waiter, picky] },
);
const api = useApi(on);
jest.setTimeout(180_000);
afterEach(() => gate.open());

const settled = (id: string) => api.ask('GET', `/v1/runs/${encodeURIComponent(id)}/result?wait=30`);

test('a run is started, seen and answered', async () => {
  const started = await api.ask('POST', '/v1/runs', {
    body: { agent: 'greeter', input: 'you', user: 'u7', session: 's1', tags: ['a'], priority: 'high' },
  });
  expect(started).toMatchObject({ status: 202, body: { agent: 'greeter', tenant: 'acme' } });
  const id = String(started.body['id']);
  expect(started.headers.get('location')).toBe(`/v1/runs/${id}`);
  expect(await settled(id)).toMatchObject({
    status: 200,
    body: { runId: id, outcome: 'completed', output: 'Hello: you', totals: { turns: 1 } },
  });
  expect(await api.ask('GET', `/v1/runs/${id}`)).toMatchObject({
    status: 200,
    body: { id, status: 'completed', question: 'you', user: 'u7', session: 's1', tags: ['a'], totals: { turns: 1 } },
  });
});

test('an id with any characters is found under its own path', async () => {
  const id = 'a/b %2F?ü#';
  const { headers } = await api.ask('POST', '/v1/runs', { body: { agent: 'greeter', input: 'x', id } });
  const at = headers.get('location') ?? '';
  expect(at).toBe(`/v1/runs/${encodeURIComponent(id)}`);
  expect(await settled(id)).toMatchObject({ body: { runId: id, outcome: 'completed' } });
  expect(await api.ask('GET', at)).toMatchObject({ status: 200, body: { id } });
});

test('one that goes is waited for no longer than was asked, and its wait is cut short by its end', async () => {
  shut();
  const { body } = await api.ask('POST', '/v1/runs', {
    body: { agent: 'waiter', input: 'x', limits: { turns: 3, tokens: 9_000, toolCalls: 900 } },
  });
  const id = String(body['id']);
  const open = await api.ask('GET', `/v1/runs/${id}/result`);
  expect(open).toMatchObject({ status: 202, body: { id, status: 'open' } });
  expect(open.headers.get('retry-after')).toBe('1');
  expect((await api.ask('GET', `/v1/runs/${id}/result?wait=1`)).status).toBe(202);
  let seen: Told['body'] = {};
  await until(
    'a worker answers',
    async () => (seen = (await api.ask('GET', `/v1/runs/${id}`)).body)['status'] === 'running',
    60_000,
  );
  expect(seen['limits']).toEqual({ turns: 3, tokens: 9_000, toolCalls: 200 });
  const waiting = settled(id);
  gate.open();
  expect(await waiting).toMatchObject({ status: 200, body: { outcome: 'completed' } });
});

test('whoever leaves while waiting holds nothing more', async () => {
  shut();
  const { body } = await api.ask('POST', '/v1/runs', { body: { agent: 'waiter', input: 'x' } });
  const id = String(body['id']);
  for (let nth = 0; nth < 20; nth += 1) {
    const left = new AbortController();
    const asked = fetch(`${api.url}/v1/runs/${id}/result?wait=60`, { signal: left.signal });
    await api.ask('GET', `/v1/runs/${id}`);
    left.abort();
    await expect(asked).rejects.toThrow();
  }
  gate.open();
  expect((await settled(id)).status).toBe(200);
});

test('a run is held, told, given more, and ended', async () => {
  shut();
  const { body } = await api.ask('POST', '/v1/runs', { body: { agent: 'waiter', input: 'x' } });
  const at = `/v1/runs/${String(body['id'])}`;
  await until('it waits', async () => (await api.ask('GET', at)).body['status'] === 'running', 60_000);
  expect((await api.ask('POST', `${at}/pause`, { body: { reason: 'lunch' } })).status).toBe(202);
  await until('it is paused', async () => (await api.ask('GET', at)).body['status'] === 'paused', 60_000);
  expect((await api.ask('GET', at)).body['reason']).toContain('lunch');
  expect((await api.ask('POST', `${at}/steer`, { body: { text: 'be quick' } })).status).toBe(202);
  expect(await api.ask('POST', `${at}/extend`, { body: { turns: 2 } })).toMatchObject({
    status: 200,
    body: { limits: { turns: 7 } },
  });
  // Asked twice, as after an answer that was lost, it has them once.
  const once = { body: { turns: 3 }, headers: { 'idempotency-key': '"more-1"' } };
  for (let nth = 0; nth < 2; nth += 1)
    expect(await api.ask('POST', `${at}/extend`, once)).toMatchObject({ status: 200, body: { limits: { turns: 10 } } });
  expect(await api.ask('POST', `${at}/extend`, { ...once, body: { turns: 4 } })).toMatchObject({
    status: 422,
    body: { type: 'Api.IdempotencyKeyReused' },
  });
  const heard = { body: { text: 'in French' }, headers: { 'idempotency-key': 'said-1' } };
  expect((await api.ask('POST', `${at}/steer`, heard)).status).toBe(202);
  expect(await api.ask('POST', `${at}/extend`, { body: {} })).toMatchObject({ status: 422 });
  // A limit that it does not have cannot be extended.
  expect(await api.ask('POST', `${at}/extend`, { body: { usd: 0.5 } })).toMatchObject({
    status: 409,
    body: { type: 'Run.Refused' },
  });
  expect((await api.ask('POST', `${at}/resume`)).status).toBe(202);
  await until('it goes on', async () => (await api.ask('GET', at)).body['status'] === 'running', 60_000);
  expect(await api.ask('POST', `${at}/cancel`, { body: { reason: 'enough' } })).toMatchObject({
    status: 202,
    body: { reasonKept: true },
  });
  gate.open();
  expect(await settled(String(body['id']))).toMatchObject({ body: { outcome: 'cancelled' } });
  expect(await api.ask('POST', `${at}/cancel`)).toMatchObject({ status: 409, body: { type: 'Run.Refused' } });
  // Whose answer was lost is told after the end too that it was taken; what is new is refused.
  expect(await api.ask('POST', `${at}/steer`, heard)).toMatchObject({ status: 202 });
  expect(await api.ask('POST', `${at}/extend`, once)).toMatchObject({ status: 200 });
  for (const nth of [1, 2])
    expect([
      nth,
      await api.ask('POST', `${at}/steer`, { ...heard, headers: { 'idempotency-key': 'late' } }),
    ]).toMatchObject([nth, { status: 409, body: { type: 'Run.Refused' } }]);
});

test('the same Idempotency-Key is the same run, and of another request it is refused', async () => {
  const body = { agent: 'greeter', input: 'once' };
  const headers = { 'idempotency-key': '"order-1"' };
  const all = await Promise.all(Array.from({ length: 8 }, () => api.ask('POST', '/v1/runs', { body, headers })));
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([202]));
  expect(new Set(all.map((one) => one.body['id'])).size).toBe(1);
  // Bare, as most send it, it is the same key.
  const bare = await api.ask('POST', '/v1/runs', { body, headers: { 'idempotency-key': 'order-1' } });
  expect(bare.body['id']).toBe(all[0]?.body['id']);
  const other = await api.ask('POST', '/v1/runs', { body: { ...body, input: 'twice' }, headers });
  expect(other).toMatchObject({ status: 422, body: { type: 'Api.IdempotencyKeyReused' } });
  await settled(String(bare.body['id']));
  // Long after its end too.
  expect((await api.ask('POST', '/v1/runs', { body, headers })).body['id']).toBe(bare.body['id']);
});

test('a key whose request was refused is as good as new', async () => {
  const headers = { 'idempotency-key': 'order-2' };
  const wrong = await api.ask('POST', '/v1/runs', { body: { agent: 'picky', input: { order: 'A' } }, headers });
  expect(wrong).toMatchObject({ status: 422, body: { type: 'Api.Invalid' } });
  const right = await api.ask('POST', '/v1/runs', { body: { agent: 'picky', input: { order: 'A-88' } }, headers });
  expect(right.status).toBe(202);
});

test('an id is one run: the same start finds it, another is refused', async () => {
  const body = { agent: 'greeter', input: 'me', id: 'mine' };
  expect((await api.ask('POST', '/v1/runs', { body })).status).toBe(202);
  expect((await api.ask('POST', '/v1/runs', { body })).status).toBe(202);
  expect(await api.ask('POST', '/v1/runs', { body: { ...body, input: 'you' } })).toMatchObject({
    status: 409,
    body: { type: 'Run.IdInUse' },
  });
});

test('runs are listed newest first, page by page, each once', async () => {
  const ids: string[] = [];
  for (let nth = 0; nth < 7; nth += 1) {
    const { body } = await api.ask('POST', '/v1/runs', {
      body: { agent: 'greeter', input: `${nth}`, session: 'listed', tags: [nth % 2 ? 'odd' : 'even'] },
    });
    ids.unshift(String(body['id']));
    // Some have ended, some may be open.
    if (nth < 4) await settled(String(body['id']));
  }
  const listed: string[] = [];
  let next: string | undefined = '';
  for (let page = 0; next !== undefined && page < 40; page += 1) {
    const { body } = await api.ask('GET', `/v1/runs?session=listed&limit=2${next === '' ? '' : `&cursor=${next}`}`);
    listed.push(...(body['runs'] as { id: string }[]).map(({ id }) => id));
    next = body['next'] as string | undefined;
  }
  expect(listed).toEqual(ids);
  const odd = await api.ask('GET', '/v1/runs?session=listed&tag=odd');
  expect((odd.body['runs'] as { question: string }[]).map(({ question }) => question)).toEqual(['5', '3', '1']);
  expect(await api.ask('GET', '/v1/runs?status=failed&session=listed')).toMatchObject({ body: { runs: [] } });
});

test('agents say what they take, releases what they are', async () => {
  const { body } = await api.ask('GET', '/v1/agents');
  expect((body['agents'] as { name: string }[]).map(({ name }) => name)).toEqual(['greeter', 'picky', 'waiter']);
  const picky = await api.ask('GET', '/v1/agents/picky');
  expect(picky).toMatchObject({ body: { input: { required: ['order'] }, model: ['test/model'] } });
  const { body: found } = await api.ask('GET', '/v1/releases?agent=picky');
  const [{ release } = { release: '' }] = found['releases'] as { release: string }[];
  expect(release).toBe(picky.body['release']);
  expect(await api.ask('GET', `/v1/releases/${release}`)).toMatchObject({
    body: { manifest: { agent: 'picky', instructions: 'Pick.' } },
  });
});
