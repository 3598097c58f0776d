// Needs nothing: changes of what new runs take, in a store in memory.
import { generateKeyPairSync } from 'node:crypto';
import { defineAgent } from '../../activities/define';
import type { LoadedAgent } from '../../activities/deps';
import { isStatementSigned, publicKeyText, signStatement } from '../../activities/keys/decision-signature';
import { canonicalJson, createMemoryStore, type ContentStore } from '../../activities/store';
import { changeTraffic, statementOf, trafficHistory, type TrafficChange } from '../../activities/store/change-traffic';
import { collectGarbage } from '../../activities/store/garbage/collect-garbage';
import { readPointer } from '../../activities/store/pick-release';
import { agentPointerName, runRecordName } from '../../activities/store/ref-names';
import { eraseStored } from '../../client/cli/erase-run';
import { registerRelease } from '../../client/register-release';
import type { AgentPointer } from '../../workflows/contract/schemas/traffic';
import { buildRelease } from '../../workers/build-release';
import { publishReleases, unpublishRelease } from '../../workers/publish-releases';
import { settingsFor } from './temp-project';

const made = (instructions: string, name = 'support'): Promise<LoadedAgent> =>
  buildRelease(defineAgent({ name, instructions }), { file: '/a.ts', settings: settingsFor('/'), code: 'c0de' });
const candidate = (release: string, share: number, rollout = 'r1'): TrafficChange => ({
  ...{ kind: 'candidate', release, share, rollout, salt: rollout, sticky: 'run' },
});

interface Given {
  store: ContentStore;
  one: string;
  two: string;
  three: string;
  change(change: TrafficChange, expectedEpoch?: number): ReturnType<typeof changeTraffic>;
  now(): Promise<AgentPointer | undefined>;
}

/** Three releases are stored, and workers have published the first. */
async function given(store = createMemoryStore()): Promise<Given> {
  const [one, two, three] = await Promise.all(['1', '2', '3'].map((nth) => made(nth)));
  if (!one || !two || !three) throw new Error('unreachable');
  await store.commit({ objects: [two, three].map(({ manifest }) => canonicalJson(manifest)) });
  await publishReleases(store, [one]);
  return {
    ...{ store, one: one.release, two: two.release, three: three.release },
    change: (change, expectedEpoch) =>
      changeTraffic(store, 'support', change, {
        by: 'ada',
        ...(expectedEpoch === undefined ? {} : { expectedEpoch }),
      }),
    now: async () => (await readPointer(store, 'support'))?.pointer,
  };
}

test('released: all new runs take it, what they took is what a rollback goes back to, and the change is written down', async () => {
  const { store, one, two, now } = await given();
  const done = await changeTraffic(
    store,
    'support',
    { kind: 'release', release: two },
    { by: 'ada', why: 'it is better' },
  );
  expect(done).toMatchObject({ kind: 'changed', pointer: { release: two, previous: one, epoch: 1, managed: true } });
  expect(await now()).toMatchObject({ release: two, previous: one });
  expect(await trafficHistory(store, 'support')).toEqual([
    {
      ...{ schemaVersion: 1, agent: 'support', epoch: 1, at: expect.any(Number), by: 'ada', why: 'it is better' },
      ...{ change: 'release', before: { release: one }, after: { release: two } },
    },
  ]);
});

test('a rollout: its share grows, then it is the current release; the one before is what a rollback goes back to', async () => {
  const { one, two, change, now } = await given();
  await change(candidate(two, 100));
  expect(await now()).toMatchObject({ release: one, candidate: { release: two, share: 100 }, epoch: 1 });
  await change(candidate(two, 2_500), 1);
  expect(await now()).toMatchObject({ release: one, candidate: { share: 2_500 }, epoch: 2 });
  await change({ kind: 'promote', rollout: 'r1' }, 2);
  const promoted = await now();
  expect(promoted).toMatchObject({ release: two, previous: one, epoch: 3 });
  expect(promoted).not.toHaveProperty('candidate');
});

