// A real Chromium, found on PATH, with a profile of its own that is gone afterwards.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

function onPath(name: string): string | undefined {
  try {
    return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Undefined where there is none on this machine. */
export const chromiumPath: string | undefined = NAMES.map(onPath).find((found) => found !== undefined);

/** Left out, with a word, where there is no browser. */
export const testInBrowser = (name: string, body: () => Promise<void>, ms?: number): void => {
  if (chromiumPath === undefined) test.skip(`${name} (skipped: chromium is not on PATH)`, body);
  else test(name, body, ms);
};

export const startBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: chromiumPath ?? 'chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });

export interface OpenPage {
  page: Page;
  /** What the browser refused, and what went wrong in scripts. */
  troubles: string[];
  close(): Promise<void>;
}

/** With cookies of its own. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  // Beside whatever else the machine does.
  page.setDefaultTimeout(60_000);
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('console', (said) => {
    if (said.type() === 'error') troubles.push(said.text());
  });
  return { page, troubles, close: () => context.close() };
}

/** Of all tests of a file one browser, and of each a page. */
export interface UsedBrowser {
  /** Of the test. */
  readonly open: OpenPage;
  /** Beside it, with cookies of its own. */
  another(options?: BrowserContextOptions): Promise<OpenPage>;
}

/**
 * Nothing was loaded from elsewhere, no script but the page's own ran, and that one met no error: of the page of each test that is looked at
 * when it is over.
 */
export function useBrowser(options: BrowserContextOptions = {}): UsedBrowser {
  let browser: Browser | undefined;
  let open: OpenPage | undefined;
  const there = <T>(of: T | undefined): T => {
    if (of === undefined) throw new Error('the browser is not up: use it in a test of a browser.');
    return of;
  };
  beforeAll(async () => {
    if (chromiumPath !== undefined) browser = await startBrowser();
  }, 60_000);
  afterAll(() => browser?.close());
  beforeEach(async () => {
    if (browser) open = await openPage(browser, options);
  });
  afterEach(async () => {
    if (!open) return;
    expect(open.troubles.splice(0)).toEqual([]);
    expect(await open.page.evaluate('window.injected')).toBeUndefined();
    await open.close();
  });
  return {
    get open() {
      return there(open);
    },
    another: (other) => openPage(there(browser), other),
  };
}

/** With a key, and to a page behind it. */
export async function signIn(
  { page }: OpenPage,
  { url, key, at }: { url: string; key: string; at: string },
): Promise<void> {
  await page.goto(`${url}/ui/sign-in?to=${encodeURIComponent(at)}`);
  await page.getByLabel('Key of the API').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${url}${at}`);
}

/** Of axe, as far as it is read. */
interface Audit {
  violations: { id: string; nodes: { html: string }[] }[];
}

/** What of a page somebody could not see, hear or reach. */
export async function barriersOf(page: Page): Promise<[string, string | undefined][]> {
  await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate<Audit>('axe.run()');
  return violations.map((one) => [one.id, one.nodes[0]?.html]);
}

export const PHONE = { width: 390, height: 844 };

/** By how many pixels a page is wider than its window: what is wide scrolls in a box of its own. */
export const tooWide = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
