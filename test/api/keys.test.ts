// Needs a Temporal server (embedded, real) and the model server: what a key may, whose runs it reaches, and in whose name it decides.
import { defineAgent } from '../../activities/define';
import type { RefWrite } from '../../activities/store/port';
import { inboxName, openRunName, runRecordName, sessionRecordName } from '../../activities/store/ref-names';
import { runEntry } from '../../activities/store/run-index';
import { until } from '../e2e/cli';
import { useStack } from '../stack/use-stack';
import { madeKey, startTestApi, type UsedApi } from './given';
import { paid, payer } from './paying';

const greeter = defineAgent({ name: 'greeter', instructions: 'Greet.' });

const made = {
  all: madeKey('all', { scopes: ['administer'] }),
  reader: madeKey('reader', { scopes: ['read'] }),
  starter: madeKey('starter', { scopes: ['start'] }),
  acme: madeKey('acme', { scopes: ['read', 'start', 'intervene', 'approve'], tenants: ['acme'] }),
  globex: madeKey('globex', { scopes: ['read', 'start', 'intervene', 'approve'], tenants: ['globex'] }),
  greeting: madeKey('greeting', { scopes: ['read', 'start'], agents: ['greeter'] }),
  finance: madeKey('finance-bot', { scopes: ['read', 'approve'] }),
};
const keyOf = (name: keyof typeof made): string => made[name].key;
const approvers = {
  people: {
    'finance-bot': { keys: [made.finance.known.signs ?? ''], roles: ['finance'] },
    acme: { keys: [made.acme.known.signs ?? ''], roles: [] },
  },
  allowUnsigned: false,
};

const on = useStack(
  {
    respond: ({ assistantTurns, toolNames, messages }) =>
      toolNames.includes('pay') && assistantTurns === 0
        ? { calls: [{ name: 'pay', args: { amount: Number(messages.findLast(({ role }) => role === 'user')?.text) } }] }
        : { text: 'done' },
  },
  { agents: [payer, greeter], approvers },
);
let api: UsedApi;
beforeAll(async () => {
  api = await startTestApi(
    on.stack,
    Object.values(made).map(({ known }) => known),
  );
});
afterAll(() => api.close());
jest.setTimeout(180_000);
beforeEach(() => void paid.splice(0));

const OTHER = {
  ...{ schemaVersion: 1 as const, agent: 'greeter', release: 'f'.repeat(64), tenant: 'acme', tags: [] },
  ...{ input: '0'.repeat(64), question: 'x', startedAt: 9e12 },
};
const OTHER_SESSION = {
  ...{ schemaVersion: 1, agent: 'greeter', tenant: 'acme', status: 'open', head: null, length: 0, answered: 0, at: 1 },
  plan: { onBusy: 'enqueue', mailbox: 1, idleMs: 1 },
};

const start = async (key: keyof typeof made, body: object): Promise<string> => {
  const told = await api.ask('POST', '/v1/runs', { body: { agent: 'greeter', input: 'x', ...body }, key: keyOf(key) });
  expect(told.status).toBe(202);
  return String(told.body['id']);
};
interface Asked {
  run: string;
  number: number;
  args: string;
  arguments: unknown;
}
async function asked(id: string, number = 1): Promise<Asked> {
  let found: Asked | undefined;
  await until(
    `request ${number}`,
    async () => {
      const { body } = await api.ask('GET', `/v1/runs/${id}/requests`, { key: keyOf('all') });
      found = (body['requests'] as Asked[]).find((one) => one.number === number);
      return found !== undefined;
    },
    60_000,
  );
  if (!found) throw new Error('it asks nothing.');
  return found;
}

test.each([
  ['no key', {}],
  ['a wrong key', { authorization: `Bearer ${made.all.key.slice(0, -1)}` }],
  ['its hash', { authorization: `Bearer ${made.all.known.hash}` }],
  ['another scheme', { authorization: `Basic ${made.all.key}` }],
])('%s is not answered', async (_, headers) => {
  const told = await api.ask('GET', '/v1/runs', { headers });
  expect(told).toMatchObject({ status: 401, body: { type: 'Api.Unauthorized' } });
  expect(told.headers.get('www-authenticate')).toBe('Bearer');
});

