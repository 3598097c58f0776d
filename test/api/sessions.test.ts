// Needs a Temporal server (embedded, real) and the model server: sessions over HTTP, from the first message to their end, and what a key may.
import { defineAgent } from '../../activities/define';
import { currentRelease } from '../../client/releases';
import { holdSession } from '../../client/session-hold';
import { until } from '../e2e/cli';
import type { Respond } from '../kit/model-server';
import { useStack } from '../stack/use-stack';
import { createHolds } from '../stack/holds';
import { madeKey, startTestApi, useApi, type Told, type UsedApi } from './given';

const about = { instructions: 'Talk.', mode: 'session' } as const;
const friend = defineAgent({ name: 'friend', ...about });
const small = defineAgent({ name: 'small', ...about, session: { mailbox: 1 } });
const strict = defineAgent({ name: 'strict', ...about, session: { onBusy: 'reject' } });
const listening = defineAgent({ name: 'listening', ...about, session: { onBusy: 'steer' } });
const single = defineAgent({ name: 'single', instructions: 'Answer.' });

/** Requests wait here until a test lets them go on, by the text that was said last. */
const { hold, pass } = createHolds();
const respond: Respond = async ({ messages }) => {
  const said = messages.filter(({ role }) => role === 'user').map(({ text }) => text);
  const last = said.at(-1) ?? '';
  await pass(last);
  return { text: `${said.length}: ${last}` };
};

const on = useStack({ respond }, { agents: [friend, small, strict, listening, single] });
const api = useApi(on);
const made = {
  acme: madeKey('acme', { scopes: ['read', 'start', 'intervene'], tenants: ['acme'] }),
  globex: madeKey('globex', { scopes: ['read', 'start', 'intervene'], tenants: ['globex'] }),
  reader: madeKey('reader', { scopes: ['read'] }),
  starter: madeKey('starter', { scopes: ['start'] }),
  others: madeKey('others', { scopes: ['read', 'start', 'intervene'], agents: ['single'] }),
};
let keyed: UsedApi;
beforeAll(async () => {
  keyed = await startTestApi(
    on.stack,
    Object.values(made).map(({ known }) => known),
  );
});
afterAll(() => keyed.close());
afterEach(() => expect(keyed.reported.splice(0)).toEqual([]));
jest.setTimeout(180_000);

const say = (session: string, body: object, headers = {}): Promise<Told> =>
  api.ask('POST', `/v1/sessions/${session}/messages`, { body, headers });
const answer = (session: string, message: string): Promise<Told> =>
  api.ask('GET', `/v1/sessions/${session}/messages/${message}/result?wait=60`);

test('a session is begun by its first message, goes on with the next, and is seen, listed and read', async () => {
  expect(await api.ask('GET', '/v1/sessions/talk')).toMatchObject({ status: 404, body: { type: 'Session.NotFound' } });
  expect(await say('talk', { input: 'one' })).toMatchObject({ status: 404, body: { type: 'Session.NotFound' } });
  const first = await say('talk', { agent: 'friend', input: 'one', id: 'a', user: 'u7' });
  expect(first).toMatchObject({ status: 202, body: { session: 'talk', message: 'a', run: 'talk/a', repeated: false } });
  expect(first.headers.get('location')).toBe('/v1/sessions/talk/messages/a');
  expect(await answer('talk', 'a')).toMatchObject({ status: 200, body: { outcome: 'completed', output: '1: one' } });
  // Whose it is, is known by now.
  await say('talk', { input: 'two', id: 'b' });
  expect(await answer('talk', 'b')).toMatchObject({ status: 200, body: { output: '2: two' } });
  const seen = async (): Promise<Told['body']> => (await api.ask('GET', '/v1/sessions/talk')).body;
  await until('both are answered', async () => (await seen())['answered'] === 2);
  expect(await seen()).toMatchObject({ agent: 'friend', tenant: 'acme', status: 'idle', length: 4, waiting: [] });
  expect((await api.ask('GET', '/v1/sessions/talk/messages/a')).body).toEqual({
    ...{ session: 'talk', message: 'a', run: 'talk/a', state: 'answered', outcome: 'completed' },
  });
  const { body } = await api.ask('GET', '/v1/sessions/talk/transcript?after=1&limit=2');
  expect(body).toMatchObject({ length: 4, messages: [{ role: 'assistant' }, { parts: [{ text: 'two' }] }] });
  const { body: listed } = await api.ask('GET', '/v1/sessions?agent=friend&status=open');
  expect(listed['sessions']).toMatchObject([{ id: 'talk', agent: 'friend', status: 'open', length: 4, answered: 2 }]);
  expect((await api.ask('GET', '/v1/runs/talk%2Fa')).body).toMatchObject({ session: 'talk', user: 'u7' });
});

