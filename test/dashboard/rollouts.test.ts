// Needs a Temporal server (embedded, real), the model server, and a Chromium on PATH: a rollout on the page of releases and on its own, with its looks
// in words and as plots, and what its reader may do to it.
import type { Browser } from 'playwright-core';
import { defineAgent } from '../../activities/define';
import { changeTraffic } from '../../activities/store/change-traffic';
import { readPointer } from '../../activities/store/pick-release';
import { looksIn } from '../../activities/store/rollouts';
import { beginRollout, prepareRollout } from '../../client/begin-rollout';
import { tellServing, type ServingTeller } from '../../workers/tell-serving';
import { madeKey, startTestApi, type UsedApi } from '../api/given';
import { script } from '../kit/model-server';
import { until } from '../stack/until';
import { useStack } from '../stack/use-stack';
import {
  barriersOf,
  openPage,
  PHONE,
  startBrowser,
  testInBrowser,
  tooWide,
  chromiumPath,
  type OpenPage,
} from './browser';

jest.setTimeout(240_000);

const HOSTILE = '<img src=x onerror="window.injected = 1">\u202eno';
const version = (nth: number) => defineAgent({ name: 'teller', instructions: `You are version ${nth}.` });
const on = useStack({ respond: () => script().answer('yes').turnAt(0) }, { agents: [version(1)] });
const made = {
  all: madeKey('all', { scopes: ['administer'] }),
  reader: madeKey('reader', { scopes: ['read'] }),
};
let api: UsedApi;
let serving: ServingTeller;
let browser: Browser | undefined;
let open: OpenPage;

beforeAll(async () => {
  const { store, temporal, client } = on.stack;
  const releaseOf = async (): Promise<string> => (await readPointer(store, 'teller'))?.pointer.release ?? '';
  const one = await releaseOf();
  await on.stack.publish([version(2)]);
  const two = await releaseOf();
  await changeTraffic(store, 'teller', { kind: 'release', release: one }, { by: 'ada' });
  serving = tellServing({ store, worker: 'w', strict: false, releases: () => ({ teller: [one, two] }) });
  await serving.tell();
  const asked = {
    agent: 'teller',
    release: two,
    by: 'ada',
    why: HOSTILE,
    sticky: 'run',
    steps: [50, 100],
    everyMs: 1_000,
  } as const;
  const prepared = await prepareRollout(store, asked);
  const planned = { ...prepared.planned, id: 'rol_seen' };
  await beginRollout({ temporal, store, taskQueue: 'agents' }, { ...prepared, planned });
  const runs = await Promise.all(
    Array.from({ length: 12 }, (_, nth) =>
      client.agent('teller').start(`say ${nth}`, { id: `seen-${nth}`, tenant: 't' }),
    ),
  );
  for (const run of runs) await run.result();
  await until(async () => ((await looksIn(store, planned)).at(-1)?.runs.candidate ?? 0) > 0, 60_000);
  api = await startTestApi(
    on.stack,
    Object.values(made).map(({ known }) => known),
  );
  if (chromiumPath !== undefined) browser = await startBrowser();
}, 240_000);
afterAll(async () => {
  await browser?.close();
  await serving.stop();
  await api.close();
});
beforeEach(async () => {
  if (browser) open = await openPage(browser);
});
afterEach(async () => {
  if (!browser) return;
  expect(open.troubles.splice(0)).toEqual([]);
  expect(await open.page.evaluate('window.injected')).toBeUndefined();
  await open.close();
});

async function signedIn(name: keyof typeof made, at: string, { page } = open): Promise<void> {
  await page.goto(`${api.url}/ui/sign-in?to=${encodeURIComponent(at)}`);
  await page.getByLabel('Key of the API').fill(made[name].key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${api.url}${at}`);
}
const mainText = async ({ page } = open): Promise<string> =>
  ((await page.textContent('main')) ?? '').replace(/\s+/g, ' ');

testInBrowser('it can be read by all, light and dark, and on a phone', async () => {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const viewport of [{ width: 1_200, height: 800 }, PHONE]) {
      const opened = await openPage(browser ?? (await startBrowser()), { colorScheme, viewport });
      await signedIn('all', '/ui/agents/teller/rollouts/rol_seen', opened);
      await opened.page.getByText('The same as a table').first().click();
      const seen = { barriers: await barriersOf(opened.page), tooWide: await tooWide(opened.page) };
      expect({ colorScheme, viewport, ...seen }).toEqual({ colorScheme, viewport, barriers: [], tooWide: 0 });
      expect(opened.troubles).toEqual([]);
      await opened.close();
    }
});

testInBrowser(
  'on the page of releases, and its own: step, share, each metric in words and as a plot, who changed the traffic',
  async () => {
    await signedIn('reader', '/ui/releases');
    const { page } = open;
    expect(await mainText()).toMatch(/Rollouts .* teller [0-9a-f]{12} under way at 50 %/);
    await page.getByRole('region', { name: 'Rollouts' }).getByRole('link', { name: 'teller' }).click();
    await page.waitForURL('**/ui/agents/teller/rollouts/rol_seen');
    const text = await mainText();
    expect(text).toContain('[50 %] → 100 %');
    expect(text).toContain('<img src=x onerror');
    expect(text).toMatch(/success: candidate 100 % of \d units, current 100 % of \d/);
    const plot = page.getByRole('img', { name: /^success: candidate 100 %/ });
    expect(await plot.locator('circle').count()).toBeGreaterThan(0);
    expect(await page.getByRole('region', { name: 'Changes of traffic' }).textContent()).toMatch(/candidate/);
    // Who may not administer is shown no form.
    expect(await page.getByRole('button', { name: 'Take it back' }).count()).toBe(0);
  },
);

testInBrowser('paused, resumed and aborted by forms, with who and why', async () => {
  await signedIn('all', '/ui/agents/teller/rollouts/newest');
  const { page } = open;
  const act = async (summary: string, button: string, why: string): Promise<void> => {
    await page.getByText(summary, { exact: true }).click();
    const form = page.locator('form').filter({ has: page.getByRole('button', { name: button }) });
    await form.getByLabel('Why').fill(why);
    await form.getByRole('button').click();
    await page.getByRole('status').filter({ hasText: 'is asked to' }).waitFor();
  };
  const shows = async (pattern: RegExp): Promise<void> =>
    await until(async () => {
      await page.goto(`${api.url}/ui/agents/teller/rollouts/newest`);
      return pattern.test(await mainText());
    }, 60_000);
  await act('Pause', 'Pause it', 'lunch');
  await shows(/paused .* by all: lunch/);
  await act('Resume', 'Let it go on', '');
  await shows(/state under way at 50 %/);
  await act('Abort', 'Take it back', 'enough');
  await shows(/ended .*withdrawn by all: enough/);
  expect(await page.getByRole('button', { name: 'Take it back' }).count()).toBe(0);
});