test('a key does what its scopes say and nothing else', async () => {
  const id = await start('starter', {});
  const may = async (key: keyof typeof made, method: string, at: string, body?: object): Promise<boolean> =>
    (await api.ask(method, at, { key: keyOf(key), ...(body ? { body } : {}) })).status !== 403;
  const places: [string, string, object?][] = [
    ['GET', `/v1/runs/${id}`],
    ['POST', '/v1/runs', { agent: 'greeter', input: 'x' }],
    ['POST', `/v1/runs/${id}/pause`],
    ['POST', `/v1/runs/${id}/requests/1/deny`, { args: 'x' }],
    ['GET', `/v1/releases/${'0'.repeat(64)}`],
  ];
  const allowed = async (key: keyof typeof made): Promise<boolean[]> =>
    await Promise.all(places.map(([method, at, body]) => may(key, method, at, body)));
  expect(await allowed('reader')).toEqual([true, false, false, false, false]);
  expect(await allowed('starter')).toEqual([false, true, false, false, false]);
  expect(await allowed('finance')).toEqual([true, false, false, true, false]);
  // Who may approve is always said.
  expect(await allowed('all')).toEqual([true, true, true, false, true]);
});

test("another tenant's run is none: it is not seen, not listed, not touched, and its id tells nothing", async () => {
  const id = await start('acme', { id: 'acme-1' });
  const nobody = await api.ask('GET', '/v1/runs/acme-2', { key: keyOf('globex') });
  for (const [method, at] of [
    ['GET', ''],
    ['GET', '/result'],
    ['GET', '/events'],
    ['GET', '/requests'],
    ['POST', '/cancel'],
  ] as const) {
    const told = await api.ask(method, `/v1/runs/${id}${at}`, { key: keyOf('globex') });
    expect({ ...told.body, instance: '', detail: String(told.body['detail']).replace('acme-1', 'acme-2') }).toEqual({
      ...nobody.body,
      instance: '',
    });
  }
  const listed = await api.ask('GET', '/v1/runs?limit=100', { key: keyOf('globex') });
  expect((listed.body['runs'] as { tenant: string }[]).filter(({ tenant }) => tenant !== 'globex')).toEqual([]);
  const taken = await api.ask('POST', '/v1/runs', { body: { agent: 'greeter', input: 'x', id }, key: keyOf('globex') });
  expect(taken).toMatchObject({ status: 409, body: { type: 'Run.IdInUse' } });
  expect(JSON.stringify(taken.body)).not.toMatch(/greeter|"acme"/);
  const stranger = await api.ask('POST', '/v1/runs', {
    body: { agent: 'greeter', input: 'x', tenant: 'acme' },
    key: keyOf('globex'),
  });
  expect(stranger).toMatchObject({ status: 403, body: { type: 'Api.Forbidden' } });
});

test('where a page ends tells nothing of the runs of others that were looked at for it', async () => {
  const others = Array.from({ length: 1_000 }, (_, nth) => `acme-secret-${nth}`);
  const refs = others.flatMap((id): RefWrite[] => {
    const value = { ...OTHER, id };
    return [
      { op: 'put', name: runRecordName(id), value },
      { op: 'put', name: openRunName(id), value: { id } },
      runEntry(value),
      { op: 'put', name: sessionRecordName(id), value: { ...OTHER_SESSION, id } },
      { op: 'put', name: inboxName(id, 1), value: {} },
    ];
  });
  await on.stack.store.commit({ refs });
  try {
    for (const list of ['runs', 'sessions', 'requests']) {
      const { body } = await api.ask('GET', `/v1/${list}?limit=100`, { key: keyOf('globex') });
      const next = String(body['next']);
      expect(Buffer.from(next, 'base64url').toString('latin1') + next).not.toContain('acme');
      const page = await api.ask('GET', `/v1/${list}?cursor=${next}`, { key: keyOf('globex') });
      expect(page.status).toBe(200);
      const elsewhere = `/v1/${list === 'runs' ? 'requests' : 'runs'}?cursor=${next}`;
      expect(await api.ask('GET', elsewhere, { key: keyOf('globex') })).toMatchObject({
        status: 422,
        body: { errors: [{ parameter: 'cursor' }] },
      });
    }
  } finally {
    await Promise.all(refs.map(({ name }) => on.stack.store.deleteRef(name)));
  }
});

test('a key of one tenant starts for it without saying so', async () => {
  const id = await start('globex', {});
  expect((await api.ask('GET', `/v1/runs/${id}`, { key: keyOf('all') })).body['tenant']).toBe('globex');
});