test('a candidate that is taken back takes no runs, and its rollout writes nothing any more', async () => {
  const { one, two, change, now } = await given();
  await change(candidate(two, 100));
  await change({ kind: 'withdraw', rollout: 'r1' });
  const stands = await now();
  expect(stands).toMatchObject({ release: one, withdrawn: [two] });
  for (const late of [
    { kind: 'promote', rollout: 'r1' },
    { kind: 'withdraw', rollout: 'r1' },
  ] as const)
    expect(await change(late)).toMatchObject({ kind: 'refused', reason: 'superseded' });
  expect(await change(candidate(two, 500), 1)).toMatchObject({ kind: 'refused', reason: 'superseded' });
  expect(await now()).toEqual(stands);
  await change(candidate(two, 500, 'r2'));
  expect(await now()).not.toHaveProperty('withdrawn');
});

test('rolled back: to the release before, once; a second one does not go on to the release before that', async () => {
  const { one, two, three, change, now } = await given();
  await change({ kind: 'release', release: two });
  await change({ kind: 'release', release: three });
  expect(await change({ kind: 'rollback' })).toMatchObject({
    kind: 'changed',
    pointer: { release: two, withdrawn: [three] },
  });
  const again = await change({ kind: 'rollback' });
  expect(again).toMatchObject({
    kind: 'refused',
    reason: 'nothing-to-do',
    message: expect.stringContaining('--to RELEASE'),
  });
  expect(await change({ kind: 'rollback', to: one })).toMatchObject({
    pointer: { release: one, withdrawn: [three, two] },
  });
  expect(await change({ kind: 'rollback', to: one })).toMatchObject({ kind: 'refused', reason: 'nothing-to-do' });
  // Named, one that was taken back may be gone back to.
  expect(await change({ kind: 'rollback', to: three })).toMatchObject({
    pointer: { release: three, withdrawn: [two, one] },
  });
  expect((await now())?.epoch).toBe(5);
});

test('of two people who roll back at once one does, and the other is told that it is done', async () => {
  const { two, one, change, now, store } = await given();
  await change({ kind: 'release', release: two });
  const both = await Promise.all([change({ kind: 'rollback' }), change({ kind: 'rollback' })]);
  expect(both.map(({ kind }) => kind).sort()).toEqual(['changed', 'refused']);
  expect(await now()).toMatchObject({ release: one });
  expect(await trafficHistory(store, 'support')).toHaveLength(2);
});

test('rolled back while a rollout is under way: the candidate is taken back, and the current release stays', async () => {
  const { one, two, three, change } = await given();
  await change({ kind: 'release', release: two });
  await change(candidate(three, 2_500));
  const done = await change({ kind: 'rollback' });
  expect(done).toMatchObject({ pointer: { release: two, withdrawn: [three] } });
  expect(done.kind === 'changed' && done.pointer.candidate).toBeFalsy();
  // Whoever has typed it at the same moment meant the candidate, too.
  expect(await change({ kind: 'rollback' })).toMatchObject({ kind: 'refused', reason: 'nothing-to-do' });
  expect(await change({ kind: 'rollback', to: one })).toMatchObject({ pointer: { release: one } });
});

test('rolled back a moment after its rollout has taken the candidate back by itself: the current release stays', async () => {
  const { two, three, change, now } = await given();
  await change({ kind: 'release', release: two });
  await change(candidate(three, 2_500, 'r1'));
  await change({ kind: 'withdraw', rollout: 'r1' });
  expect(await change({ kind: 'rollback' })).toMatchObject({ kind: 'refused', reason: 'nothing-to-do' });
  expect(await now()).toMatchObject({ release: two, withdrawn: [three] });
});

