// Needs a Temporal server (embedded, real), the model server, and a Chromium on PATH: what people see and do in the dashboard.
import type { Locator, Page } from 'playwright-core';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { until } from '../e2e/cli';
import { madeKey, startTestApi, useApi } from '../api/given';
import { useStack } from '../stack/use-stack';
import { barriersOf, PHONE, testInBrowser, tooWide, useBrowser } from './browser';

const HOSTILE =
  '<script>window.injected = 1</script><img src=x onerror="window.injected = 2"><a href="javascript:window.injected = 3">x</a>' +
  '\u202egnp.exe \u001b[31mred\u001b]8;;http://evil\u0007 "quoted" & \u200b';

/** RUN is one that asks. */
const PLACES = [
  ...['/ui/runs', '/ui/inbox', '/ui/runs/RUN', '/ui/runs/RUN/conversation', '/ui/runs/RUN/calls/1'],
  ...['/ui/queues', '/ui/cost', '/ui/agents', '/ui/agents/payer', '/ui/releases'],
];
const paid: number[] = [];
const pay = defineTool({
  name: 'pay',
  description: 'Pays.',
  input: z.object({ amount: z.number(), note: z.string() }),
  output: z.object({ receipt: z.string() }),
  effect: 'keyed',
  approval: {},
  run: ({ amount }) => {
    paid.push(amount);
    return { receipt: HOSTILE };
  },
});
const payer = defineAgent({ name: 'payer', instructions: 'Pay.', tools: [pay] });
const greeter = defineAgent({ name: 'greeter', instructions: 'Greet.' });

const on = useStack(
  {
    respond: ({ assistantTurns, toolNames, messages }) => {
      const asked = messages.findLast(({ role }) => role === 'user')?.text ?? '';
      if (!toolNames.includes('pay')) return { text: `hello ${asked}` };
      return assistantTurns === 0
        ? { calls: [{ name: 'pay', args: { amount: Number(asked), note: HOSTILE } }] }
        : { text: `paid ${HOSTILE}` };
    },
  },
  { agents: [payer, greeter] },
);
const api = useApi(on);
const browser = useBrowser();
jest.setTimeout(180_000);

const start = async (agent: string, input: string, more: object = {}): Promise<string> => {
  const { status, body } = await api.ask('POST', '/v1/runs', { body: { agent, input, ...more } });
  expect(status).toBe(202);
  return String(body['id']);
};
const result = (id: string): Promise<unknown> => api.ask('GET', `/v1/runs/${id}/result?wait=60`);
const asks = (id: string): Promise<void> =>
  until(
    'it asks',
    async () => ((await api.ask('GET', `/v1/runs/${id}/requests`)).body['requests'] as unknown[]).length > 0,
    60_000,
  );
const go = (page: Page, at: string): Promise<unknown> => page.goto(`${api.url}${at}`);
/** Of what a run asks. */
const asking = (page: Page, id: string): Locator => page.locator('section.request').filter({ hasText: id });
const ids = (page: Page): Promise<string[]> => page.locator('tr[data-row] th a').allTextContents();

testInBrowser('runs are listed newest first, found by a filter, the beginning of an id, and a session', async () => {
  const first = await start('greeter', 'one', { id: 'seen-1', tags: ['red'], session: 'visit' });
  const second = await start('greeter', 'two', { id: 'seen-2' });
  await result(first);
  await result(second);
  const { page } = browser.open;
  await go(page, '/');
  expect(page.url()).toBe(`${api.url}/ui/runs`);
  expect((await ids(page)).slice(0, 2)).toEqual(['seen-2', 'seen-1']);
  await go(page, '/ui/runs?tag=red');
  expect(await ids(page)).toEqual(['seen-1']);
  for (const [searched, found] of [
    ['seen-2', ['seen-2']],
    ['seen-', ['seen-2', 'seen-1']],
    ['visit', ['seen-1']],
    ['nowhere', []],
  ] as const) {
    await go(page, '/ui/runs');
    await page.getByRole('searchbox').fill(searched);
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(`**/ui/runs?q=${searched}*`);
    expect(await ids(page)).toEqual(found);
  }
  await go(page, '/ui/runs?status=failed');
  expect(await page.textContent('main')).toContain('No run fits.');
});

testInBrowser('the list follows what happens, and leaves the reader where they are', async () => {
  await result(await start('greeter', 'before', { id: 'live-1' }));
  const { page } = browser.open;
  await go(page, '/ui/runs?q=live-');
  await page.getByRole('link', { name: 'live-1' }).focus();
  await result(await start('greeter', 'after', { id: 'live-2' }));
  await page.getByRole('link', { name: 'live-2' }).waitFor({ timeout: 20_000 });
  expect(await page.evaluate('document.activeElement?.textContent')).toBe('live-1');
});

