// Needs: nothing but memory. A run that was recorded and has not begun when its release is taken back: what it begins with, and what is written
// over its record where others write it in the same moment.
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { canonicalJson, objectHash } from '../../activities/store/canonical-json';
import { changeTraffic, type TrafficChange } from '../../activities/store/change-traffic';
import { pickRelease, readPointer } from '../../activities/store/pick-release';
import { runRecordName } from '../../activities/store/ref-names';
import { takenAgain } from '../../activities/store/taken-again';
import { defineAgent } from '../../activities/define';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { WHOLE_SHARE } from '../../workflows/contract/schemas/traffic';
import { manifestFor } from '../stack/manifest-for';

const made = [1, 2].map((nth) =>
  manifestFor(defineAgent({ name: 'teller', instructions: `You are version ${nth}.` }), 'test/model'),
);
const [one = '', two = ''] = made.map(({ manifest }) => objectHash(canonicalJson(manifest)));

let store: ContentStore;
const change = (wanted: TrafficChange): Promise<unknown> => changeTraffic(store, 'teller', wanted, { by: 'ada' });
const candidate = (share = WHOLE_SHARE): Promise<unknown> =>
  change({ kind: 'candidate', release: two, share, rollout: 'rol_1', salt: 'rol_1', sticky: 'run' });
beforeEach(async () => {
  store = createMemoryStore();
  await store.commit({ objects: made.map(({ manifest }) => canonicalJson(manifest)) });
  await change({ kind: 'release', release: one });
});

/** As a start records it, with what new runs take then. */
async function recorded(id = 'r', about: Partial<RunRecord> = {}): Promise<RunRecord> {
  const { pointer } = (await readPointer(store, 'teller')) ?? {};
  if (!pointer) throw new Error('nobody published teller');
  const record: RunRecord = {
    ...{ schemaVersion: 1, id, agent: 'teller', tenant: 't', tags: [], input: 'a', question: 'q', startedAt: 1 },
    ...{ ...pickRelease(pointer, { tenant: 't', run: id }), ...about },
  };
  await write(record);
  return record;
}
const write = (record: RunRecord): Promise<unknown> =>
  store.commit({ refs: [{ op: 'put', name: runRecordName(record.id), value: record }] });
const kept = async (id = 'r'): Promise<RunRecord> =>
  runRecordSchema.parse((await store.readRef(runRecordName(id)))?.value);
const notBegun = (): Promise<boolean> => Promise.resolve(false);

test('with its candidate aborted it begins with the release that new runs take, and counts for none', async () => {
  await candidate();
  const record = await recorded();
  expect(record).toMatchObject({ release: two, rollout: { arm: 'candidate' } });
  await change({ kind: 'withdraw', rollout: 'rol_1' });
  const taken = await takenAgain(store, record, notBegun);
  expect(taken?.record).toEqual(await kept());
  expect(await kept()).toMatchObject({ release: one });
  expect(await kept()).not.toHaveProperty('rollout');
  // Whoever begins it too finds it done.
  expect(await takenAgain(store, record, notBegun)).toEqual(taken);
});

test('with the next share, or promoted, it begins as it was drawn', async () => {
  await candidate(1);
  const record = await recorded();
  expect(record).toMatchObject({ release: one, rollout: { arm: 'current' } });
  await candidate();
  expect(await takenAgain(store, record, notBegun)).toBeUndefined();
  await change({ kind: 'promote', rollout: 'rol_1' });
  expect(await takenAgain(store, record, notBegun)).toBeUndefined();
  expect(await kept()).toEqual(record);
});

test.each<[string, (record: RunRecord) => RunRecord]>([
  ['given a smaller plan by its queue', (record) => ({ ...record, degraded: { above: 0.9 } })],
  [
    'ended',
    (record) => ({
      ...record,
      ended: {
        ...{ at: 2, outcome: 'cancelled', head: null, length: 0, firstRunId: '' },
        totals: {
          ...{ turns: 0, modelCalls: 0, toolCalls: 0, reusedCalls: 0 },
          usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
        },
      },
    }),
  ],
])('what was %s while it was asked about is not written over', async (_, meanwhile) => {
  await candidate();
  const record = await recorded();
  await change({ kind: 'withdraw', rollout: 'rol_1' });
  await takenAgain(store, record, async () => {
    await write(meanwhile(record));
    return false;
  });
  expect(await kept()).toEqual(meanwhile(record));
});

test('written by somebody else in between, it is asked about anew: what has begun since keeps its release', async () => {
  await candidate();
  const record = await recorded();
  await change({ kind: 'withdraw', rollout: 'rol_1' });
  let asked = 0;
  const taken = await takenAgain(store, record, async () => {
    asked += 1;
    if (asked === 1) await write({ ...record, tags: ['seen'] });
    return asked > 1;
  });
  expect(taken).toBeUndefined();
  expect(asked).toBe(2);
  expect(await kept()).toEqual({ ...record, tags: ['seen'] });
});
