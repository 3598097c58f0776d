// Needs a scratch folder. No server. What the watch keeps of a run goes with it when the run is erased.
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { findingsIn } from '../../activities/store/findings';
import { findingName, runRecordName, watchedRunName } from '../../activities/store/ref-names';
import type { WatchedRun } from '../../activities/watch/watched-run';
import { deleteLeftovers, leftoverNames } from '../../client/cli/erased-leftovers';
import { forgetWatched } from '../../client/cli/forget-watched';
import type { Finding } from '../../workflows/contract/schemas/finding';

const watched = (id: string): WatchedRun => ({
  ...{ schemaVersion: 1, id, tenant: 't', release: 'a', at: 1, completed: true, refused: false },
  ...{ values: { tokens: 1 }, tools: {}, failures: [] },
});
const finding = (id: string, runs: readonly string[], about: Partial<Finding> = {}): Finding => ({
  ...{
    schemaVersion: 1,
    id,
    agent: 'teller',
    release: 'a',
    metric: 'run-tokens',
    of: 'run',
    direction: 'up',
    after: 9,
  },
  ...{ at: 1, seenAt: 1, runs: runs.map((run) => ({ id: run, tenant: 't' })) },
  ...about,
});
const EXPIRES = Date.now() + 86_400_000;

async function stored(findings: readonly Finding[]): Promise<ContentStore> {
  const store = createMemoryStore();
  await store.commit({
    refs: [
      ...['gone', 'stays'].map((id, at) => ({
        op: 'put' as const,
        name: watchedRunName('teller', at + 1),
        value: watched(id),
      })),
      ...findings.map((value) => ({
        op: 'put' as const,
        name: findingName('teller', value.id),
        value,
        expiresAt: EXPIRES,
      })),
    ],
  });
  return store;
}

const names = async (store: ContentStore, prefix: string): Promise<string[]> =>
  (await store.listRefs(prefix)).map(({ name }) => name);

test('its numbers go, and findings name it no more; one that names no other run goes too', async () => {
  const store = await stored([
    finding('fnd_alone', ['gone']),
    finding('fnd_first', ['gone', 'stays'], { why: 'look was called 5 times' }),
    finding('fnd_second', ['stays', 'gone'], { why: 'look was called 6 times' }),
    finding('fnd_other', ['stays'], { why: 'look was called 7 times' }),
  ]);
  expect(await forgetWatched(store, new Set(['gone']))).toBe(2);
  expect(await names(store, 'watched/')).toEqual([watchedRunName('teller', 2)]);
  const found = await findingsIn(store);
  expect(Object.fromEntries(found.map(({ id, runs, why }) => [id, [runs.map((run) => run.id), why]]))).toEqual({
    fnd_first: [['stays'], undefined],
    fnd_second: [['stays'], 'look was called 6 times'],
    fnd_other: [['stays'], 'look was called 7 times'],
  });
  const refs = await store.listRefs('finding/');
  expect(refs.map(({ expiresAt }) => expiresAt)).toEqual([EXPIRES, EXPIRES, EXPIRES]);
  expect(await forgetWatched(store, new Set(['gone']))).toBe(0);
});

test('what a look keeps of a run while it is erased goes with the next collection', async () => {
  const store = await stored([finding('fnd_alone', ['gone'])]);
  const record = { schemaVersion: 1, agent: 'teller', release: 'a', tenant: 't', tags: [], input: '', question: '' };
  const erased = { ...record, id: 'gone', startedAt: 1, erased: { at: 1, by: 'somebody' } };
  await store.commit({ refs: [{ op: 'put', name: runRecordName('gone'), value: erased }] });
  expect(await leftoverNames(store)).toEqual([watchedRunName('teller', 1)]);
  await deleteLeftovers(store);
  expect([...(await names(store, 'watched/')), ...(await names(store, 'finding/'))]).toEqual([
    watchedRunName('teller', 2),
  ]);
});