testInBrowser('of a filter that does not fit the rest holds, and a page says what does not', async () => {
  await result(await start('greeter', 'x', { id: 'fits-1', tags: ['blue'] }));
  const { page, troubles } = browser.open;
  for (const misfit of ['status=nowhere', `q=${'x'.repeat(201)}`]) {
    await go(page, `/ui/runs?${misfit}&tag=blue`);
    expect(await ids(page)).toEqual(['fits-1']);
  }
  expect(await page.textContent('main')).not.toContain('see `errors`');
  for (const [at, says] of [
    ['/ui/runs/fits-1/calls/x', 'call: the number of a call'],
    ['/ui/cost?by=colour', 'by: one or several of'],
  ] as const) {
    await go(page, at);
    expect(await page.textContent('main')).toContain(says);
  }
  expect(troubles.splice(0)).toHaveLength(2);
});

testInBrowser('a page that cannot be followed any more says so, and since when', async () => {
  const id = await start('payer', '9', { id: 'stale-1' });
  await asks(id);
  const { key, known } = madeKey('reader', { scopes: ['read'] });
  const other = await startTestApi(on.stack, [known]);
  const { page, troubles } = browser.open;
  const stale = page.locator('#stale');
  try {
    await page.goto(`${other.url}/ui/runs/${id}`);
    await page.getByLabel('Key of the API').fill(key);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(`**/ui/runs/${id}`);
    expect(await stale.isVisible()).toBe(false);
    const cookies = await page.context().cookies();
    await page.context().clearCookies();
    await stale.filter({ hasText: /^You are signed out.* as it was at \d\d:\d\d:\d\d UTC\.$/ }).waitFor();
    // Signed in again, in another window say.
    await page.context().addCookies(cookies);
    await stale.waitFor({ state: 'hidden' });
  } finally {
    await other.close();
  }
  await stale.filter({ hasText: 'The server does not answer.' }).waitFor();
  expect(await barriersOf(page)).toEqual([]);
  await page.goto('about:blank');
  // The browser's own words for each look.
  expect(troubles.splice(0).filter((text) => !text.includes('ERR_'))).toEqual([]);
  await api.ask('POST', `/v1/runs/${id}/cancel`);
});

testInBrowser('a call is approved in the inbox, with its arguments in view', async () => {
  const id = await start('payer', '5', { id: 'asks-1' });
  await asks(id);
  const { page } = browser.open;
  await go(page, '/ui/inbox');
  const shown = asking(page, id);
  expect(await shown.getByLabel('Arguments of pay').textContent()).toContain('"amount": 5');
  await shown.getByLabel('Reason').first().fill('agreed');
  await shown.getByRole('button', { name: 'Approve', exact: true }).click();
  await page.getByRole('status').waitFor();
  await result(id);
  expect(paid).toEqual([5]);
  await go(page, `/ui/runs/${id}`);
  expect(await page.textContent('#facts')).toContain('completed');
});

testInBrowser('an answer about other arguments than those that are asked now is refused', async () => {
  const id = await start('payer', '6', { id: 'asks-2' });
  await asks(id);
  const { page, troubles } = browser.open;
  await go(page, `/ui/runs/${id}`);
  await page.evaluate(`document.querySelector('input[name=args]').value = '${'0'.repeat(64)}'`);
  await page.getByRole('button', { name: 'Approve', exact: true }).click();
  expect(await page.textContent('main')).toContain('is about other arguments');
  await page.goBack();
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.getByRole('status').waitFor();
  await result(id);
  expect(paid).toEqual([5]);
  // The browser's own word for the refusal.
  expect(troubles.splice(0)).toEqual([expect.stringContaining('409')]);
});

testInBrowser('a run is paused, steered, resumed and cancelled', async () => {
  const id = await start('payer', '7', { id: 'held-1' });
  await asks(id);
  const { page } = browser.open;
  const act = async (open_: string, button: string): Promise<void> => {
    if (open_ !== '') await page.getByText(open_, { exact: true }).click();
    await page.getByRole('button', { name: button, exact: true }).click();
    await page.getByRole('status').waitFor();
  };
  await go(page, `/ui/runs/${id}`);
  await act('Pause', 'Pause it');
  await until('it is paused', async () => {
    await go(page, `/ui/runs/${id}`);
    return ((await page.textContent('#facts')) ?? '').includes('paused');
  });
  await act('', 'Resume');
  await page.getByText('Steer', { exact: true }).click();
  await page.getByLabel('What the model hears').fill('be quick');
  await page.getByRole('button', { name: 'Say it' }).click();
  await page.getByRole('status').waitFor();
  await page.getByText('Cancel', { exact: true }).click();
  await page.locator('form[action$=cancel] input[name=reason]').fill('enough');
  await page.getByRole('button', { name: 'End it' }).click();
  await result(id);
  expect(await api.ask('GET', `/v1/runs/${id}`)).toMatchObject({ body: { status: 'cancelled' } });
});

