// Needs a scratch folder: the real embedded store.
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { createRunRecord } from '../../activities/store/create-run-record';
import { runRecordName } from '../../activities/store/ref-names';
import { indexRuns, indexedRuns, runEntryName, withEndedRuns } from '../../activities/store/run-index';
import { recordUnrecordedEnd } from '../../activities/unrecorded-end';
import { listRuns } from '../../client/api/list-runs';
import { listCommand } from '../../client/cli/commands/list';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { testProject, told, withStore, type TestProject } from '../cli/given';
import { STARTED_AT, storeRun } from '../cli/store-run';

const ids = async (store: ContentStore): Promise<string[] | undefined> => {
  const runs = await indexedRuns(store);
  if (!runs) return undefined;
  const found: string[] = [];
  for await (const { id, outcome } of runs) found.push(`${id} ${outcome ?? 'open'}`);
  return found;
};

/** As an earlier version has left it: only that version's ended runs have entries, where it had any at all. */
async function storeWithout(entries: 'all' | 'open'): Promise<ContentStore> {
  const store = createMemoryStore();
  const decorated = entries === 'all' ? store : withEndedRuns(store);
  await storeRun(decorated, { id: 'zz_old', startedAt: 1 });
  await storeRun(decorated, { id: 'still_open', startedAt: 2, ended: false });
  await store.deleteRef(runEntryName({ id: 'still_open', startedAt: STARTED_AT + 2 }));
  if (entries === 'open') await store.commit({ refs: [{ op: 'put', name: 'index/ended', value: {} }] });
  return store;
}

test.each(['all', 'open'] as const)('a store without entries of %s its runs is given them, once', async (entries) => {
  const store = await storeWithout(entries);
  expect(await ids(store)).toBeUndefined();
  await indexRuns(store);
  await storeRun(withEndedRuns(store), { id: 'aa_newer', startedAt: 4 });
  await storeRun(withEndedRuns(store), { id: 'mm_between', startedAt: 3 });
  await indexRuns({ ...store, commit: () => Promise.reject(new Error('indexed again')) });
  expect(await ids(store)).toEqual([
    'aa_newer completed',
    'mm_between completed',
    'still_open open',
    'zz_old completed',
  ]);
});

test('whoever asks for a page of a store that nobody has indexed yet is shown all of it', async () => {
  const { runs } = await listRuns(await storeWithout('all'), { fits: () => true, limit: 9 });
  expect(runs.map(({ id }) => id)).toEqual(['still_open', 'zz_old']);
});

test('a run that ends while the store is indexed keeps the entry of its end', async () => {
  const store = await storeWithout('open');
  const readRef: ContentStore['readRef'] = async (name) => {
    const ref = await store.readRef(name);
    if (name === runRecordName('still_open')) await end(store, 'still_open');
    return ref;
  };
  await indexRuns({ ...store, readRef });
  expect(await ids(store)).toEqual(['still_open cancelled', 'zz_old completed']);
});

