// Needs: nothing but Node. Runs of sub-agents as a caller finds them: by records in a store, which the test writes.
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { runRecordName, subRunName } from '../../activities/store/ref-names';
import { subRunsUnder } from '../../client/sub-runs';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';

const record = (id: string, by: string | undefined, more: Partial<RunRecord> = {}): RunRecord => ({
  ...{
    schemaVersion: 1,
    id,
    agent: 'reader',
    release: 'r',
    tenant: 't',
    tags: [],
    input: '',
    question: id,
    startedAt: 1,
  },
  ...(by === undefined ? {} : { parent: { run: by, root: 'root', firstRunId: `${by}-1`, turn: 1, index: 1 } }),
  ...more,
});
async function storeOf(...records: RunRecord[]): Promise<ContentStore> {
  const store = createMemoryStore();
  for (const one of records) {
    const { id, parent } = one;
    const sub = parent ? [{ op: 'put' as const, name: subRunName(parent.root, id), value: { id } }] : [];
    await store.commit({ refs: [{ op: 'put', name: runRecordName(id), value: one }, ...sub] });
  }
  return store;
}
const idsOf = (records: readonly { id: string }[]): string[] => records.map(({ id }) => id);

describe('runs of sub-agents under a run', () => {
  test('are found in the order in which they began, whose clock was behind or not', async () => {
    const root = record('root', undefined);
    const child = record('child', 'root', { startedAt: 20 });
    const store = await storeOf(
      root,
      record('grandchild', 'child', { startedAt: 10 }),
      child,
      record('late', 'root', { startedAt: 30 }),
    );
    expect(idsOf(await subRunsUnder(store, root))).toEqual(['grandchild', 'child', 'late']);
    expect(idsOf(await subRunsUnder(store, child))).toEqual(['grandchild']);
  });
});
