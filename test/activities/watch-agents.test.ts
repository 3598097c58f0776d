// Needs: nothing. One look of the watch after another, over ended runs that are recorded as a run records its end.
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { findingsIn } from '../../activities/store/findings';
import type { RefWrite } from '../../activities/store/port';
import { UNWATCHED_PREFIX, runRecordName, watchedRunsOf } from '../../activities/store/ref-names';
import { withEndedRuns } from '../../activities/store/run-index';
import { watchAgents, type WatchDeps } from '../../activities/watch/watch-agents';
import type { Finding } from '../../workflows/contract/schemas/finding';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';

const usage = { input: 90, cachedInput: 0, output: 10, reasoning: 0 };
const totals = { turns: 1, modelCalls: 1, toolCalls: 0, reusedCalls: 0, usage };

interface About {
  outcome?: 'completed' | 'failed';
  release?: string;
  erased?: { at: number; by: string };
}

function watching(): WatchDeps & {
  store: ContentStore;
  told: Finding[];
  end(name: string, count: number, about?: About): Promise<void>;
} {
  const store = createMemoryStore();
  const told: Finding[] = [];
  let at = Date.now();
  return {
    ...{ store, told, now: Date.now },
    anomalyFound: (finding) => told.push(finding),
    watch: { everyMs: 1_000, falseAlarms: 0.01, tokensTimes: 10 },
    end: async (name, count, { outcome = 'completed', ...about }: About = {}) => {
      const ended = withEndedRuns(store, true);
      for (let nth = 0; nth < count; nth += 1) {
        at += 1;
        const value: RunRecord = {
          ...{ schemaVersion: 1, id: `${name}-${nth}`, agent: 'teller', release: 'a', tenant: 't', tags: [] },
          ...{ input: '', question: '', startedAt: at - 5 },
          ended: { at, outcome, head: null, length: 1, firstRunId: `${name}-${nth}`, totals },
          ...about,
        };
        await ended.commit({ refs: [{ op: 'put', name: runRecordName(value.id), value }] });
      }
    },
  };
}

const failed = { outcome: 'failed' } as const;
const kept = async (store: ContentStore): Promise<number> => (await store.listRefs(watchedRunsOf('teller'))).length;

test('runs that fail are found, once, and what has been seen is not seen again', async () => {
  const on = watching();
  await on.end('well', 60);
  expect(await watchAgents(on)).toEqual({ runs: 60, findings: 0 });
  await on.end('badly', 12, failed);
  const unseen = await on.store.listRefs(UNWATCHED_PREFIX);
  expect((await watchAgents(on)).findings).toBe(1);
  expect(on.told).toMatchObject([{ agent: 'teller', metric: 'completed', direction: 'down', before: 1, after: 0 }]);
  expect(on.told[0]?.runs[0]?.id).toMatch(/^badly-/);

  // As a look leaves it that is cut off before it has taken them off the list.
  await on.store.commit({ refs: unseen.map(({ name, value }) => ({ op: 'put', name, value })) });
  expect((await watchAgents(on)).findings).toBe(0);
  expect(await kept(on.store)).toBe(72);
  // More of the same is the same finding.
  await on.end('as-badly', 20, failed);
  expect((await watchAgents(on)).findings).toBe(0);
  expect([on.told.length, (await findingsIn(on.store)).length]).toEqual([1, 1]);
  expect(await on.store.listRefs(UNWATCHED_PREFIX)).toEqual([]);
});

test('two looks at once take each run in once, and find a change once', async () => {
  const on = watching();
  await on.end('well', 60);
  await on.end('badly', 12, failed);
  await Promise.allSettled([watchAgents(on), watchAgents(on)]);
  await watchAgents(on);
  expect(await kept(on.store)).toBe(72);
  expect((await findingsIn(on.store)).map(({ metric }) => metric)).toEqual(['completed']);
  expect(on.told.length).toBe(1);
});

test('a release is compared with the one before it, and the finding names both', async () => {
  const on = watching();
  await on.end('old', 60);
  await on.end('new', 10, { ...failed, release: 'b' });
  await watchAgents(on);
  expect(on.told).toMatchObject([{ release: 'b', against: 'a', metric: 'completed' }]);
});

test('an erased run is not taken in', async () => {
  const on = watching();
  await on.end('gone', 5, { erased: { at: 1, by: 'somebody' } });
  expect(await watchAgents(on)).toEqual({ runs: 0, findings: 0 });
});

test('a look with nothing new reads no run, however many are kept', async () => {
  const on = watching();
  await on.end('well', 60);
  await watchAgents(on);
  const refs = Array.from({ length: 10_000 }, (_, nth): RefWrite => {
    const id = `old-${nth}`;
    const ended = { at: nth, outcome: 'completed', head: null, length: 1, firstRunId: id, totals };
    const value = { schemaVersion: 1, id, agent: 'teller', release: 'a', tenant: 't', tags: [], ended };
    return { op: 'put', name: runRecordName(id), value };
  });
  await on.store.commit({ refs });
  const asked: string[] = [];
  const listRefs: ContentStore['listRefs'] = async (prefix, options) => {
    const found = await on.store.listRefs(prefix, options);
    asked.push(`${prefix} ${found.length}`);
    return found;
  };
  const nothing = (): never => {
    throw new Error('it reads or writes.');
  };
  const store = { ...on.store, listRefs, readRef: nothing, get: nothing, commit: nothing };
  expect(await watchAgents({ ...on, store })).toEqual({ runs: 0, findings: 0 });
  expect(asked).toEqual(['unwatched/ 0', 'watched/agent/ 1', 'open/ 0']);
});
