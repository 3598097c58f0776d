// A real Chromium, found on PATH, with a profile of its own that is gone afterwards.
import { execFileSync } from 'node:child_process';
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
