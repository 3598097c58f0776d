// Needs: nothing but memory. Rollouts as they are kept: which are read, however many there were; and what is told of one whose workflow is gone.
import { createMemoryStore, type ContentStore } from '../../../activities/store';
import { canonicalJson, objectHash } from '../../../activities/store/canonical-json';
import { changeTraffic, type TrafficChange } from '../../../activities/store/change-traffic';
import { readPointer } from '../../../activities/store/pick-release';
import { ROLLOUT_PREFIX } from '../../../activities/store/ref-names';
import { keepRollout, newestRolloutIn, readRollout, rolloutsUnderWay } from '../../../activities/store/rollouts';
import { USUAL_POLICY } from '../../../activities/rollout/policy';
import { defineAgent } from '../../../activities/define';
import { withoutWorkflow } from '../../../client/rollouts';
import type { RolloutAct, RolloutKept } from '../../../workflows/contract/rollout';
import { manifestFor } from '../../stack/manifest-for';

const made = [1, 2].map((nth) =>
  manifestFor(defineAgent({ name: 'teller', instructions: `You are version ${nth}.` }), 'test/model'),
);
const [one = '', two = ''] = made.map(({ manifest }) => objectHash(canonicalJson(manifest)));

let store: ContentStore;
const change = (wanted: TrafficChange, by: string, why?: string): Promise<unknown> =>
  changeTraffic(store, 'teller', wanted, { by, ...(why === undefined ? {} : { why }) });
const kept = (id: string, about: Partial<RolloutKept> = {}): RolloutKept => ({
  ...{ schemaVersion: 1, id, agent: 'teller', from: one, release: two, by: 'ada', sticky: 'run', policy: USUAL_POLICY },
  ...{ inconclusive: 'withdraw', everyMs: 1_000, at: 1, steps: [{ share: 0.01, at: 1 }], looks: 0, told: [] },
  ...{ changes: 1, ...about },
});
const ended: RolloutKept['ended'] = { as: 'withdrawn', because: 'worse', by: 'rollout', why: 'worse.', at: 2 };
beforeEach(async () => {
  store = createMemoryStore();
  await store.commit({ objects: made.map(({ manifest }) => canonicalJson(manifest)) });
  await change({ kind: 'release', release: one }, 'ada');
});
/** With the traffic's share, and its record. */
async function begun(id: string): Promise<RolloutKept> {
  await change({ kind: 'candidate', release: two, share: 100, rollout: id, salt: id, sticky: 'run' }, 'ada');
  await keepRollout(store, kept(id));
  return kept(id);
}

test('of many that there were only the one under way is read', async () => {
  for (let nth = 0; nth < 30; nth += 1) await keepRollout(store, kept(`rol_old${nth}`, { at: nth, ended }));
  expect(await rolloutsUnderWay(store)).toEqual([]);
  expect(await newestRolloutIn(store, 'teller')).toMatchObject({ id: 'rol_old29' });
  const now = await begun('rol_now');
  const listed: string[] = [];
  const seen: ContentStore = {
    ...store,
    listRefs: (prefix, options) => {
      listed.push(prefix);
      return store.listRefs(prefix, options);
    },
  };
  expect(await rolloutsUnderWay(seen)).toEqual([now]);
  expect(await newestRolloutIn(seen, 'teller')).toEqual(now);
  expect(listed.filter((prefix) => prefix.startsWith(ROLLOUT_PREFIX))).toEqual([]);
});

describe('of one whose workflow is gone', () => {
  const says = (rollout: RolloutKept, act: RolloutAct = 'abort'): Promise<void> =>
    withoutWorkflow(store, rollout, act, { by: 'bob', why: 'no' });
  const becameOf = async (id: string) => (await readRollout(store, 'teller', id))?.ended;
  const candidate = async (): Promise<string | undefined> =>
    (await readPointer(store, 'teller'))?.pointer.candidate?.rollout;

  test('an abort takes the candidate back, and nothing else is taken', async () => {
    const rollout = await begun('rol_1');
    await expect(says(rollout, 'pause')).rejects.toThrow(/workflow of rollout rol_1 is gone/);
    await says(rollout);
    expect(await candidate()).toBeUndefined();
    expect(await becameOf('rol_1')).toMatchObject({ as: 'withdrawn', because: 'person', by: 'bob', why: 'no' });
  });

  test.each<[string, TrafficChange, RegExp, object]>([
    [
      'somebody else has rolled it back',
      { kind: 'rollback' },
      /its traffic was changed by eve: change 3 \(rollback\).*; seen/,
      { as: 'superseded', by: 'eve' },
    ],
    [
      'it was promoted before it could say so',
      { kind: 'promote', rollout: 'rol_1' },
      /is over: promoted by eve: seen/,
      { as: 'promoted', by: 'eve', why: 'seen' },
    ],
    [
      'it was taken back before it could say so',
      { kind: 'withdraw', rollout: 'rol_1' },
      /is over: withdrawn by eve: seen/,
      { as: 'withdrawn', by: 'eve', why: 'seen' },
    ],
  ])('an abort is refused where %s, with what became of it', async (_, meanwhile, told, end) => {
    const rollout = await begun('rol_1');
    await change(meanwhile, 'eve', 'seen');
    await expect(says(rollout)).rejects.toMatchObject({ code: 'refused', message: expect.stringMatching(told) });
    expect(await becameOf('rol_1')).toMatchObject(end);
  });

  test('what its workflow wrote last is what became of it', async () => {
    const rollout = await begun('rol_1');
    await change({ kind: 'withdraw', rollout: 'rol_1' }, 'rollout rol_1', 'worse.');
    // Written between the question and the answer.
    await keepRollout(store, { ...rollout, changes: 2, ended });
    await expect(says(rollout)).rejects.toThrow(/is over: withdrawn by rollout: worse\./);
    expect(await becameOf('rol_1')).toEqual(ended);
  });

  test('a record that was written on since does not stay without an end', async () => {
    const rollout = await begun('rol_1');
    await keepRollout(store, { ...rollout, changes: 7, paused: { because: 'person', by: 'ada', why: 'lunch', at: 3 } });
    await says(rollout);
    expect(await becameOf('rol_1')).toMatchObject({ as: 'withdrawn', by: 'bob' });
    expect(await readRollout(store, 'teller', 'rol_1')).not.toHaveProperty('paused');
  });

  test('a candidate that cannot be taken back goes on, and that is what is told', async () => {
    const rollout = await begun('rol_1');
    await store.deleteObjects([one], Date.now() + 60_000);
    await expect(says(rollout)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/is gone.* could not be taken back: release \w{12} cannot be read/) as string,
    });
    expect(await candidate()).toBe('rol_1');
    expect(await becameOf('rol_1')).toBeUndefined();
    await store.commit({ objects: made.map(({ manifest }) => canonicalJson(manifest)) });
    await says(rollout);
    expect(await becameOf('rol_1')).toMatchObject({ as: 'withdrawn', by: 'bob' });
  });
});
