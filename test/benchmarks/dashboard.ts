// The dashboard in a real browser, over a real store: a list of ten thousand runs, and one run of a thousand calls.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from '@temporalio/client';
import { z } from 'zod';
import { openStore } from '../../activities/store/open-store';
import type { ContentStore } from '../../activities/store';
import { callRecordName, runRecordName } from '../../activities/store/ref-names';
import { indexRuns, runEntry } from '../../activities/store/run-index';
import { openConnection } from '../../infra/temporal/open-connection';
import { startEmbeddedTemporal } from '../../infra/temporal/start-embedded';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract/names';
import { freePort } from '../stack/free-port';
import { temporalCli } from '../stack/test-stack';
import { serveApi } from '../../client/api/serve-api';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { storeRun } from '../cli/store-run';
import { openPage, startBrowser } from '../dashboard/browser';

export interface DashboardFigures {
  runs: number;
  calls: number;
  /** Milliseconds from the request until the page is laid out, with everything in it; of each sample. */
  pages: { name: string; /** Rows that it shows. */ rows: number; htmlKb: number; ms: number[] }[];
}

const LONG = 'run_long';
const FLOOR = '/ui/sign-in';

/** @param size how many runs the store has, how many calls the long one, and how often each page is opened */
export async function dashboardFigures(size: {
  runs: number;
  calls: number;
  samples: number;
}): Promise<DashboardFigures> {
  const folder = mkdtempSync(path.join(tmpdir(), 'longhaul-dashboard-'));
  const store = openStore(`lmdb:${path.join(folder, 'store')}`);
  await fill(store, size);
  // Which does not know these runs: they are shown by their records.
  const temporalServer = await startEmbeddedTemporal({
    ...{ stateDir: folder, cliPath: await temporalCli(), preferredPort: await freePort() },
    searchAttributes: SEARCH_ATTRIBUTES,
  });
  const connection = await openConnection({ address: temporalServer.address });
  const temporal = new Client({ connection, namespace: temporalServer.namespace });
  const about = { temporal, store, taskQueue: 'agents', tenant: 'acme', keys: [], port: 0 };
  const server = await serveApi({ ...about, report: (error) => console.error(error) });
  const browser = await startBrowser();
  try {
    const places = [
      { name: 'a page without data (floor)', at: FLOOR },
      { name: 'runs, newest', at: '/ui/runs' },
      { name: 'runs, by tag and agent', at: '/ui/runs?tag=blue&agent=reader' },
      { name: 'runs, by the beginning of an id', at: '/ui/runs?q=run_0009' },
      { name: 'runs, none fits', at: '/ui/runs?tag=nowhere' },
      { name: `a run of ${size.calls} calls`, at: `/ui/runs/${LONG}` },
      { name: 'cost by agent, of all runs', at: '/ui/cost?since=all' },
    ];
    const pages: DashboardFigures['pages'] = [];
    for (const { name, at } of places) {
      const { page, close } = await openPage(browser);
      const ms: number[] = [];
      let [rows, htmlKb] = [0, 0];
      for (let sample = 0; sample < size.samples; sample += 1) {
        const begun = performance.now();
        await page.goto(server.url + at, { waitUntil: 'load' });
        // Two frames: the second begins when the first was painted.
        await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
        ms.push(performance.now() - begun);
        rows = await page.locator('tbody tr').count();
        htmlKb = (await page.content()).length / 1_000;
      }
      pages.push({ name, rows, htmlKb, ms });
      await close();
    }
    return { runs: size.runs, calls: size.calls, pages };
  } finally {
    await browser.close();
    await server.close();
    await connection.close();
    await temporalServer.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Records as workers write them: one run's, under many ids, and its calls, many times over. */
async function fill(store: ContentStore, { runs, calls }: { runs: number; calls: number }): Promise<void> {
  await storeRun(store, { id: LONG });
  const record = runRecordSchema.parse((await store.readRef(runRecordName(LONG)))?.value);
  const now = Date.now();
  const first = `first-of-${LONG}`;
  const [model, tool] = await Promise.all(
    [0, 1].map(async (index) => (await store.readRef(callRecordName({ run: first, fork: 0, turn: 1, index })))?.value),
  );
  const turns = Array.from({ length: Math.ceil(calls / 2) }, (_, at) => at + 1);
  const at = (value: unknown, ms: number): object => ({
    ...z.looseObject({}).parse(value),
    startedAt: record.startedAt + ms,
    endedAt: record.startedAt + ms + 900,
  });
  await store.commit({
    refs: turns.flatMap((turn) =>
      [model, tool].map((value, index) => ({
        op: 'put' as const,
        name: callRecordName({ run: first, fork: 0, turn, index }),
        value: at(value, 2_000 * turn + 1_000 * index),
      })),
    ),
  });
  const many = Array.from({ length: runs }, (_, nth): RunRecord => ({
    ...record,
    ...{ id: `run_${String(nth).padStart(6, '0')}`, startedAt: now - nth * 1_000 },
    ...(record.ended ? { ended: { ...record.ended, at: now - nth * 1_000 + 900 } } : {}),
  }));
  for (let begin = 0; begin < many.length; begin += 500)
    await store.commit({
      refs: many
        .slice(begin, begin + 500)
        .flatMap((value) => [{ op: 'put' as const, name: runRecordName(value.id), value }, runEntry(value)]),
    });
  await indexRuns(store);
}