test('a rollout that has read what stood before changes nothing after a rollback', async () => {
  const { two, three, change, now } = await given();
  await change({ kind: 'release', release: two });
  await change(candidate(three, 100));
  const epoch = (await now())?.epoch ?? 0;
  await change({ kind: 'rollback' });
  expect(await change({ kind: 'promote', rollout: 'r1' }, epoch)).toMatchObject({
    kind: 'refused',
    reason: 'superseded',
  });
  expect(await now()).toMatchObject({ release: two });
});

test.each<[string, (of: Given) => TrafficChange, string]>([
  ['a rollout of what all runs take', ({ one }) => candidate(one, 100), 'invalid'],
  ['a share that is none', ({ two }) => candidate(two, 10_001), 'invalid'],
  ['half of a share', ({ two }) => candidate(two, 0.5), 'invalid'],
  ['a release that is not stored', () => candidate('f'.repeat(64), 100), 'unreadable'],
  ['a way back to one that is not stored', () => ({ kind: 'rollback', to: 'f'.repeat(64) }), 'unreadable'],
  [
    'a way back to what is no release',
    ({ store }) => ({ kind: 'rollback', to: store.nameOf(NO_RELEASE) }),
    'unreadable',
  ],
  ['a way back from the first release', () => ({ kind: 'rollback' }), 'nothing-to-do'],
  ['the end of a rollout that is not under way', () => ({ kind: 'promote', rollout: 'r1' }), 'superseded'],
])('refused, with one line, and what stood stays: %s', async (_, wanted, reason) => {
  const of = await given();
  await of.store.commit({ objects: [NO_RELEASE] });
  const before = await of.now();
  const refused = await of.change(wanted(of));
  expect(refused).toMatchObject({ kind: 'refused', reason, message: expect.stringMatching(/^[^\n]+$/) });
  expect(await of.now()).toEqual(before);
  expect(await trafficHistory(of.store, 'support')).toEqual([]);
});
const NO_RELEASE = new TextEncoder().encode('{"said":"by somebody"}');

test('a second rollout, and a release that takes all, are refused while one is under way', async () => {
  const { two, three, change } = await given();
  await change(candidate(two, 100));
  for (const other of [candidate(three, 100, 'r2'), { kind: 'release', release: three }] as const)
    expect(await change(other)).toMatchObject({ reason: 'under-way', message: expect.stringContaining('r1') });
  expect(await change({ ...candidate(two, 100), salt: 'another' } as TrafficChange)).toMatchObject({
    reason: 'invalid',
  });
});

test('another release of an agent elsewhere is none of its own', async () => {
  const { store, change } = await given();
  const other = await made('x', 'billing');
  await publishReleases(store, [other]);
  expect(await change({ kind: 'rollback', to: other.release })).toMatchObject({ reason: 'unreadable' });
  expect(await change({ kind: 'release', release: other.release })).toMatchObject({ reason: 'unreadable' });
});

test('where a sub-agent of it is not stored its runs would fail: it is refused', async () => {
  const { store, change, one } = await given();
  const { manifest } = await made('calls another');
  const pin = { name: 'other', release: 'e'.repeat(64) };
  const plan = { ...manifest.plan, tools: { other: { ...TOOL_PLAN, agent: pin } } };
  const bytes = canonicalJson({ ...manifest, plan });
  const [release = ''] = (await store.commit({ objects: [bytes] })).hashes;
  expect(await change({ kind: 'release', release })).toMatchObject({ reason: 'unreadable' });
  expect((await readPointer(store, 'support'))?.pointer.release).toBe(one);
});
const TOOL_PLAN = { effect: 'read', timeoutMs: 1, attempts: 1, onFailure: 'tell-model' };

test('workers leave alone what is said by command, and take nothing away', async () => {
  const { store, two, change, now } = await given();
  await change({ kind: 'release', release: two });
  const three = await made('3');
  expect(await publishReleases(store, [three])).toEqual([
    { agent: 'support', release: three.release, changed: false, managed: { release: two } },
  ]);
  expect(await unpublishRelease(store, { agent: 'support', release: two })).toBe(false);
  expect(await now()).toMatchObject({ release: two });
});