testInBrowser('what others wrote is text: no script of it runs, and what would not be seen is shown', async () => {
  const id = await start('payer', '8', { id: 'hostile', tags: ['<b>tag</b>'] });
  await asks(id);
  const { page } = browser.open;
  const injected = (): Promise<unknown> => page.evaluate('window.injected');
  for (const at of ['/ui/inbox', `/ui/runs/${id}`]) {
    await go(page, at);
    expect(await injected()).toBeUndefined();
    expect(await page.locator('main img, main script, a[href^="javascript:"]').count()).toBe(0);
    const text = (await asking(page, id).getByLabel('Arguments of pay').textContent()) ?? '';
    expect(text).toContain('<script>window.injected = 1</script>');
    expect(text).toContain('U+202E');
    // Where they are edited too, as the same JSON.
    const edited = await asking(page, id).getByLabel('All arguments, as JSON').inputValue();
    expect(edited).not.toMatch(/[\u202e\u200b]/);
    expect(JSON.parse(edited)).toEqual({ amount: 8, note: HOSTILE });
  }
  await page.getByRole('button', { name: 'Approve', exact: true }).click();
  await result(id);
  for (const at of [`/ui/runs/${id}`, `/ui/runs/${id}/conversation`, '/ui/runs']) {
    await go(page, at);
    expect(await injected()).toBeUndefined();
    expect(await page.locator('main img, main script, a[href^="javascript:"]').count()).toBe(0);
  }
  await go(page, `/ui/runs/${id}/conversation`);
  const said = (await page.textContent('main')) ?? '';
  expect(said).toContain('U+001B');
  expect(said).not.toMatch(/[\u001b\u202e]/);
});

testInBrowser('a page goes by keys alone', async () => {
  await result(await start('greeter', 'one', { id: 'keys-1' }));
  await result(await start('greeter', 'two', { id: 'keys-2' }));
  const { page } = browser.open;
  const focused = (): Promise<string | null> => page.evaluate('document.activeElement?.textContent');
  await go(page, '/ui/runs?q=keys-');
  await page.keyboard.press('j');
  expect(await focused()).toBe('keys-2');
  await page.keyboard.press('j');
  expect(await focused()).toBe('keys-1');
  await page.keyboard.press('k');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/ui/runs/keys-2');
  await page.keyboard.press('g');
  await page.keyboard.press('i');
  await page.waitForURL('**/ui/inbox');
  await go(page, '/ui/runs');
  await page.keyboard.press('/');
  expect(await page.evaluate("document.activeElement?.getAttribute('name')")).toBe('q');
  await go(page, '/ui/runs');
  await page.keyboard.press('?');
  expect(await page.getByRole('dialog').isVisible()).toBe(true);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('To the content');
});

testInBrowser('light and dark follow the system, and both can be read by all', async () => {
  const id = await start('payer', '9', { id: 'seen-by-all' });
  await asks(id);
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page, close, troubles } = await browser.another({ colorScheme });
    for (const at of PLACES.map((place) => place.replace('RUN', id))) {
      await go(page, at);
      expect({ at, colorScheme, barriers: await barriersOf(page) }).toEqual({ at, colorScheme, barriers: [] });
    }
    const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(ground).toBe(colorScheme === 'light' ? 'rgb(251, 251, 252)' : 'rgb(20, 23, 27)');
    expect(troubles).toEqual([]);
    await close();
  }
  await api.ask('POST', `/v1/runs/${id}/cancel`);
});

testInBrowser('on a phone no page is wider than the window', async () => {
  const id = await start('payer', '11', { id: `wide-${'x'.repeat(80)}` });
  await asks(id);
  const { page, close, troubles } = await browser.another({ viewport: PHONE });
  for (const at of PLACES.map((place) => place.replace('RUN', id))) {
    await go(page, at);
    expect({ at, tooWide: await tooWide(page) }).toEqual({ at, tooWide: 0 });
  }
  expect(troubles).toEqual([]);
  await close();
  await api.ask('POST', `/v1/runs/${id}/cancel`);
});

testInBrowser('all of it is there without a script', async () => {
  const id = await start('payer', '10', { id: 'no-script' });
  await asks(id);
  const { page, close } = await browser.another({ javaScriptEnabled: false });
  await go(page, '/ui/runs?q=no-script');
  await page.getByRole('link', { name: 'no-script' }).click();
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.getByRole('status').waitFor();
  await result(id);
  expect(paid).not.toContain(10);
  await close();
});
