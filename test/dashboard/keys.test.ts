// Needs a Temporal server (embedded, real) and the model server: who may see and do what in the dashboard, and which forms are taken.
import { madeKey, startTestApi, type UsedApi } from '../api/given';
import { paid, payer } from '../api/paying';
import { until } from '../e2e/cli';
import { useStack } from '../stack/use-stack';

const made = {
  all: madeKey('all', { scopes: ['administer'] }),
  reader: madeKey('reader', { scopes: ['read'], tenants: ['acme'] }),
  globex: madeKey('globex', { scopes: ['read', 'intervene', 'approve'], tenants: ['globex'] }),
  finance: madeKey('finance-bot', { scopes: ['approve'] }),
};
const approvers = {
  people: { 'finance-bot': { keys: [made.finance.known.signs ?? ''], roles: ['finance'] } },
  allowUnsigned: false,
};
const on = useStack(
  {
    respond: ({ assistantTurns }) =>
      assistantTurns === 0 ? { calls: [{ name: 'pay', args: { amount: 5 } }] } : { text: 'done' },
  },
  { agents: [payer], approvers },
);
let api: UsedApi;
let id: string;
beforeAll(async () => {
  api = await startTestApi(
    on.stack,
    Object.values(made).map(({ known }) => known),
  );
  const { body } = await api.ask('POST', '/v1/runs', { body: { agent: 'payer', input: 'x' }, key: made.all.key });
  id = String(body['id']);
  await until('it asks', async () => ((await asked()).length > 0 ? true : false), 60_000);
}, 120_000);
afterAll(() => api.close());
jest.setTimeout(180_000);

const asked = async (): Promise<{ args: string }[]> =>
  (await api.ask('GET', `/v1/runs/${id}/requests`, { key: made.all.key })).body['requests'] as { args: string }[];

interface Answer {
  status: number;
  text: string;
  headers: Headers;
}

