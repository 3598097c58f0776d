// Needs a Temporal server (embedded, real) and the model server. Scores and profiles over HTTP: whose runs a key reaches, and in whose name it judges.
import { defineAgent } from '../../activities/define';
import { useStack } from '../stack/use-stack';
import { madeKey, startTestApi, type Told, type UsedApi } from './given';

jest.setTimeout(120_000);

const greeter = defineAgent({ name: 'greeter', instructions: 'Greet.' });
const made = {
  acme: madeKey('acme', { scopes: ['read', 'start', 'intervene'], tenants: ['acme'] }),
  globex: madeKey('globex', { scopes: ['read', 'start', 'intervene'], tenants: ['globex'] }),
  reader: madeKey('reader', { scopes: ['read'] }),
};
const on = useStack({ respond: () => ({ text: 'done' }) }, { agents: [greeter] });
let api: UsedApi;
beforeAll(async () => {
  api = await startTestApi(
    on.stack,
    Object.values(made).map(({ known }) => known),
  );
  for (const tenant of ['acme', 'globex'] as const) {
    const run = await on.stack.client.agent<typeof greeter>('greeter').start('Hello.', { id: `of-${tenant}`, tenant });
    await run.result();
  }
}, 120_000);
afterAll(async () => {
  await api.close();
});
afterEach(() => expect(api.reported.splice(0)).toEqual([]));

const ask = (who: keyof typeof made, method: string, at: string, body?: unknown, headers = {}): Promise<Told> =>
  api.ask(method, at, { key: made[who].key, headers, ...(body === undefined ? {} : { body }) });

test("a key scores its own tenant's runs, in its own name, and nobody else's", async () => {
  const given = await ask('acme', 'POST', '/v1/runs/of-acme/scores', { name: 'helpful', value: 0.5, by: 'globex' });
  expect(given).toMatchObject({ status: 200, body: { run: 'of-acme', by: 'acme/globex', value: 0.5, kind: 'number' } });
  expect(await ask('acme', 'POST', '/v1/runs/of-acme/scores', { name: 'right', value: true, call: 1 })).toMatchObject({
    body: { by: 'acme', call: { number: 1, turn: 1, index: 0 } },
  });
  for (const method of ['GET', 'POST'])
    expect(
      await ask('globex', method, '/v1/runs/of-acme/scores', method === 'GET' ? undefined : { name: 'a', value: 1 }),
    ).toMatchObject({ status: 404, body: { type: expect.stringContaining('Run.NotFound') as string } });
  expect(await ask('reader', 'POST', '/v1/runs/of-acme/scores', { name: 'a', value: 1 })).toMatchObject({
    status: 403,
  });
  expect((await ask('acme', 'GET', '/v1/runs/of-acme/scores')).body['scores']).toHaveLength(2);
});

test('lists and sums are of the tenants that a key sees', async () => {
  await ask('globex', 'POST', '/v1/runs/of-globex/scores', { name: 'helpful', value: 0.1 });
  expect((await ask('globex', 'GET', '/v1/scores')).body['scores']).toMatchObject([{ run: 'of-globex' }]);
  expect((await ask('acme', 'GET', '/v1/scores?below=0.3')).body['scores']).toEqual([]);
  expect((await ask('reader', 'GET', '/v1/scores?name=helpful')).body['scores']).toHaveLength(2);
  expect((await ask('globex', 'GET', '/v1/scores/summary')).body['summary']).toMatchObject([{ scores: 1, mean: 0.1 }]);
  const first = await ask('reader', 'GET', '/v1/scores?limit=2');
  const rest = await ask('reader', 'GET', `/v1/scores?limit=2&cursor=${String(first.body['next'])}`);
  expect([first.body['scores'], rest.body['scores']].flat()).toHaveLength(3);
  expect(rest.body).not.toHaveProperty('next');
});

test('by an Idempotency-Key it is given once; the key of another caller is another', async () => {
  const once = { 'idempotency-key': 'k-1' };
  const score = { name: 'kept', value: 1 };
  const first = await ask('acme', 'POST', '/v1/runs/of-acme/scores', score, once);
  expect((await ask('acme', 'POST', '/v1/runs/of-acme/scores', score, once)).body).toEqual(first.body);
  expect(await ask('acme', 'POST', '/v1/runs/of-acme/scores', { ...score, value: 0 }, once)).toMatchObject({
    status: 422,
  });
});

test.each([
  [{ name: 'Bad Name', value: 1 }],
  [{ name: 'a', value: 2 }],
  [{ name: 'a', value: null }],
  [{ name: 'a' }],
  [{ name: 'a', value: 1, call: 9 }],
  [{ name: 'a', value: 'x', categories: ['y'] }],
  [{ name: 'a', value: 1, run: 'of-globex' }],
])('what does not fit is a problem with its place: %j', async (body) => {
  expect(await ask('acme', 'POST', '/v1/runs/of-acme/scores', body)).toMatchObject({
    status: 422,
    body: { type: expect.stringContaining('Api.Invalid') as string },
  });
});

test.each(['/v1/scores?below=', '/v1/scores?above=x', '/v1/scores/summary?above='])(
  '%s names no number',
  async (at) => {
    expect(await ask('acme', 'GET', at)).toMatchObject({ status: 422, body: { errors: [{ detail: 'a number' }] } });
  },
);

test('a profile is of the runs that the key sees', async () => {
  expect((await ask('acme', 'GET', '/v1/agents/greeter/profile')).body).toMatchObject({ runs: 1, enough: false });
  expect((await ask('reader', 'GET', '/v1/agents/greeter/profile?since=1h')).body).toMatchObject({ runs: 2 });
  expect(await ask('reader', 'GET', '/v1/agents/greeter/profile?since=soon')).toMatchObject({ status: 422 });
});

test('the library scores a run as well', async () => {
  const run = on.stack.client.run('of-acme');
  expect(await run.score({ name: 'tone', value: 'polite', by: 'rules/tone', source: 'rule' })).toMatchObject({
    kind: 'category',
  });
  expect((await run.scores()).map(({ name }) => name)).toContain('tone');
});