test('before anything is said by command what workers published last is gone back to', async () => {
  const { store, one, change, now } = await given();
  await publishReleases(store, [await made('3')]);
  await change({ kind: 'rollback' });
  expect(await now()).toMatchObject({ release: one, managed: true });
  expect(await publishReleases(store, [await made('3')])).toMatchObject([
    { changed: false, managed: { release: one } },
  ]);
});

test('a pointer that was taken away, or written by an older version, goes on with its numbers', async () => {
  const { store, one, two, change } = await given();
  await change({ kind: 'release', release: two });
  await store.commit({
    refs: [{ op: 'put', name: agentPointerName('support'), value: { agent: 'support', release: one, at: 1 } }],
  });
  expect(await change({ kind: 'release', release: two })).toMatchObject({ pointer: { epoch: 2 } });
  await store.deleteRef(agentPointerName('support'));
  expect(await change({ kind: 'release', release: one })).toMatchObject({ pointer: { epoch: 3 } });
  expect((await trafficHistory(store, 'support')).map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
});

test('a change is signed by whoever makes it, over all that is written of it', async () => {
  const { store, two } = await given();
  const { privateKey } = generateKeyPairSync('ed25519');
  const about = { by: 'ada', sign: (statement: Uint8Array) => signStatement(statement, privateKey) };
  await changeTraffic(store, 'support', { kind: 'release', release: two }, about);
  const [record] = await trafficHistory(store, 'support');
  if (!record) throw new Error('nothing is written');
  const keys = [publicKeyText(privateKey)];
  expect(isStatementSigned(statementOf(record), record.signature ?? '', keys)).toBe(true);
  expect(isStatementSigned(statementOf({ ...record, by: 'bob' }), record.signature ?? '', keys)).toBe(false);
});

test('a collection keeps what new runs take and may go back to, and what was released by command', async () => {
  let at = Date.UTC(2027, 0, 1);
  const { store, one, two, three, change } = await given(createMemoryStore(() => at));
  const four = await made('4');
  await registerRelease(store, { ...four, below: [], toolCode: {} }, { by: 'ada', name: 'four' });
  await change({ kind: 'release', release: one });
  await change({ kind: 'release', release: two });
  await change(candidate(three, 100));
  await store.commit({ objects: [canonicalJson((await made('nobody named it')).manifest)] });
  for (let nth = 0; nth < 3; nth += 1) {
    await collectGarbage(store);
    at += 25 * 3_600_000;
  }
  expect(await store.has([one, two, three, four.release])).toEqual([true, true, true, true]);
  expect(await store.has([(await made('nobody named it')).release])).toEqual([false]);
});

test('an erased run is counted by its rollout all the same, and takes no release with it', async () => {
  const { store, one, two, change } = await given();
  await change(candidate(two, 100));
  const totals = { turns: 1, modelCalls: 1, toolCalls: 0, reusedCalls: 0, usage: NO_USAGE };
  const ended = { at: 2, outcome: 'completed', head: null, length: 2, firstRunId: 'f', totals };
  const rollout = { id: 'r1', arm: 'candidate' };
  const record = { schemaVersion: 1, id: 'run_1', agent: 'support', release: two, tenant: 't', tags: [], input: 'i' };
  const value = { ...record, question: 'who?', startedAt: 1, ended, rollout };
  await store.commit({ refs: [{ op: 'put', name: runRecordName('run_1'), value }] });
  await eraseStored(store, 'run_1', { at: 3, by: 'ada' });
  expect((await store.readRef(runRecordName('run_1')))?.value).toMatchObject({
    rollout,
    question: '',
    erased: { by: 'ada' },
  });
  expect(await change({ kind: 'promote', rollout: 'r1' })).toMatchObject({ pointer: { release: two, previous: one } });
});
const NO_USAGE = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
