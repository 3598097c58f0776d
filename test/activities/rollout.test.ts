// Needs: nothing but memory. What a rollout has done for it, each of it repeated as after a crash: shares, ends, looks and what they read of runs.
import { judgeRollout, LOOKS_KEPT_MOST } from '../../activities/control/judge-rollout';
import { endRollout, setRolloutShare } from '../../activities/control/rollout-traffic';
import { USUAL_POLICY, type MetricPolicy } from '../../activities/rollout/policy';
import { createMemoryStore, type ContentStore } from '../../activities/store';
import { canonicalJson, objectHash } from '../../activities/store/canonical-json';
import { changeTraffic, trafficHistory } from '../../activities/store/change-traffic';
import { pickRelease, readPointer } from '../../activities/store/pick-release';
import { findingName, runRecordName, scoreName } from '../../activities/store/ref-names';
import { keepRollout, looksIn, readRollout } from '../../activities/store/rollouts';
import { runEntry } from '../../activities/store/run-index';
import type { RolloutKept, ShareInput } from '../../workflows/contract/rollout';
import type { Finding } from '../../workflows/contract/schemas/finding';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { Score } from '../../workflows/contract/schemas/score';
import { manifestFor } from '../stack/manifest-for';
import { defineAgent } from '../../activities/define';

const START = 1_800_000_000_000;
let clock = START;
const now = (): number => clock;

const releaseNo = (nth: number) =>
  manifestFor(defineAgent({ name: 'teller', instructions: `You are version ${nth}.` }), 'test/model').manifest;
const [one, two] = [releaseNo(1), releaseNo(2)].map((manifest) => objectHash(canonicalJson(manifest)));
if (one === undefined || two === undefined) throw new Error('two releases');

let store: ContentStore;
beforeEach(async () => {
  clock = START;
  store = createMemoryStore();
  await store.commit({ objects: [releaseNo(1), releaseNo(2)].map(canonicalJson) });
  await changeTraffic(store, 'teller', { kind: 'release', release: one }, { by: 'ada', now });
});
const share = (about: Partial<ShareInput> = {}) =>
  setRolloutShare(
    { store, now },
    { agent: 'teller', id: 'rol_1', release: two, sticky: 'run', share: 0.5, epoch: 1, by: 'ada', ...about },
  );
const end = (as: 'promoted' | 'withdrawn', by = 'rollout rol_1', why = 'because') =>
  endRollout({ store, now }, { agent: 'teller', id: 'rol_1', as, by, why });
const changes = async (): Promise<string[]> => (await trafficHistory(store, 'teller')).map(({ change }) => change);

describe('traffic', () => {
  test('a share is put once, however often it is asked for, and a larger one afterwards', async () => {
    const first = await share();
    expect(first).toEqual({ kind: 'set', at: START, epoch: 2 });
    clock += 5;
    expect(await share()).toEqual(first);
    expect(await share({ share: 0.9, epoch: 2 })).toMatchObject({ kind: 'set', epoch: 3 });
    expect(await changes()).toEqual(['release', 'candidate', 'candidate']);
    expect((await readPointer(store, 'teller'))?.pointer.candidate).toMatchObject({ share: 9_000, salt: 'rol_1' });
  });

  test('what was rolled back in between is not put again: who did it, and why, is told', async () => {
    await share();
    await changeTraffic(store, 'teller', { kind: 'rollback' }, { by: 'eve', why: 'no', now });
    for (const asked of [share(), share({ share: 0.9, epoch: 2 }), end('promoted'), end('withdrawn')])
      expect(await asked).toEqual({
        ...{ kind: 'superseded', by: 'eve' },
        why: `change 3 (rollback): new runs take release ${one.slice(0, 12)}; no`,
      });
    expect(await changes()).toEqual(['release', 'candidate', 'rollback']);
  });

  test('begun upon traffic that somebody has changed since it is passed over, and changes nothing', async () => {
    await changeTraffic(store, 'teller', { kind: 'release', release: two }, { by: 'eve', now });
    expect(await share({ release: one })).toMatchObject({ kind: 'superseded', by: 'eve' });
    expect(await changes()).toEqual(['release', 'release']);
  });

  test.each(['promoted', 'withdrawn'] as const)('%s once, however often it is asked for', async (as) => {
    await share();
    clock += 7;
    const ended = await end(as);
    expect(ended).toEqual({ kind: 'set', at: START + 7, epoch: 3 });
    clock += 7;
    expect(await end(as)).toEqual(ended);
    expect(await changes()).toEqual(['release', 'candidate', as === 'promoted' ? 'promote' : 'withdraw']);
    expect((await readPointer(store, 'teller'))?.pointer.release).toBe(as === 'promoted' ? two : one);
    // The other one comes too late.
    expect(await end(as === 'promoted' ? 'withdrawn' : 'promoted')).toMatchObject({ kind: 'superseded' });
  });

  test('a release that cannot be read takes no run', async () => {
    const gone = 'f'.repeat(64);
    expect(await share({ release: gone })).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('cannot be read'),
    });
    expect((await readPointer(store, 'teller'))?.pointer).not.toHaveProperty('candidate');
  });
});