test('another agent is none', async () => {
  const key = keyOf('greeting');
  const id = await start('acme', { agent: 'payer', input: '1' });
  expect((await api.ask('GET', `/v1/runs/${id}`, { key })).status).toBe(404);
  expect((await api.ask('GET', '/v1/agents/payer', { key })).status).toBe(404);
  expect(await api.ask('POST', '/v1/runs', { body: { agent: 'payer', input: '1' }, key })).toMatchObject({
    status: 404,
    body: { type: 'Agent.NotFound', detail: expect.not.stringContaining('greeter') as string },
  });
  expect((await api.ask('GET', '/v1/agents', { key })).body['agents']).toMatchObject([{ name: 'greeter' }]);
  await api.ask('POST', `/v1/runs/${id}/cancel`, { key: keyOf('all') });
  await api.ask('GET', `/v1/runs/${id}/result?wait=30`, { key: keyOf('all') });
});

test('the same Idempotency-Key of two keys is two requests', async () => {
  const headers = { 'idempotency-key': 'one' };
  const body = { agent: 'greeter', input: 'x' };
  const [acme, globex] = await Promise.all(
    (['acme', 'globex'] as const).map((key) => api.ask('POST', '/v1/runs', { body, headers, key: keyOf(key) })),
  );
  expect([acme?.status, globex?.status]).toEqual([202, 202]);
  expect(acme?.body['id']).not.toBe(globex?.body['id']);
});

test('a decision is bound to the arguments that were shown, and signed in the name of its key', async () => {
  const id = await start('acme', { agent: 'payer', input: '5' });
  const request = await asked(id);
  expect(request).toMatchObject({ run: id, number: 1, arguments: { amount: 5 }, tool: 'pay', by: [['finance']] });
  const approve = (key: keyof typeof made, args: string) =>
    api.ask('POST', `/v1/runs/${id}/requests/1/approve`, { body: { args, reason: 'ok' }, key: keyOf(key) });
  expect(await approve('finance', '0'.repeat(64))).toMatchObject({
    status: 409,
    body: { type: 'Run.Refused', errors: [{ pointer: '/args' }] },
  });
  expect(await approve('globex', request.args)).toMatchObject({ status: 404 });
  expect(await approve('finance', request.args)).toMatchObject({
    status: 202,
    body: { verdict: 'approve', by: 'finance-bot' },
  });
  expect(await api.ask('GET', `/v1/runs/${id}/result?wait=30`, { key: keyOf('all') })).toMatchObject({
    body: { outcome: 'completed' },
  });
  expect(paid).toEqual([5]);
  expect(await approve('finance', request.args)).toMatchObject({ status: 409 });
});

test('a key whose role is another is refused where the call is made, and it is asked again', async () => {
  const id = await start('acme', { agent: 'payer', input: '6' });
  const { args } = await asked(id);
  const at = `/v1/runs/${id}/requests`;
  expect((await api.ask('POST', `${at}/1/approve`, { body: { args }, key: keyOf('acme') })).status).toBe(202);
  expect(await asked(id, 2)).toMatchObject({ again: expect.stringContaining('finance must agree') as string });
  expect(paid).toEqual([]);
  expect((await api.ask('POST', `${at}/2/deny`, { body: { args, reason: 'no' }, key: keyOf('finance') })).status).toBe(
    202,
  );
  expect(await api.ask('GET', `/v1/runs/${id}/result?wait=30`, { key: keyOf('all') })).toMatchObject({
    body: { outcome: 'completed' },
  });
  expect(paid).toEqual([]);
});

test('the inbox has what waits, of those that a key may see', async () => {
  const ids = await Promise.all(
    ['acme', 'globex'].map((tenant) => start('all', { agent: 'payer', input: '7', tenant })),
  );
  for (const id of ids) await asked(id);
  const inbox = async (key: keyof typeof made): Promise<string[]> =>
    ((await api.ask('GET', '/v1/requests', { key: keyOf(key) })).body['requests'] as Asked[]).map(({ run }) => run);
  expect(await inbox('acme')).toEqual([ids[0]]);
  expect(await inbox('globex')).toEqual([ids[1]]);
  expect((await inbox('finance')).sort()).toEqual([...ids].sort());
  expect(await inbox('greeting')).toEqual([]);
  const page = await api.ask('GET', '/v1/requests?limit=1', { key: keyOf('finance') });
  const rest = await api.ask('GET', `/v1/requests?limit=1&cursor=${String(page.body['next'])}`, {
    key: keyOf('finance'),
  });
  const found = [page, rest].flatMap(({ body }) => (body['requests'] as Asked[]).map(({ run }) => run));
  expect(found.sort()).toEqual([...ids].sort());
  for (const id of ids) await api.ask('POST', `/v1/runs/${id}/cancel`, { key: keyOf('all') });
});
