// Needs: nothing. One look of the watch after another, over ended runs that are recorded as a run records its end.
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { findingsIn } from '../../activities/store/findings';
import type { RefWrite } from '../../activities/store/port';
import {
  UNWATCHED_PREFIX,
  callRecordName,
  headName,
  openRunName,
  runRecordName,
  watchedRunsOf,
} from '../../activities/store/ref-names';
import { withEndedRuns } from '../../activities/store/run-index';
import { watchAgents, type WatchDeps } from '../../activities/watch/watch-agents';
import type { ModelRecord, ToolRecord } from '../../workflows/contract/schemas/call-record';
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
  end(name: string, count: number, about?: About, took?: typeof totals): Promise<void>;
} {
  const store = createMemoryStore();
  const told: Finding[] = [];
  let at = Date.now();
  return {
    ...{ store, told, now: Date.now },
    anomalyFound: (finding) => told.push(finding),
    watch: { everyMs: 1_000, falseAlarms: 0.01, tokensTimes: 10 },
    end: async (name, count, { outcome = 'completed', ...about }: About = {}, took = totals) => {
      const ended = withEndedRuns(store, true);
      for (let nth = 0; nth < count; nth += 1) {
        at += 1;
        const value: RunRecord = {
          ...{ schemaVersion: 1, id: `${name}-${nth}`, agent: 'teller', release: 'a', tenant: 't', tags: [] },
          ...{ input: '', question: '', startedAt: at - 5 },
          ended: { at, outcome, head: null, length: 1, firstRunId: `${name}-${nth}`, totals: took },
          ...about,
        };
        await ended.commit({ refs: [{ op: 'put', name: runRecordName(value.id), value }] });
      }
    },
  };
}

const kept = async (store: ContentStore): Promise<number> => (await store.listRefs(watchedRunsOf('teller'))).length;

const failed = { outcome: 'failed' } as const;
const made = { schemaVersion: 1 as const, startedAt: 1, endedAt: 2, attempt: 1, worker: 'w', release: 'a' };

/** Of a run whose first execution is named as the run is. */
async function storeToolCalls(store: ContentStore, run: string, count: number, isFailing: boolean): Promise<void> {
  const message = { hash: 'h', role: 'tool' as const, preview: '' };
  const value: ToolRecord = {
    ...{ kind: 'tool', ...made, from: { message: 'h', call: 0 }, name: 'look' },
    result: { message, ...(isFailing ? { failure: 'Tool.Failed' } : {}) },
  };
  const refs = Array.from({ length: count }, (_, at): RefWrite => {
    return { op: 'put', name: callRecordName({ run, fork: 0, turn: at + 1, index: 1 }), value };
  });
  await store.commit({ refs });
}

async function storeModelCall(store: ContentStore, run: string, tokens: number): Promise<void> {
  const value: ModelRecord = {
    ...{ kind: 'model', ...made, from: { base: null, append: [] }, position: 0, raw: 'r', finish: 'stop' },
    answer: {
      ...{ kind: 'answer', head: 'h', messages: [], toolCalls: [], model: 'test/m' },
      usage: { input: tokens, cachedInput: 0, output: 0, reasoning: 0 },
    },
    request: { sha256: 'f'.repeat(64), bytes: 1 },
  };
  const name = callRecordName({ run, fork: 0, turn: 1, index: 0 });
  await store.commit({ refs: [{ op: 'put', name, value }] });
}

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

/** As the tool of most of an agent's runs begins to fail: what follows of it is different too. */
async function endWithTool(
  on: ReturnType<typeof watching>,
  name: string,
  count: number,
  failing: boolean,
): Promise<void> {
  for (let nth = 0; nth < count; nth += 1) await storeToolCalls(on.store, `${name}-${nth}`, failing ? 3 : 1, failing);
  await on.end(name, count, failing ? failed : {});
}

test('one incident is one finding: named by its cause, with all that follows of it, for as long as it goes on', async () => {
  const on = watching();
  await endWithTool(on, 'well', 60, false);
  for (let nth = 0; nth < 8; nth += 1) {
    await endWithTool(on, `badly-${nth}`, 10, true);
    await watchAgents(on);
  }
  const [finding, ...others] = await findingsIn(on.store);
  expect(others).toEqual([]);
  expect(finding).toMatchObject({ metric: 'tool-failed:look', direction: 'up', before: 0, after: 1 });
  const also = (finding?.also ?? []).map(({ metric, direction }) => `${metric} ${direction}`);
  expect(also).toEqual(
    expect.arrayContaining([
      'failure:Tool.Failed up',
      'completed down',
      'errors-above-usual up',
      'repeats-above-usual up',
    ]),
  );
  expect(new Set(also).size).toBe(also.length);
  expect(on.told.map(({ metric }) => metric)).toEqual(['tool-failed:look']);
});

test('what begins later, and people notice, is told by itself', async () => {
  const on = watching();
  const end = async (name: string, count: number, isDear: boolean, about?: About): Promise<void> => {
    for (let nth = 0; nth < count; nth += 1) await storeToolCalls(on.store, `${name}-${nth}`, isDear ? 4 : 1, false);
    await on.end(name, count, about);
  };
  await end('well', 400, false);
  await end('often', 40, true);
  await watchAgents(on);
  expect((await findingsIn(on.store)).length).toBe(1);
  await end('often-and-badly', 20, true, failed);
  await watchAgents(on);
  const found = await findingsIn(on.store);
  expect(found.length).toBe(2);
  expect(found.map(({ metric }) => metric)).toContain('completed');
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

test('a run under way is compared by what it took itself, and a look that fails to keep what it found finds it again', async () => {
  const on = watching();
  // What they took is their sub-agents' for the most part.
  const sums = { ...totals, usage: { ...usage, input: 990 } };
  for (let nth = 0; nth < 30; nth += 1) await storeModelCall(on.store, `ended-${nth}`, 100);
  await on.end('ended', 30, {}, sums);
  await watchAgents(on);

  await storeModelCall(on.store, 'open', 1_200);
  const record = { schemaVersion: 1, id: 'open', agent: 'teller', release: 'a', tenant: 't', tags: [] };
  const value = { ...record, input: '', question: '', startedAt: 1 };
  await on.store.commit({
    refs: [
      { op: 'put', name: runRecordName('open'), value },
      { op: 'put', name: openRunName('open'), value: {} },
      { op: 'put', name: headName('open', 'open'), value: { head: null, length: 1, at: 1 } },
    ],
  });
  const commit = (): never => {
    throw new Error('the store is away.');
  };
  await expect(watchAgents({ ...on, store: { ...on.store, commit } })).rejects.toThrow('away');
  expect((await watchAgents(on)).findings).toBe(1);
  expect(await findingsIn(on.store)).toMatchObject([{ metric: 'run-tokens', before: 100, after: 1_200 }]);
  expect((await watchAgents(on)).findings).toBe(0);
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