describe('pages of the API', () => {
  const OPEN = 300;
  const LIMIT = 20;
  const idOf = (nth: number): string => `run_${(nth * 7) % OPEN}_${nth}`;
  const inOrder = Array.from({ length: OPEN }, (_, nth) => idOf(OPEN - 1 - nth));
  const store = createMemoryStore();
  let read = 0;
  const counted: ContentStore = {
    ...store,
    readRef: (name) => {
      read += 1;
      return store.readRef(name);
    },
    listRefs: async (prefix, page) => {
      const refs = await store.listRefs(prefix, page);
      expect({ prefix, isFew: refs.length <= 200 }).toEqual({ prefix: 'ended/', isFew: true });
      return refs;
    },
  };
  const pageOf = async (cursor?: string) => {
    read = 0;
    const { runs, next } = await listRuns(counted, { fits: () => true, limit: LIMIT, cursor });
    return { ids: runs.map(({ id }) => id), next, read };
  };
  beforeAll(async () => {
    await indexRuns(store);
    for (let nth = 0; nth < OPEN; nth += 1)
      await createRunRecord(store, openRecord(idOf(nth), STARTED_AT + nth * 1_000), { objects: [] });
  });

  test('read as many records as they show, however many runs are open', async () => {
    const first = await pageOf();
    expect(first.ids).toEqual(inOrder.slice(0, LIMIT));
    // The records, the mark, and the secret by which cursors are sealed.
    expect(first.read).toBeLessThanOrEqual(LIMIT + 4);
    const second = await pageOf(first.next);
    expect(second.ids).toEqual(inOrder.slice(LIMIT, 2 * LIMIT));
    expect(second.read).toBeLessThanOrEqual(LIMIT + 4);
  });

  test('show every run once, in the order of its start, while runs end and begin between them', async () => {
    const seen: string[] = [];
    let next: string | undefined;
    for (let page = 0; page === 0 || next !== undefined; page += 1) {
      const told = await pageOf(next);
      seen.push(...told.ids);
      next = told.next;
      // The last that was shown, by which the cursor goes on; the one behind it; and one far behind.
      for (const nth of [seen.length - 1, seen.length, seen.length + 2 * LIMIT]) {
        const id = inOrder[nth];
        if (id !== undefined) await end(store, id);
      }
      await createRunRecord(store, openRecord(`later_${page}`, STARTED_AT + (OPEN + page) * 1_000), { objects: [] });
    }
    expect(seen).toEqual(inOrder);
  });

  test('show no run twice that was taken back and started again under its id', async () => {
    const memory = createMemoryStore();
    await createRunRecord(memory, openRecord('again', STARTED_AT), { objects: [] });
    // Its first entry is left, as by a process that was killed while it took the run back.
    await memory.deleteRef(runRecordName('again'));
    await createRunRecord(memory, openRecord('again', STARTED_AT + 5), { objects: [] });
    const { runs } = await listRuns(memory, { fits: () => true, limit: 9 });
    expect(runs.map(({ id, startedAt }) => [id, startedAt - STARTED_AT])).toEqual([['again', 5]]);
  });
});

describe('list', () => {
  let project: TestProject;
  beforeAll(() => (project = testProject()));
  afterAll(() => project.remove());

  test('reads about as many records as it shows', async () => {
    await withStore(project.dir, async (store) => {
      await indexRuns(store);
      for (let nth = 0; nth < 30; nth += 1) {
        const agent = nth % 2 === 0 ? 'reader' : 'writer';
        await storeRun(withEndedRuns(store), { id: `run_${nth % 7}_${nth}`, startedAt: nth * 1_000, agent });
      }
      await storeRun(store, { id: 'run_open', startedAt: 28_500, ended: false });
    });
    const list = async (options: Parameters<typeof listCommand>[1]) => {
      let read = 0;
      const { stdout } = await told(
        project.dir,
        async (context) => {
          const store = context.readStore();
          const readRef: ContentStore['readRef'] = async (name) => {
            if (name.startsWith('run/')) read += 1;
            return await store.readRef(name);
          };
          const listRefs: ContentStore['listRefs'] = (prefix, page) => {
            if (prefix === 'run/') throw new Error('read every record');
            return store.listRefs(prefix, page);
          };
          return await listCommand({ ...context, readStore: () => ({ ...store, readRef, listRefs }) }, options);
        },
        { json: true },
      );
      const { runs, more }: { runs: { id: string }[]; more: boolean } = JSON.parse(stdout);
      return { ids: runs.map(({ id }) => id), more, read };
    };
    expect(await list({ limit: 3 })).toEqual({ ids: ['run_1_29', 'run_open', 'run_0_28'], more: true, read: 4 });
    expect(await list({ limit: 2, agent: 'writer' })).toMatchObject({ ids: ['run_1_29', 'run_6_27'], more: true });
    expect(await list({ limit: 99, outcome: 'completed' })).toMatchObject({ more: false });
    expect(await list({ limit: 99, open: true })).toEqual({ ids: ['run_open'], more: false, read: 1 });
  });
});

const openRecord = (id: string, startedAt: number): RunRecord => ({
  ...{ schemaVersion: 1, id, agent: 'reader', release: 'a'.repeat(64), tenant: 'acme', tags: [] },
  ...{ input: 'b'.repeat(64), question: 'why?', startedAt },
});

async function end(store: ContentStore, id: string): Promise<void> {
  const ref = await store.readRef(runRecordName(id));
  const { data } = runRecordSchema.safeParse(ref?.value);
  if (!ref || !data || data.ended) return;
  const failure = { type: 'Run.Cancelled', message: 'enough.' } as const;
  const at = { at: data.startedAt + 5_000, outcome: 'cancelled', failure, firstRunId: '' } as const;
  await recordUnrecordedEnd(withEndedRuns(store), { record: data, version: ref.version }, at);
}