test('sessions are listed page by page, each once', async () => {
  const ids = ['p1', 'p2', 'p3'];
  for (const id of ids) {
    await say(id, { agent: 'friend', input: 'x', id: 'a', tenant: 'paged' });
    await answer(id, 'a');
  }
  const listed: string[] = [];
  let next: string | undefined = '';
  for (let page = 0; next !== undefined && page < 10; page += 1) {
    const { body } = await api.ask('GET', `/v1/sessions?tenant=paged&limit=2${next && `&cursor=${next}`}`);
    listed.push(...(body['sessions'] as { id: string }[]).map(({ id }) => id));
    next = body['next'] as string | undefined;
  }
  expect(listed).toEqual(ids);
});

test('a message is the same one by its id, and by its Idempotency-Key', async () => {
  const gate = hold('once');
  const all = await Promise.all(
    Array.from({ length: 4 }, () => say('same', { agent: 'friend', input: 'once', id: 'a' })),
  );
  expect(all.map(({ status, body }) => `${status} ${String(body['run'])}`)).toEqual(Array(4).fill('202 same/a'));
  expect(all.filter(({ body }) => body['repeated'] === false)).toHaveLength(1);
  expect(await say('same', { input: 'otherwise', id: 'a' })).toMatchObject({
    status: 409,
    body: { type: 'Session.MessageChanged' },
  });
  const headers = { 'idempotency-key': '"m-1"' };
  const keys = await Promise.all(Array.from({ length: 4 }, () => say('same', { input: 'by key' }, headers)));
  const [message] = new Set(keys.map(({ body }) => String(body['message'])));
  expect(keys.map(({ status, body }) => `${status} ${String(body['message'])}`)).toEqual(
    Array(4).fill(`202 ${message}`),
  );
  expect(await say('same', { input: 'another' }, headers)).toMatchObject({
    status: 422,
    body: { type: 'Api.IdempotencyKeyReused' },
  });
  // The same key at another session is another request.
  expect(await say('elsewhere', { agent: 'friend', input: 'by key' }, headers)).toMatchObject({ status: 422 });
  const waiting = await api.ask('GET', `/v1/sessions/same/messages/${message}`);
  expect(waiting.body).toMatchObject({ state: 'waiting', position: 1 });
  const open = await api.ask('GET', `/v1/sessions/same/messages/${message}/result`);
  expect(open).toMatchObject({ status: 202, body: { status: 'open' } });
  expect((await api.ask('GET', `/v1/sessions/same/messages/${message}/result?wait=1`)).status).toBe(202);
  const answered = answer('same', message ?? '');
  gate.letGo();
  expect(await answered).toMatchObject({ status: 200, body: { output: '2: by key' } });
});

test('what a session does not take now is refused with when to come again', async () => {
  const gates = [hold('held'), hold('kept')] as const;
  await say('full', { agent: 'small', input: 'held' });
  await say('busy', { agent: 'strict', input: 'kept' });
  await Promise.all(gates.map(({ arrived }) => arrived));
  await say('full', { input: 'two' });
  const full = await say('full', { input: 'three' });
  expect(full).toMatchObject({ status: 429, body: { type: 'Session.MailboxFull' } });
  const busy = await say('busy', { input: 'two' });
  expect(busy).toMatchObject({ status: 429, body: { type: 'Session.Busy' } });
  expect([full, busy].map(({ headers }) => headers.get('retry-after'))).toEqual(['5', '5']);
  for (const { letGo } of gates) letGo();
});

test('a message that the run under way takes is seen there', async () => {
  const gate = hold('first');
  await say('steered', { agent: 'listening', input: 'first', id: 'a' });
  await gate.arrived;
  const joined = await say('steered', { input: 'and', id: 'b' });
  expect(joined).toMatchObject({ status: 202, body: { run: 'steered/a', state: 'joined' } });
  expect(joined.headers.get('location')).toBe('/v1/runs/steered%2Fa');
  gate.letGo();
  expect(await answer('steered', 'a')).toMatchObject({ body: { output: '2: and' } });
});

