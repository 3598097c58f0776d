// Needs a Temporal server (embedded, real), the model server, and a Chromium on PATH: exactly what a model was sent, and what changed from one
// call to the next, with content that would like to be more than text.
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { curlOf } from '../../client/cli/curl-command';
import { serveApi, type ApiServer } from '../../client/api/serve-api';
import { madeKey } from '../api/given';
import { useStack } from '../stack/use-stack';
import { barriersOf, PHONE, signIn, testInBrowser, tooWide, useBrowser } from './browser';

const HOSTILE =
  '</pre><script>window.injected = 1</script><img src=x onerror="window.injected = 2">\u202egnp \u00ad \u{e0041} \'"`$(id) &amp;';

const look = defineTool({
  name: 'look',
  description: `Looks. ${HOSTILE}`,
  input: z.object({ at: z.string() }),
  output: z.string(),
  effect: 'read',
  run: () => `seen ${HOSTILE} ${'wide'.repeat(200)}`,
});
const looker = defineAgent({ name: 'looker', instructions: `Look. ${HOSTILE}`, tools: [look] });
const on = useStack(
  {
    respond: ({ assistantTurns }) =>
      assistantTurns === 0 ? { calls: [{ name: 'look', args: { at: HOSTILE } }] } : { text: `done ${HOSTILE}` },
  },
  { agents: [looker] },
);
const made = {
  all: madeKey('all', { scopes: ['administer'] }),
  reader: madeKey('reader', { scopes: ['read'] }),
};
const ID = 'asked';
let api: ApiServer;
const browser = useBrowser({ permissions: ['clipboard-read', 'clipboard-write'] });
beforeAll(async () => {
  const { stack, model } = on;
  api = await serveApi({
    ...{ temporal: stack.temporal, store: stack.store, taskQueue: 'agents', tenant: 'acme', port: 0 },
    keys: Object.values(made).map(({ known }) => known),
    curlOf: (request) => curlOf([{ name: 'test', api: 'chat', baseUrl: model.url, keyFrom: 'TEST_KEY' }], request),
    report: (error) => console.error(error),
  });
  await (await stack.client.agent('looker').start(HOSTILE, { id: ID })).result();
}, 240_000);
afterAll(() => api.close());
jest.setTimeout(240_000);

const signedIn = (name: keyof typeof made, at: string, opened = browser.open): Promise<void> =>
  signIn(opened, { url: api.url, key: made[name].key, at });

/** As a page shows it: characters that would not be seen by their numbers. */
const shown = (text: string): string =>
  text.replace(
    /[\u00ad\u202e]|\u{e0041}/gu,
    (one) => `U+${one.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`,
  );
const sent = (nth: number): string => on.model.requests()[nth]?.body?.toString() ?? 'nothing';

testInBrowser('a call shows the very bytes that its model was sent, and gives them out', async () => {
  await signedIn('all', `/ui/runs/${ID}/calls/3`);
  const { page } = browser.open;
  expect(sent(1)).toContain('role');
  expect(await page.getByLabel('Body of the request').textContent()).toBe(shown(sent(1)));
  expect(await page.textContent('main')).toMatch(/the same bytes as were sent\./);
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Its bytes as a file' }).click(),
  ]);
  expect(file.suggestedFilename()).toBe('call-3-request.json');
  const chunks: Buffer[] = [];
  for await (const chunk of await file.createReadStream()) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toBe(sent(1));
  expect(await page.locator('main script, main img').count()).toBe(0);
});

testInBrowser('the request as a command is copied as it is, whatever stands in it', async () => {
  await signedIn('all', `/ui/runs/${ID}/calls/1`);
  const { page } = browser.open;
  await page.getByText('As a command for a shell').click();
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByRole('status').filter({ hasText: 'Copied.' }).waitFor();
  const copied = await page.evaluate<string>('navigator.clipboard.readText()');
  expect(copied).toContain(`curl -sS -N '${on.model.url}/chat/completions'`);
  expect(copied).toContain('"authorization: Bearer $TEST_KEY"');
  expect(await page.getByLabel('The request as a command').textContent()).toBe(shown(copied));
  // What a shell would not show it does not get as it is.
  expect(copied).not.toContain('\u202e');
});

testInBrowser('of a tool call there is no request; of a key that only reads none is shown, nor given out', async () => {
  await signedIn('all', `/ui/runs/${ID}/calls/2`);
  const { page } = browser.open;
  expect(await page.textContent('main')).not.toContain('Exactly what was sent');
  const reader = await browser.another();
  await signedIn('reader', `/ui/runs/${ID}/calls/3`, reader);
  const text = (await reader.page.textContent('main')) ?? '';
  expect(text).toContain('the exact request is for keys that may administer.');
  expect(text).not.toContain('Look. ');
  for (const name of ['request.json', 'request.sh']) {
    const answer = await reader.page.goto(`${api.url}/ui/runs/${ID}/calls/3/${name}`);
    expect([name, answer?.status()]).toEqual([name, 403]);
    expect(await reader.page.textContent('main')).toContain('for keys that may administer');
  }
  await reader.close();
});

testInBrowser('two calls are compared as `longhaul show --diff` compares them', async () => {
  await signedIn('reader', `/ui/runs/${ID}/calls/3`);
  const { page } = browser.open;
  expect(await page.getByLabel('Compare with call').inputValue()).toBe('1');
  await page.getByRole('button', { name: 'Compare' }).click();
  await page.waitForURL('**/diff?b=3&a=1');
  const text = ((await page.textContent('main')) ?? '').replace(/\s+/g, ' ');
  expect(text).toContain('The same: 1 message.');
  expect(await page.locator('main h2').allTextContents()).toEqual(['Added', 'Added']);
  expect(await page.locator('.ins h3').allTextContents()).toEqual([
    '2 assistant',
    expect.stringMatching(/^3 tool look/),
  ]);
  expect(await page.locator('.del').count()).toBe(0);
  await page.goto(`${api.url}/ui/runs/${ID}/diff?a=3&b=1`);
  expect(await page.locator('main h2').allTextContents()).toEqual(['Removed', 'Removed']);
  await page.goto(`${api.url}/ui/runs/${ID}/diff?a=1&b=1`);
  expect(await page.textContent('main')).toContain('Nothing differs.');
  const { troubles } = browser.open;
  await page.goto(`${api.url}/ui/runs/${ID}/diff?a=2&b=3`);
  expect(await page.textContent('main')).toContain('call 2 cannot be compared: it is a call of the tool look');
  // The browser's own word for the refusal.
  expect(troubles.splice(0)).toEqual([expect.stringContaining('422')]);
});

testInBrowser('both can be read by all, light and dark, and on a phone', async () => {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const viewport of [{ width: 1_200, height: 800 }, PHONE]) {
      const opened = await browser.another({ colorScheme, viewport });
      await signedIn('all', `/ui/runs/${ID}/calls/3`, opened);
      for (const at of [`/ui/runs/${ID}/calls/3`, `/ui/runs/${ID}/diff?a=1&b=3`, `/ui/runs/${ID}`]) {
        await opened.page.goto(api.url + at);
        for (const folded of await opened.page.locator('summary').all()) await folded.click();
        const seen = { barriers: await barriersOf(opened.page), tooWide: await tooWide(opened.page) };
        expect({ at, colorScheme, viewport, ...seen }).toEqual({ at, colorScheme, viewport, barriers: [], tooWide: 0 });
      }
      expect(opened.troubles).toEqual([]);
      await opened.close();
    }
});
