// Needs: nothing but Node. Runs of sub-agents as a caller finds them: by records in a store, which the test writes.
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { inboxName, requestName, runRecordName, subRunName } from '../../activities/store/ref-names';
import { waitingIn } from '../../client/inbox';
import { askedBelow, subRunsUnder } from '../../client/sub-runs';
import type { PersonRequest } from '../../workflows/contract/approval';
import type { RequestRecord } from '../../workflows/contract/schemas/approval';
import { withSubRuns, type UnfinishedRun } from '../../workers/recover-runs';
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

  test('ask for it what is not answered: those of an intermediate run for that run too', async () => {
    const records = [
      record('root', undefined),
      record('child', 'root'),
      record('beside', 'root'),
      record('grandchild', 'child'),
      record('erased', 'child', { erased: { at: 1, by: 'them' } }),
    ];
    const store = await storeOf(...records);
    for (const [at, { id }] of records.entries()) await ask(store, id, at);
    expect(await askedIn(store, 'root')).toEqual(['child', 'beside', 'grandchild']);
    expect(await askedIn(store, 'child')).toEqual(['grandchild']);
    expect(await askedIn(store, 'grandchild')).toEqual([]);
    expect((await waitingIn(store)).map(({ id }) => id)).toEqual(['root', 'child', 'beside', 'grandchild']);
  });
});

test('unfinished runs of sub-agents count for the run above them, and are named where that is in other hands', () => {
  const unfinished = (of: RunRecord, kept: number) => ({ record: of, kept, repeated: 1 });
  const root = record('root', undefined);
  const below = [record('child', 'root'), record('grandchild', 'child')];
  const told = (runs: UnfinishedRun[]) => withSubRuns(runs).map(({ record: { id }, ...sums }) => ({ id, ...sums }));
  const all = [root, ...below].map((one, at) => unfinished(one, at + 1));
  expect(told(all)).toEqual([{ id: 'root', kept: 6, repeated: 3 }]);
  expect(told(all.toReversed())).toEqual([{ id: 'root', kept: 6, repeated: 3 }]);
  expect(told(all.slice(1))).toEqual([{ id: 'child', kept: 5, repeated: 2 }]);
  expect(told([...all.slice(2), unfinished(record('beside', 'root'), 7)])).toEqual([
    { id: 'grandchild', kept: 3, repeated: 1 },
    { id: 'beside', kept: 7, repeated: 1 },
  ]);
});

async function ask(store: ContentStore, id: string, askedAt: number): Promise<void> {
  const request: PersonRequest = {
    ...{ number: 1, kind: 'approval', run: `${id}-1`, turn: 1, call: 0, message: 'none', tool: 'pay', args: 'none' },
    ...{ preview: '', rules: [], by: [], askedAt, deadline: 9, otherwise: 'deny' },
  };
  const name = requestName(`${id}-1`, 1);
  const value = { schemaVersion: 1, id, agent: 'reader', release: 'r', tenant: 't', request } satisfies RequestRecord;
  await store.commit({
    refs: [
      { op: 'put', name, value },
      { op: 'put', name: inboxName(id, 1), value: { request: name } },
    ],
  });
}
const askedIn = async (store: ContentStore, id: string): Promise<unknown[]> =>
  (await askedBelow(store, id)).map(({ subRun }) => subRun?.id);