test('paused it answers nothing; resumed it goes on; for later is later; retired it takes nothing any more', async () => {
  await say('life', { agent: 'friend', input: 'one', id: 'a' });
  await answer('life', 'a');
  const act = (what: string, body?: object): Promise<Told> =>
    api.ask('POST', `/v1/sessions/life/${what}`, body ? { body } : {});
  expect(await act('pause', { reason: 'lunch' })).toMatchObject({ status: 202, body: { session: 'life' } });
  const seen = async (): Promise<Told['body']> => (await api.ask('GET', '/v1/sessions/life')).body;
  await until('it is paused', async () => (await seen())['status'] === 'paused');
  expect(await say('life', { input: 'two', id: 'b' })).toMatchObject({ status: 202, body: { state: 'waiting' } });
  expect(await seen()).toMatchObject({ reason: 'lunch', waiting: [{ message: 'b', preview: 'two' }] });
  expect(await act('resume')).toMatchObject({ status: 202 });
  expect(await answer('life', 'b')).toMatchObject({ body: { output: '2: two' } });
  const later = await say('life', { input: 'three', id: 'c', afterMs: 3_600_000 });
  expect(later).toMatchObject({ status: 202, body: { state: 'later' } });
  expect((await api.ask('GET', '/v1/sessions/life/messages/c')).body).toMatchObject({
    state: 'later',
    dueAt: expect.any(Number) as number,
  });
  expect(await act('retire')).toMatchObject({ status: 202 });
  await until('it is retired', async () => (await seen())['status'] === 'retired');
  expect(await say('life', { input: 'four' })).toMatchObject({ status: 409, body: { type: 'Session.Retired' } });
  expect(await act('pause')).toMatchObject({ status: 409, body: { type: 'Session.Retired' } });
  // A schedule would say it again and again, and nobody would hear.
  expect(await act('wakes', { name: 'late', input: 'tick', everyMs: 3_600_000 })).toMatchObject({
    status: 409,
    body: { type: 'Session.Retired' },
  });
  // What was for a later time is answered by nobody, and says so.
  expect(await answer('life', 'c')).toMatchObject({ status: 200, body: { outcome: 'cancelled' } });
});

test('something is said at each of some times, until it is no more', async () => {
  await say('woken', { agent: 'friend', input: 'one', id: 'a' });
  await answer('woken', 'a');
  const wake = (body: object): Promise<Told> => api.ask('POST', '/v1/sessions/woken/wakes', { body });
  const made = await wake({ name: 'often', input: 'tick', everyMs: 1_000 });
  expect(made).toMatchObject({ status: 201, body: { session: 'woken', name: 'often' } });
  expect(await wake({ name: 'often', input: 'tick', everyMs: 1_000 })).toMatchObject({ status: 409 });
  for (const wrong of [
    { cron: 'never' },
    {},
    { everyMs: 1_000, cron: '0 9 * * *' },
    { everyMs: 5_000, timeZone: 'UTC' },
    // It could not be ended: no path has such a part.
    { name: '..', everyMs: 3_600_000 },
  ])
    expect(await wake({ name: 'wrong', input: 'tick', ...wrong })).toMatchObject({
      status: 422,
      body: { type: 'Api.Invalid' },
    });
  const answered = async (): Promise<number> => Number((await api.ask('GET', '/v1/sessions/woken')).body['answered']);
  await until('it was woken', async () => (await answered()) >= 2);
  const at = made.headers.get('location') ?? '';
  expect((await api.ask('DELETE', at)).status).toBe(204);
  expect(await api.ask('DELETE', at)).toMatchObject({ status: 404, body: { type: 'Session.NotFound' } });
  const before = await answered();
  expect(before).toBeLessThan(30);
});

