// Needs a Temporal server (embedded, real), the model server, and a Chromium on PATH: how an agent behaves, whether that has changed, what is
// thought of its runs, and by whom it is said.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { findingName } from '../../activities/store/ref-names';
import type { Finding } from '../../workflows/contract/schemas/finding';
import { madeKey, startTestApi, type UsedApi } from '../api/given';
import { useStack } from '../stack/use-stack';
import { barriersOf, PHONE, signIn, testInBrowser, tooWide, useBrowser } from './browser';

const HOSTILE = '<img src=x onerror="window.injected = 1">\u202eno';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({ at: z.string() }),
  output: z.string(),
  effect: 'read',
  retry: { attempts: 1 },
  run: ({ at }) => {
    if (at === 'nowhere') throw new Error('there is nothing');
    return `seen ${at}`;
  },
});
const looker = defineAgent({
  name: 'looker',
  description: 'Looks where it is told.',
  instructions: 'Look.',
  tools: [look],
});
const on = useStack(
  {
    respond: ({ assistantTurns, messages }) =>
      assistantTurns === 0
        ? { calls: [{ name: 'look', args: { at: messages.findLast(({ role }) => role === 'user')?.text ?? '' } }] }
        : { text: 'done', usage: { input: 900, output: 100 } },
  },
  { agents: [looker] },
);
const made = {
  all: madeKey('all', { scopes: ['administer'] }),
  reader: madeKey('reader', { scopes: ['read'], tenants: ['acme'] }),
  starter: madeKey('starter', { scopes: ['start'] }),
  other: madeKey('other', { scopes: ['read', 'intervene'], tenants: ['globex'] }),
};
let api: UsedApi;
const browser = useBrowser();
let release = '';
const RUNS = ['sky', 'sea', 'nowhere'].map((at) => `looks-at-${at}`);
beforeAll(async () => {
  api = await startTestApi(
    on.stack,
    Object.values(made).map(({ known }) => known),
  );
  for (const id of RUNS) {
    const body = { agent: 'looker', input: id.slice('looks-at-'.length), id, tenant: 'acme' };
    await api.ask('POST', '/v1/runs', { body, key: made.all.key });
    const told = await api.ask('GET', `/v1/runs/${id}/result?wait=60`, { key: made.all.key });
    expect(told.status).toBe(200);
  }
  const run = await api.ask('GET', `/v1/runs/${RUNS[0]}`, { key: made.all.key });
  release = String(run.body['release']);
  const finding: Finding = {
    ...{ schemaVersion: 1, id: 'fnd_1', agent: 'looker', release, metric: 'loop-repeats', of: 'run', direction: 'up' },
    ...{ after: 9, why: `it says ${HOSTILE} again`, runs: [{ id: 'looks-at-sea', tenant: 'acme' }] },
    ...{ at: Date.now() - 60_000, seenAt: Date.now() },
  };
  await on.stack.store.commit({ refs: [{ op: 'put', name: findingName('looker', finding.id), value: finding }] });
}, 240_000);
afterAll(() => api.close());
jest.setTimeout(240_000);

const signedIn = (name: keyof typeof made, at: string, opened = browser.open): Promise<void> =>
  signIn(opened, { url: api.url, key: made[name].key, at });

/** As it is read: with single spaces. */
const mainText = async ({ page } = browser.open): Promise<string> =>
  ((await page.textContent('main')) ?? '').replace(/\s+/g, ' ');

testInBrowser('its page has the figures of its profile, how they have changed, and what was found', async () => {
  await signedIn('reader', '/ui/agents/looker');
  const { page } = browser.open;
  const text = await mainText();
  expect(text).toContain('3 runs ended; 1 release');
  expect(text).toContain('3 completed');
  expect(text).toMatch(/model calls 2 2 – 2 3 /);
  expect(text).toMatch(/look \(Tool\.Failed 1\)/);
  expect(text).toContain('Every one of 6 answers could be used as it was.');
  const turns = page.getByRole('img', { name: 'Turns of a run: 2 at first, 2 now' });
  expect(await turns.locator('circle').count()).toBe(1);
  await page.getByText('The same as a table').click();
  const row = page.getByRole('region', { name: 'How its runs have changed' }).locator('tbody tr');
  expect(((await row.textContent()) ?? '').replace(/\s+/g, ' ')).toMatch(/ 3 .* 2 \(2 to 2\) 100 % 1 of 3 /);
  // What was found, with the run that shows it; what others wrote in it is text.
  const found = page.locator('.findings li');
  expect(await found.textContent()).toContain('<img src=x onerror');
  expect(await found.textContent()).toContain('U+202E');
  await found.getByRole('link', { name: 'looks-at-sea' }).click();
  await page.waitForURL('**/ui/runs/looks-at-sea');
});

