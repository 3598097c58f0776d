// Needs a scratch folder: the real embedded store.
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { listCommand } from '../../client/cli/commands/list';
import { endedRuns, indexEndedRuns, withEndedRuns } from '../../activities/store/ended-runs';
import { testProject, told, withStore, type TestProject } from '../cli/given';
import { storeRun } from '../cli/store-run';

const ids = async (store: ContentStore): Promise<string[] | undefined> => {
  const runs = await endedRuns(store);
  if (!runs) return undefined;
  const found: string[] = [];
  for await (const { id } of runs) found.push(id);
  return found;
};

test('runs that ended before there was an order are brought into it, later ones come by themselves', async () => {
  const store = createMemoryStore();
  await storeRun(store, { id: 'zz_old', startedAt: 1 });
  expect(await ids(store)).toBeUndefined();
  await indexEndedRuns(store);
  await storeRun(withEndedRuns(store), { id: 'aa_newer', startedAt: 3 });
  await storeRun(withEndedRuns(store), { id: 'mm_between', startedAt: 2 });
  await storeRun(withEndedRuns(store), { id: 'open', startedAt: 4, ended: false });
  expect(await ids(store)).toEqual(['aa_newer', 'mm_between', 'zz_old']);
});

describe('list', () => {
  let project: TestProject;
  beforeAll(() => (project = testProject()));
  afterAll(() => project.remove());

  test('reads about as many records as it shows', async () => {
    await withStore(project.dir, async (store) => {
      await indexEndedRuns(store);
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
    expect(await list({ limit: 3 })).toEqual({ ids: ['run_1_29', 'run_open', 'run_0_28'], more: true, read: 5 });
    expect(await list({ limit: 2, agent: 'writer' })).toMatchObject({ ids: ['run_1_29', 'run_6_27'], more: true });
    expect(await list({ limit: 99, outcome: 'completed' })).toMatchObject({ more: false });
    expect(await list({ limit: 99, open: true })).toEqual({ ids: ['run_open'], more: false, read: 1 });
  });
});