async function ask(
  at: string,
  { cookie, form, headers = {} }: { cookie?: string; form?: object; headers?: object } = {},
): Promise<Answer> {
  const response = await fetch(`${api.url}${at}`, {
    redirect: 'manual',
    headers: {
      ...(cookie === undefined ? {} : { cookie }),
      ...(form ? { origin: api.url, 'sec-fetch-site': 'same-origin' } : {}),
      ...headers,
    },
    ...(form ? { method: 'POST', body: new URLSearchParams({ ...form }) } : {}),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

async function signIn(name: keyof typeof made): Promise<string> {
  const { status, headers } = await ask('/ui/sign-in', { form: { key: made[name].key, to: '/ui/inbox' } });
  expect([status, headers.get('location')]).toEqual([303, '/ui/inbox']);
  const set = headers.get('set-cookie') ?? '';
  expect(set).toMatch(/^longhaul-session=[\w-]+; Max-Age=43200; Path=\/ui; HttpOnly; SameSite=Strict$/);
  return set.split(';')[0] ?? '';
}

const tokenIn = ({ text }: Answer): string => /name="token" value="([^"]+)"/.exec(text)?.[1] ?? '';

test('whoever is not signed in is asked to, and comes where they wanted to go', async () => {
  const { status, headers } = await ask('/ui/runs?tag=red');
  expect([status, headers.get('location')]).toEqual([303, `/ui/sign-in?to=${encodeURIComponent('/ui/runs?tag=red')}`]);
  expect((await ask('/ui/sign-in?to=%2Fui%2Fruns%3Ftag%3Dred')).text).toContain('value="/ui/runs?tag=red"');
  // Of a link in a mail a browser sends no cookie: it is asked for again by a page of this site.
  expect((await ask('/ui/runs', { headers: { 'sec-fetch-site': 'cross-site' } })).text).toContain(
    'http-equiv="refresh"',
  );
  for (const to of ['https://evil.example/', '//evil.example', '/ui/../v1', '/ui/\\evil'])
    expect((await ask('/ui/sign-in', { form: { key: made.reader.key, to } })).headers.get('location')).toMatch(
      /^\/ui($|\/)/,
    );
  expect(await ask('/ui/sign-in', { form: { key: 'lhk_wrong' } })).toMatchObject({ status: 401 });
});

test('the cookie is not the key, and is worth nothing once it is changed, or its key is gone', async () => {
  const cookie = await signIn('reader');
  expect((await ask('/ui/runs', { cookie })).status).toBe(200);
  const value = cookie.slice(cookie.indexOf('=') + 1);
  expect(Buffer.from(value, 'base64url').toString('latin1') + value).not.toContain(made.reader.key.slice(4));
  expect((await ask('/ui/runs', { cookie: `${cookie.slice(0, -2)}AA` })).status).toBe(303);
  expect(await api.ask('GET', '/v1/runs', { key: value })).toMatchObject({ status: 401 });
  const without = await startTestApi(on.stack, [made.all.known]);
  try {
    const { status } = await fetch(`${without.url}/ui/runs`, { redirect: 'manual', headers: { cookie } });
    expect(status).toBe(303);
  } finally {
    await without.close();
  }
});

test("another tenant's run is none, on every page and by every form", async () => {
  const cookie = await signIn('globex');
  const token = tokenIn(await ask('/ui/runs', { cookie }));
  for (const at of ['', '/conversation', '/calls/1', '/diff?a=1&b=1'].map((place) => `/ui/runs/${id}${place}`)) {
    const seen = await ask(at, { cookie });
    expect(seen.status).toBe(404);
    const nobody = await ask(at.replace(id, 'run_nobody'), { cookie });
    expect(seen.text.replaceAll(id, 'run_nobody')).toBe(nobody.text);
  }
  const [request] = await asked();
  const forms = ['pause', 'resume', 'cancel', 'requests/1/approve', 'requests/1/deny'];
  for (const what of forms) {
    const form = { token, ...(what.startsWith('requests') ? { args: request?.args } : {}) };
    expect(await ask(`/ui/runs/${id}/${what}`, { cookie, form })).toMatchObject({ status: 404 });
  }
  for (const at of ['/ui/runs', '/ui/inbox', '/ui/cost?since=all', '/ui/agents', '/ui/releases'])
    expect((await ask(at, { cookie })).text).not.toContain(id);
  expect((await ask('/ui/cost?since=all&by=tenant', { cookie })).text).not.toContain('acme');
  // A file is of what was asked for, or there is none.
  expect(await ask('/ui/cost.csv?since=1h', { cookie })).toMatchObject({ status: 200 });
  expect(await ask('/ui/cost.csv?since=soon', { cookie })).toMatchObject({ status: 422 });
});

test('a key is shown and let do what its scopes say', async () => {
  const reader = await signIn('reader');
  const seen = await ask(`/ui/runs/${id}`, { cookie: reader });
  expect(seen.text).toContain('May it call');
  expect(seen.text).not.toMatch(/action="[^"]*(cancel|approve|pause)"/);
  const token = tokenIn(seen);
  const [request] = await asked();
  for (const [what, form] of [
    ['cancel', {}],
    ['requests/1/approve', { args: request?.args }],
  ] as const)
    expect(await ask(`/ui/runs/${id}/${what}`, { cookie: reader, form: { token, ...form } })).toMatchObject({
      status: 403,
      text: expect.stringContaining('lacks the scope'),
    });
  expect((await ask(`/ui/releases/${'0'.repeat(64)}`, { cookie: reader })).status).toBe(403);
  const finance = await signIn('finance');
  const inbox = await ask('/ui/inbox', { cookie: finance });
  expect(inbox.text).toContain('&quot;amount&quot;: 5');
  expect(inbox.text).not.toContain('href="/ui/cost"');
  expect((await ask('/ui', { cookie: finance })).headers.get('location')).toBe('/ui/inbox');
  for (const at of ['runs', `runs/${id}`, 'queues', 'cost', 'agents', 'releases'])
    expect([at, (await ask(`/ui/${at}`, { cookie: finance })).status]).toEqual([at, 403]);
});

test('forms of other sites, and forms without the word of the session, are not taken', async () => {
  const cookie = await signIn('finance');
  const inbox = await ask('/ui/inbox', { cookie });
  const [request] = await asked();
  const at = `/ui/runs/${id}/requests/1/approve`;
  const form = { token: tokenIn(inbox), args: request?.args };
  const other = tokenIn(await ask('/ui/inbox', { cookie: await signIn('finance') }));
  for (const [what, wrong] of Object.entries({
    'another site': { headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } },
    'a site beside it': { headers: { 'sec-fetch-site': 'same-site' } },
    'another port': { headers: { origin: 'http://127.0.0.1:1' } },
    'no word of where from': { headers: { origin: 'null' } },
    'no token': { form: { args: request?.args } },
    "another session's token": { form: { ...form, token: other } },
  }))
    expect([what, (await ask(at, { cookie, form, ...wrong })).status]).toEqual([what, 403]);
  // Of a session that has ended: nothing is done, the page says so, and leads back.
  const [, lost = ''] = (await ask(at, { form })).headers.get('location')?.split('/ui/sign-in') ?? [];
  expect(lost).toBe(`?lost=1&to=${encodeURIComponent(`/ui/runs/${id}`)}`);
  expect((await ask(`/ui/sign-in${lost}`)).text).toContain('what you sent was not taken');
  expect(paid).toEqual([]);
  // What it takes: and it is signed in the name of the key, whose role must agree.
  const taken = await ask(at, { cookie, form: { ...form, back: 'inbox' } });
  expect([taken.status, taken.headers.get('location')]).toEqual([303, '/ui/inbox?done=approve']);
  await api.ask('GET', `/v1/runs/${id}/result?wait=60`, { key: made.all.key });
  expect(paid).toEqual([5]);
});

test('every page says what may be loaded, and keeps itself out of caches and frames', async () => {
  const cookie = await signIn('all');
  for (const at of [
    '/ui/sign-in',
    '/ui/runs',
    '/ui/inbox',
    '/ui/queues',
    '/ui/cost',
    '/ui/agents',
    '/ui/agents/payer',
    '/ui/releases',
    '/ui/nowhere',
  ]) {
    const { headers, text, status } = await ask(at, { cookie });
    expect([at, status]).toEqual([at, at === '/ui/nowhere' ? 404 : 200]);
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers.get('content-security-policy')).not.toMatch(/unsafe|https?:|\*/);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(text).not.toMatch(
      /<script(?! src="\/ui\/assets\/dashboard\.js" defer)|<style|\son\w+=|\sstyle=|https?:\/\/(?!www\.w3)/,
    );
  }
  for (const name of ['dashboard.css', 'dashboard.js', 'icon.svg'])
    expect((await ask(`/ui/assets/${name}`)).status).toBe(200);
});

test('signing out ends it', async () => {
  const cookie = await signIn('reader');
  const token = tokenIn(await ask('/ui/runs', { cookie }));
  const { status, headers } = await ask('/ui/sign-out', { cookie, form: { token } });
  expect([status, headers.get('location')]).toEqual([303, '/ui/sign-in']);
  expect(headers.get('set-cookie')).toMatch(/^longhaul-session=; Max-Age=0; Path=\/ui/);
});
