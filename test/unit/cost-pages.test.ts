// No server. The costs of all runs are summed up page by page: what was counted is not kept.
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { RUN_PREFIX, runRecordName } from '../../activities/store/ref-names';
import { costsOf } from '../../client/cost/run-costs';
import { storeRun } from '../cli/store-run';

test('the next page of records is asked for when those of the page before are counted', async () => {
  const memory = createMemoryStore();
  await storeRun(memory, { id: 'run_0' });
  const { value } = (await memory.readRef(runRecordName('run_0'))) ?? {};
  if (typeof value !== 'object') throw new Error('the run is not stored');
  const ids = Array.from({ length: 2_100 }, (_, nth) => `run_${nth}`);
  await memory.commit({
    refs: ids.map((id) => ({ op: 'put', name: runRecordName(id), value: { ...value, id } })),
  });
  let counted = 0;
  const asked: number[] = [];
  const store: ContentStore = {
    ...memory,
    listRefs: async (prefix, options) => {
      if (prefix === RUN_PREFIX) asked.push(counted);
      return await memory.listRefs(prefix, options);
    },
  };
  const fits = (): boolean => {
    counted += 1;
    return true;
  };
  const { total } = await costsOf(store, { by: ['agent'], fits });
  expect(total.runs).toBe(2_100);
  expect(asked).toEqual([0, 1_000, 2_000]);
});