describe('a look', () => {
  const metrics: MetricPolicy[] = [
    ...USUAL_POLICY.metrics,
    { name: 'score:helpful', kind: 'share', better: 'higher', margin: 0.1, weight: 1, mustBeFine: false },
    { name: 'failure:Model.Refused', kind: 'share', better: 'lower', margin: 0.02, weight: 1, mustBeFine: false },
    { name: 'failure:Tool.Failed', kind: 'share', better: 'lower', margin: 0.02, weight: 1, mustBeFine: false },
  ];
  const kept = (about: Partial<RolloutKept> = {}): RolloutKept => ({
    ...{ schemaVersion: 1, id: 'rol_1', agent: 'teller', from: one, release: two, by: 'ada', sticky: 'run' },
    policy: {
      ...USUAL_POLICY,
      metrics,
      steps: [
        { share: 0.5, units: 5 },
        { share: 1, units: 0 },
      ],
    },
    ...{ inconclusive: 'withdraw', everyMs: 1_000, at: START, steps: [{ share: 0.5, at: START }], looks: 0, told: [] },
    ...{ changes: 1, ...about },
  });
  const look = (number = 1, { isWatched = true, findingsFrom = START } = {}) =>
    judgeRollout(
      { store, now, ...(isWatched ? { watch: {} } : {}) },
      { agent: 'teller', id: 'rol_1', number, isOver: false, findingsFrom },
    );
  const newest = async () => (await looksIn(store, { agent: 'teller', id: 'rol_1' })).at(-1);
  const ofMetric = async (name: string) => (await newest())?.verdicts.find(({ metric }) => metric === name);

  /** As a start records it and an end completes it. @returns which release it has */
  async function storeRun(
    id: string,
    about: { isBad?: boolean; isOpen?: boolean; ms?: number } = {},
  ): Promise<'current' | 'candidate'> {
    const pointer = (await readPointer(store, 'teller'))?.pointer;
    if (!pointer) throw new Error('nobody published teller');
    const picked = pickRelease(pointer, { tenant: 't', run: id });
    const failure = { type: 'Model.Refused', message: 'no' } as const;
    const usage = { input: 100, cachedInput: 0, output: 10, reasoning: 0 };
    const record: RunRecord = {
      ...{
        schemaVersion: 1,
        id,
        agent: 'teller',
        tenant: 't',
        tags: [],
        input: 'a',
        question: 'q',
        startedAt: START + 1,
      },
      ...picked,
      ...(about.isOpen
        ? {}
        : {
            ended: {
              ...{
                at: START + 1 + (about.ms ?? 2_000),
                outcome: about.isBad ? 'failed' : 'completed',
                head: null,
                length: 0,
              },
              ...(about.isBad ? { failure } : {}),
              ...{ firstRunId: '', totals: { turns: 1, modelCalls: 1, toolCalls: 0, reusedCalls: 0, usage } },
            },
          }),
    };
    await store.commit({ refs: [{ op: 'put', name: runRecordName(id), value: record }, runEntry(record)] });
    return picked.rollout?.arm ?? 'current';
  }
  const finding = (about: Partial<Finding>): Promise<unknown> => {
    const value: Finding = {
      ...{
        schemaVersion: 1,
        id: 'fnd_1',
        agent: 'teller',
        release: two,
        metric: 'tokens',
        direction: 'up',
        of: 'number',
      },
      ...{ after: 9, runs: [], at: START + 10, seenAt: START + 10, ...about },
    };
    return store.commit({ refs: [{ op: 'put', name: findingName('teller', value.id), value }] });
  };

  beforeEach(async () => {
    await share();
    await keepRollout(store, kept());
  });

  test('reads what its runs came to, each once; those of others and those under way are told apart', async () => {
    const arms = new Map<string, string>();
    for (let nth = 0; nth < 30; nth += 1) arms.set(`r${nth}`, await storeRun(`r${nth}`, { ms: 2_000 + 100 * nth }));
    await storeRun('open', { isOpen: true });
    const record = { op: 'put', name: runRecordName('other') } as const;
    const other: RunRecord = {
      ...{ schemaVersion: 1, id: 'other', agent: 'teller', tenant: 't', tags: [], input: 'a', question: 'q' },
      ...{ startedAt: START + 2, release: two },
    };
    await store.commit({ refs: [{ ...record, value: other }, runEntry(other)] });
    expect(await look()).toMatchObject({ kind: 'looked', decision: 'wait' });
    const candidates = [...arms.values()].filter((arm) => arm === 'candidate').length;
    expect(await newest()).toMatchObject({
      ...{ number: 1, step: 0, runs: { candidate: candidates, current: 30 - candidates }, open: 1 },
      exposure: candidates,
    });
    expect(await ofMetric('success')).toMatchObject({ candidate: { units: candidates, mean: 1 }, verdict: 'open' });
    expect((await ofMetric('duration'))?.candidate.mean).toBeGreaterThan(2_000);
    expect((await ofMetric('anomalies'))?.candidate).toEqual({ units: candidates, mean: 0 });
    // Of dozens of types of failure none is told that nobody had.
    expect(await ofMetric('failure:Model.Refused')).toBeUndefined();
    expect((await readRollout(store, 'teller', 'rol_1'))?.looks).toBe(1);
    // Repeated, as after a crash, it is the same look.
    await look();
    expect(await looksIn(store, { agent: 'teller', id: 'rol_1' })).toHaveLength(1);
  });

  test('what fails is withdrawn, with the type that it fails with', async () => {
    for (let nth = 0; nth < 60; nth += 1) {
      const arm = await storeRun(`r${nth}`);
      if (arm === 'candidate') await storeRun(`r${nth}`, { isBad: true });
    }
    expect(await look()).toMatchObject({
      decision: 'withdraw',
      headline: expect.stringMatching(
        /^Withdraw: the candidate is worse in success.*, failure:Model\.Refused\./,
      ) as string,
    });
    expect(await ofMetric('failure:Model.Refused')).toMatchObject({ verdict: 'worse', candidate: { mean: 1 } });
    expect(await ofMetric('failure:Tool.Failed')).toBeUndefined();
  });

  test('scores and single runs that are odd count; of anomalies nothing is known where nobody watches', async () => {
    let scored = '';
    for (let nth = 0; nth < 20; nth += 1) if ((await storeRun(`r${nth}`)) === 'candidate') scored = `r${nth}`;
    const score: Score = {
      ...{ schemaVersion: 1, run: scored, agent: 'teller', release: two, tenant: 't', name: 'helpful', by: 'ada' },
      ...{ source: 'person', at: START, kind: 'number', value: 3, range: { least: 1, most: 5 } },
    };
    await store.commit({ refs: [{ op: 'put', name: scoreName(scored, ['helpful']), value: score }] });
    await finding({ id: 'fnd_2', of: 'run', metric: 'run-tokens', runs: [{ id: scored, tenant: 't' }] });
    // Of one run by itself it is a figure, and nothing that pauses.
    expect(await look()).not.toHaveProperty('finding');
    expect((await ofMetric('score:helpful'))?.candidate).toEqual({ units: 1, mean: 0.5 });
    const { units = 0, mean } = (await ofMetric('anomalies'))?.candidate ?? {};
    expect(mean).toBeCloseTo(1 / units, 9);
    await look(2, { isWatched: false });
    expect((await ofMetric('anomalies'))?.candidate.units).toBe(0);
  });

  test('scores are read side by side, and no more at once than a store takes', async () => {
    for (let nth = 0; nth < 120; nth += 1) await storeRun(`r${nth}`);
    let [reading, most] = [0, 0];
    const { listRefs } = store;
    store.listRefs = async (prefix, options) => {
      if (!prefix.startsWith('score/')) return await listRefs(prefix, options);
      reading += 1;
      most = Math.max(most, reading);
      const listed = await listRefs(prefix, options);
      reading -= 1;
      return listed;
    };
    await look();
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(50);
  });

  test('a finding of the watch about the candidate is told; about others, or from before, none', async () => {
    await finding({});
    expect(await look()).toMatchObject({ finding: 'tokens went up (finding fnd_1)' });
    expect((await newest())?.finding).toBe('tokens went up (finding fnd_1)');
    expect(await look(2, { findingsFrom: START + 11 })).not.toHaveProperty('finding');
    await finding({ release: one });
    expect(await look(3)).not.toHaveProperty('finding');
  });

  test('passed over it says by whom; without its record it asks for that to be kept again', async () => {
    await changeTraffic(store, 'teller', { kind: 'rollback' }, { by: 'eve', now });
    expect(await look()).toMatchObject({ kind: 'superseded', by: 'eve' });
    await changeTraffic(store, 'teller', { kind: 'rollback', to: one }, { by: 'eve', now });
    await share({ id: 'rol_2', epoch: 3 });
    expect(
      await judgeRollout(
        { store, now },
        { agent: 'teller', id: 'rol_2', number: 1, isOver: false, findingsFrom: START },
      ),
    ).toEqual({ kind: 'unkept' });
  });

  test('of many looks the first and the newest stay, and those between are thinned out', async () => {
    const made = LOOKS_KEPT_MOST + 60;
    for (let number = 1; number <= made; number += 1) await look(number);
    const numbers = (await looksIn(store, { agent: 'teller', id: 'rol_1' })).map((one) => one.number);
    expect(numbers.length).toBeLessThanOrEqual(LOOKS_KEPT_MOST);
    expect([numbers[0], numbers.at(-1)]).toEqual([1, made]);
    expect(numbers.slice(-90)).toEqual(Array.from({ length: 90 }, (_, nth) => made - 89 + nth));
  });
});