testInBrowser('of other times and releases it shows those alone; a key that only starts sees none of it', async () => {
  await signedIn('all', `/ui/agents/looker?since=24h&release=${release.slice(0, 12)}`);
  const { page } = browser.open;
  expect(await mainText()).toContain('3 runs ended; 1 release');
  await page.getByLabel('Release').fill('abcdef');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.waitForURL('**release=abcdef');
  expect(await mainText()).toContain('No run of it has ended in that time.');
  const starter = await browser.another();
  await signedIn('starter', '/ui/agents/looker', starter);
  const seen = await mainText(starter);
  expect(seen).toContain('Looks where it is told.');
  expect(seen).not.toMatch(/runs ended|looks-at|found/);
  await starter.close();
});

testInBrowser('a run and a call are scored by a form, and all scores of the agent are summed up', async () => {
  await signedIn('all', '/ui/runs/looks-at-sky');
  const { page } = browser.open;
  const score = async (name: string, value: string, why: string): Promise<void> => {
    await page.getByText(/^Score /).click();
    await page.getByLabel('What is judged').fill(name);
    await page.getByLabel('Value').fill(value);
    await page.getByLabel('Why').fill(why);
    await page.getByRole('button', { name: 'Score', exact: true }).click();
    await page.getByRole('status').filter({ hasText: 'Your score is kept.' }).waitFor();
  };
  await score('helpful', '0.75', HOSTILE);
  expect(await mainText()).toContain('helpful 0.75 by all: <img src=x');
  await page.goto(`${api.url}/ui/runs/looks-at-sky/calls/2`);
  await score('correct', 'true', 'it looked');
  expect(page.url()).toContain('/calls/2?done=score');
  expect(await mainText()).toContain('correct true of call 2 by all: it looked');
  expect(await api.ask('GET', '/v1/runs/looks-at-sky/scores', { key: made.all.key })).toMatchObject({
    body: {
      scores: [
        { name: 'helpful', kind: 'number', value: 0.75, by: 'all', source: 'person' },
        { name: 'correct', kind: 'boolean', value: true, call: { number: 2, turn: 1, index: 1 } },
      ],
    },
  });
  await page.goto(`${api.url}/ui/runs/looks-at-sky`);
  expect(await page.getByRole('link', { name: 'call 2', exact: true }).getAttribute('href')).toContain('/calls/2');
  await page.goto(`${api.url}/ui/agents/looker`);
  const summed = page.getByRole('region', { name: 'Scores by release' });
  expect(((await summed.textContent()) ?? '').replace(/\s+/g, ' ')).toMatch(/helpful 1 1 0\.75 0\.75 0\.75 0 to 1/);
});

test('who may not score is shown no form, and is refused; of another tenant nobody sees a run to score', async () => {
  const asked = async (name: keyof typeof made, at: string, form?: object) => {
    const entered = await fetch(`${api.url}/ui/sign-in`, {
      ...{ method: 'POST', redirect: 'manual', headers: { origin: api.url } },
      body: new URLSearchParams({ key: made[name].key }),
    });
    const cookie = (entered.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const first = await fetch(`${api.url}/ui/agents`, { headers: { cookie } });
    const token = /name="token" value="([^"]+)"/.exec(await first.text())?.[1] ?? '';
    const response = await fetch(api.url + at, {
      redirect: 'manual',
      headers: { cookie, ...(form ? { origin: api.url } : {}) },
      ...(form ? { method: 'POST', body: new URLSearchParams({ token, ...form }) } : {}),
    });
    return { status: response.status, text: await response.text() };
  };
  const form = { name: 'helpful', value: '1' };
  const seen = await asked('reader', '/ui/runs/looks-at-sea');
  expect(seen.status).toBe(200);
  expect(seen.text).not.toContain('action="/ui/runs/looks-at-sea/scores"');
  expect(await asked('reader', '/ui/runs/looks-at-sea/scores', form)).toMatchObject({ status: 403 });
  expect(await asked('other', '/ui/runs/looks-at-sea/scores', form)).toMatchObject({ status: 404 });
  // Nothing of another tenant's runs is in its profile, nor what was found in them.
  const other = await asked('other', '/ui/agents/looker');
  expect(other.text).toContain('No run of it has ended in that time.');
  expect(other.text).not.toContain('looks-at');
  const { body } = await api.ask('GET', '/v1/runs/looks-at-sea/scores', { key: made.all.key });
  expect(body).toEqual({ scores: [] });
});

testInBrowser('it can be read by all, light and dark, and on a phone', async () => {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const viewport of [{ width: 1_200, height: 800 }, PHONE]) {
      const opened = await browser.another({ colorScheme, viewport });
      await signedIn('all', '/ui/agents/looker', opened);
      await opened.page.getByText('The same as a table').click();
      const seen = { barriers: await barriersOf(opened.page), tooWide: await tooWide(opened.page) };
      expect({ colorScheme, viewport, ...seen }).toEqual({ colorScheme, viewport, barriers: [], tooWide: 0 });
      expect(opened.troubles).toEqual([]);
      await opened.close();
    }
});