test("another tenant's or agent's session is none", async () => {
  const ask = (key: keyof typeof made, method: string, at: string, body?: object): Promise<Told> =>
    keyed.ask(method, `/v1/sessions${at}`, { key: made[key].key, ...(body ? { body } : {}) });
  await ask('acme', 'POST', '/mine/messages', { agent: 'friend', input: 'secret', id: 'a' });
  await keyed.ask('GET', '/v1/sessions/mine/messages/a/result?wait=60', { key: made.acme.key });
  for (const key of ['globex', 'others'] as const) {
    for (const [method, at, body] of [
      ['GET', '/mine'],
      ['GET', '/mine/transcript'],
      ['GET', '/mine/messages/a'],
      ['GET', '/mine/messages/a/result'],
      ['POST', '/mine/pause'],
      ['POST', '/mine/resume'],
      ['POST', '/mine/retire'],
      ['POST', '/mine/messages', { input: 'x' }],
      ['POST', '/mine/messages', { input: 'x', agent: key === 'others' ? 'single' : 'friend' }],
      ['POST', '/mine/wakes', { name: 'w', input: 'x', everyMs: 1_000 }],
      ['DELETE', '/mine/wakes/w'],
    ] as const) {
      const told = await ask(key, method, at, body);
      expect({ method, at, status: told.status }).toEqual({ method, at, status: 404 });
      expect(JSON.stringify(told.body)).not.toMatch(/secret|acme/);
    }
    const { body } = await ask(key, 'GET', '?limit=100');
    expect((body['sessions'] as { tenant: string }[]).filter(({ tenant }) => tenant !== 'globex')).toEqual([]);
  }
  expect((await ask('acme', 'GET', '/mine')).body).toMatchObject({ status: 'idle', answered: 1 });
});

test('a key does with sessions what its scopes say', async () => {
  const places: [string, string, object?][] = [
    ['GET', '/mine'],
    ['POST', '/mine/messages', { agent: 'single', input: 'x' }],
    ['POST', '/mine/pause'],
  ];
  const allowed = async (key: keyof typeof made): Promise<boolean[]> =>
    await Promise.all(
      places.map(async ([method, at, body]) => {
        const told = await keyed.ask(method, `/v1/sessions${at}`, { key: made[key].key, ...(body ? { body } : {}) });
        return told.status !== 403;
      }),
    );
  expect(await allowed('reader')).toEqual([true, false, false]);
  expect(await allowed('starter')).toEqual([false, true, false]);
});

test.each<[string, string, object, number, string]>([
  ['an agent without sessions', 's', { agent: 'single', input: 'x' }, 422, 'Api.Invalid'],
  ['an agent that is not there', 's', { agent: 'nobody', input: 'x' }, 404, 'Agent.NotFound'],
  ['an id that cannot be a session', 'a%2Fb', { agent: 'friend', input: 'x' }, 422, 'Api.Invalid'],
  ['two times', 's', { agent: 'friend', input: 'x', at: 1, afterMs: 1 }, 422, 'Api.Invalid'],
  ['a time that is none', 's', { agent: 'friend', input: 'x', at: 1e300 }, 422, 'Api.Invalid'],
  ['no input', 's', { agent: 'friend' }, 422, 'Api.Invalid'],
  ['an input of another shape', 's', { agent: 'friend', input: 7 }, 422, 'Api.Invalid'],
  ['an unknown member', 's', { agent: 'friend', input: 'x', runs: 1 }, 422, 'Api.Invalid'],
])('%s is refused', async (_, session, body, status, type) => {
  expect(await say(session, body)).toMatchObject({ status, body: { type } });
});

test('a message that was never sent is none', async () => {
  await say('quiet', { agent: 'friend', input: 'x', id: 'a' });
  await answer('quiet', 'a');
  const told = await api.ask('GET', '/v1/sessions/quiet/messages/b');
  expect(told).toMatchObject({ status: 404, body: { type: 'Session.MessageNotFound' } });
});

test('by which release it goes is told, and that somebody holds it there', async () => {
  await say('kept', { agent: 'friend', input: 'one', id: 'a' });
  await answer('kept', 'a');
  const { release } = await currentRelease(on.stack.store, 'friend');
  const seen = (): Promise<Told> => api.ask('GET', '/v1/sessions/kept');
  const { body }: { body: { tenant?: string; release?: string; held?: object } } = await seen();
  expect(body).toMatchObject({ release });
  expect(body).not.toHaveProperty('held');
  const of = { session: 'kept', tenant: body.tenant ?? '' };
  await holdSession(on.stack.store, of, { release, why: 'a return', by: 'ana' });
  expect(await seen()).toMatchObject({ body: { held: { release, why: 'a return', by: 'ana' } } });
});
