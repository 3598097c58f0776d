// The dashboard in a real browser, over a real system: a list of ten thousand runs, and one run of a thousand steps with its history.
import { z } from 'zod';
import type { ContentStore } from '../../activities/store';
import { runRecordName } from '../../activities/store/ref-names';
import { indexRuns, runEntry } from '../../activities/store/run-index';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { startTestApi } from '../api/given';
import { openPage, startBrowser, type OpenPage } from '../dashboard/browser';
import { withLongRun } from './many-turns';

export interface DashboardFigures {
  runs: number;
  /** Of the long run, as its page tells them: calls of models and tools. */
  steps: number;
  pages: PageFigures[];
}

interface PageFigures {
  name: string;
  /** Rows that it shows. */
  rows: number;
  htmlKb: number;
  samples: {
    /** Milliseconds from the request until all of the page has come. */
    serverMs: number;
    /** From then until it is painted. */
    browserMs: number;
  }[];
}

const FLOOR = '/ui/sign-in';

/** @param size how many runs the store has, how many turns of two steps the long one, and how often each page is opened */
export const dashboardFigures = ({
  runs,
  turns,
  samples,
}: {
  runs: number;
  turns: number;
  samples: number;
}): Promise<DashboardFigures> =>
  withLongRun(turns, async ({ stack, run }) => {
    const record = await run.record();
    await fill(stack.store, record, runs);
    const api = await startTestApi(stack);
    const browser = await startBrowser();
    const { totals } = await run.result();
    const steps = totals.modelCalls + totals.toolCalls;
    try {
      const places = [
        { name: 'a page without data (floor)', at: FLOOR },
        { name: 'runs, newest', at: '/ui/runs' },
        { name: 'runs, by tag and agent', at: '/ui/runs?tag=blue&agent=reader' },
        { name: 'runs, by the beginning of an id', at: '/ui/runs?q=run_0009' },
        { name: 'runs, none fits', at: '/ui/runs?tag=nowhere' },
        { name: `a run of ${steps} steps`, at: `/ui/runs/${record.id}` },
        { name: 'its last model call', at: `/ui/runs/${record.id}/calls/${steps}` },
        { name: 'cost by agent, of all runs', at: '/ui/cost?since=all' },
        { name: 'the agent, with its profile', at: '/ui/agents/reader' },
      ];
      const pages: PageFigures[] = [];
      for (const { name, at } of places) {
        const open = await openPage(browser);
        pages.push({ name, ...(await opened(open, api.url + at, samples)) });
        await open.close();
      }
      return { runs, steps, pages };
    } finally {
      await browser.close();
      await api.close();
    }
  });

const timesShape = z.object({ requested: z.number(), answered: z.number(), painted: z.number() });

/** By the browser's own clock. The second frame begins when the first was painted. */
const TIMES = `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const [{ requestStart: requested, responseEnd: answered }] = performance.getEntriesByType('navigation');
  done({ requested, answered, painted: performance.now() });
})))`;

async function opened({ page }: OpenPage, url: string, samples: number): Promise<Omit<PageFigures, 'name'>> {
  const times: PageFigures['samples'] = [];
  for (let sample = 0; sample < samples; sample += 1) {
    await page.goto(url, { waitUntil: 'load' });
    const { requested, answered, painted } = timesShape.parse(await page.evaluate(TIMES));
    times.push({ serverMs: answered - requested, browserMs: painted - answered });
  }
  const rows = await page.locator('tbody tr').count();
  return { rows, htmlKb: (await page.content()).length / 1_000, samples: times };
}

/** Records as workers write them: one run's, under many ids. */
async function fill(store: ContentStore, record: RunRecord, runs: number): Promise<void> {
  const now = Date.now();
  const many = Array.from({ length: runs }, (_, nth): RunRecord => ({
    ...record,
    ...{ id: `run_${String(nth).padStart(6, '0')}`, startedAt: now - nth * 1_000, tags: ['blue'] },
    ...(record.ended ? { ended: { ...record.ended, at: now - nth * 1_000 + 900, firstRunId: `first-${nth}` } } : {}),
  }));
  for (let begin = 0; begin < many.length; begin += 500)
    await store.commit({
      refs: many
        .slice(begin, begin + 500)
        .flatMap((value) => [{ op: 'put' as const, name: runRecordName(value.id), value }, runEntry(value)]),
    });
  await indexRuns(store);
}
