// Needs: nothing. What looks after shadows, look by look: what is begun, what waits, what is dropped, and which places become free. Temporal
// is told by hand what it knows.
import { createConversation, createMemoryStore, type ContentStore } from '../../activities/store';
import { collectGarbage } from '../../activities/store/garbage/collect-garbage';
import {
  agentPointerName,
  chainName,
  runRecordName,
  SHADOW_RUNS,
  shadowStateName,
  SHADOWS_WANTED,
  shadowWantedName,
  UNWATCHED_PREFIX,
} from '../../activities/store/ref-names';
import { indexRuns, indexedRuns, withEndedRuns } from '../../activities/store/run-index';
import { wantShadow } from '../../activities/store/wanted-shadows';
import { recordUnrecordedEnd } from '../../activities/unrecorded-end';
import { lookAfterShadows, type ShadowKeeperDeps } from '../../activities/shadow/keep-shadows';
import { noShadows } from '../../activities/shadow/shadow-budget';
import { eraseStored } from '../../client/cli/erase-run';
import { deleteLeftovers } from '../../client/cli/erased-leftovers';
import { forgetRuns } from '../../client/cli/forget-runs';
import { shadowRunId } from '../../workflows/contract/names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { shadowStateSchema, type ShadowState, type WantedShadow } from '../../workflows/contract/schemas/shadow';
import type { AgentPointer, Shadowing } from '../../workflows/contract/schemas/traffic';
import { STARTED_AT, storeRun } from '../cli/store-run';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A store with the ended runs, and a keeper of the shadows of their agent, `reader`. */
async function keeping(...runs: string[]) {
  const clock = { at: STARTED_AT + 10_000 };
  const store = createMemoryStore(() => clock.at);
  for (const id of runs) await storeRun(store, { id });
  const started: string[] = [];
  const failed: string[] = [];
  const deps: ShadowKeeperDeps = {
    ...{ store, conversation: createConversation(store), now: () => clock.at },
    start: ({ id }) => {
      started.push(id);
      return Promise.resolve(`first-of-${id}`);
    },
    endOf: (id) => Promise.resolve(started.includes(id) ? 'open' : 'unknown'),
    terminate: () => Promise.resolve(),
    unknowing: () => Promise.resolve(undefined),
    failed: (run, error) => {
      failed.push(`${run}: ${error instanceof Error ? error.message : String(error)}`);
    },
  };
  const recordOf = async (id: string): Promise<RunRecord | undefined> =>
    runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data;
  const release = (await recordOf(runs[0] ?? ''))?.release ?? '';
  const want = (run: string, more: Partial<WantedShadow> = {}) =>
    store.commit({
      refs: [wantShadow({ schemaVersion: 1, run, agent: 'reader', release, at: clock.at, ...more })],
    });
  return {
    ...{ store, clock, started, failed, deps, recordOf, release, want },
    look: (more: Partial<ShadowKeeperDeps> = {}, after?: string) => lookAfterShadows({ ...deps, ...more }, after),
    shadow: (run: string) => shadowRunId(run, release),
    wanted: async () => (await store.listRefs(SHADOWS_WANTED)).map(({ name }) => name),
    state: async (): Promise<ShadowState | undefined> =>
      shadowStateSchema.safeParse((await store.readRef(shadowStateName('reader')))?.value).data,
    shadowing: async (more: Partial<Shadowing> = {}) => {
      const shadow: Shadowing = {
        ...{ release, share: 10_000, id: 'all', sticky: 'run', reads: 'recorded', floor: false, atOnce: 2 },
        ...more,
      };
      const value: AgentPointer = { agent: 'reader', release, at: 1, shadow };
      await store.commit({ refs: [{ op: 'put', name: agentPointerName('reader'), value }] });
    },
  };
}

const killed = (): Promise<never> => Promise.reject(new Error('killed'));

describe('places', () => {
  test('that of one which was recorded and never begun is free once nobody wants it any more', async () => {
    const on = await keeping('run_1', 'run_2', 'run_3');
    for (const run of ['run_1', 'run_2', 'run_3']) await on.want(run);
    await on.look({ start: killed });
    expect((await on.state())?.open).toHaveLength(2);
    // Two places are all: the third has none for as long as these are kept.
    for (const run of ['run_1', 'run_2']) await on.store.deleteRef(shadowWantedName(run, on.release));
    on.clock.at += MINUTE_MS + 1;
    await on.look();
    await on.look();
    expect(on.started).toEqual([on.shadow('run_3')]);
    expect(await on.state()).toMatchObject({ open: [{ run: 'run_3' }] });
    expect(await on.recordOf(on.shadow('run_1'))).toMatchObject({
      ended: { outcome: 'failed', failure: { type: 'Run.Unstartable' }, firstRunId: '' },
    });
  });

  test('one that is still wanted keeps its own, and is begun in it', async () => {
    const on = await keeping('run_1');
    await on.want('run_1');
    await on.look({ start: killed });
    on.clock.at += MINUTE_MS + 1;
    await on.look();
    await on.look();
    expect(on.started).toEqual([on.shadow('run_1')]);
    expect(await on.state()).toMatchObject({ begun: 1, open: [{ run: 'run_1' }] });
    expect(await on.wanted()).toEqual([]);
  });

  test('one that has a place and was not begun is begun, however many others are asked for before it and find no room', async () => {
    const on = await keeping('run_1', 'run_2', 'run_3', 'run_4');
    for (const run of ['run_3', 'run_4']) await on.want(run);
    await on.look({ start: killed });
    // Their names come first at each look.
    for (const run of ['run_1', 'run_2']) await on.want(run);
    await on.look();
    expect(on.started).toEqual([on.shadow('run_3'), on.shadow('run_4')]);
    expect((await on.state())?.open.map(({ run }) => run)).toEqual(['run_3', 'run_4']);
  });

  test('a keeper that stops reserves none', async () => {
    const on = await keeping('run_1', 'run_2');
    for (const run of ['run_1', 'run_2']) await on.want(run);
    await on.look({ isOver: () => on.started.length === 1 });
    expect((await on.state())?.open.map(({ run }) => run)).toEqual(['run_1']);
  });

  test('one that can neither be ended nor asked for is free after an hour', async () => {
    const on = await keeping('run_1');
    await on.want('run_1');
    await on.look();
    on.clock.at += HOUR_MS + 1;
    await on.look({ terminate: killed, endOf: killed });
    expect(on.failed).toEqual([`${on.shadow('run_1')}: killed`]);
    expect((await on.state())?.open).toEqual([]);
  });

  test('one without even a record is free after a minute, and one whose end nobody can tell after an hour', async () => {
    const on = await keeping('run_1');
    const lost = { id: shadowRunId('gone', on.release), run: 'gone', release: on.release, at: on.clock.at };
    const value = { ...noShadows('reader', on.clock.at), begun: 1, open: [{ ...lost, nanoUsd: 0, tokens: 0 }] };
    await on.store.commit({ refs: [{ op: 'put', name: shadowStateName('reader'), value }] });
    await on.want('run_1');
    await on.look();
    expect((await on.state())?.open.map(({ run }) => run)).toEqual(['gone', 'run_1']);
    on.clock.at += MINUTE_MS + 1;
    await on.look();
    expect((await on.state())?.open.map(({ run }) => run)).toEqual(['run_1']);
    on.clock.at += HOUR_MS;
    await on.look({ endOf: () => Promise.resolve('completed') });
    expect((await on.state())?.open).toEqual([]);
  });
});

describe('wishes', () => {
  test('one that cannot be looked after keeps no other from it, nor its place', async () => {
    const on = await keeping('run_1', 'run_2', 'run_3');
    for (const run of ['run_1', 'run_2', 'run_3']) await on.want(run);
    const sick: ContentStore = {
      ...on.store,
      readRef: (name) => (name === runRecordName('run_1') ? killed() : on.store.readRef(name)),
    };
    await on.look({ store: sick });
    expect(on.failed).toEqual(['run_1: killed']);
    expect(on.started).toEqual([on.shadow('run_2'), on.shadow('run_3')]);
    expect(await on.wanted()).toEqual([shadowWantedName('run_1', on.release)]);
  });

  test('a shadow that cannot be looked after keeps no other from it', async () => {
    const on = await keeping('run_1', 'run_2', 'run_3');
    for (const run of ['run_1', 'run_2']) await on.want(run);
    await on.look();
    on.clock.at += MINUTE_MS + 1;
    await on.want('run_3');
    await on.look({
      endOf: (id) =>
        id === on.shadow('run_1')
          ? killed()
          : Promise.resolve({
              ...{ at: 1, outcome: 'cancelled', firstRunId: 'f' },
              failure: { type: 'Run.Cancelled', message: 'by hand' },
            }),
    });
    expect(on.failed).toEqual([`${on.shadow('run_1')}: killed`]);
    expect(on.started).toContain(on.shadow('run_3'));
  });

  test('however many wait, each look goes on where the last has ended', async () => {
    const on = await keeping('z_run');
    for (let nth = 0; nth < 500; nth += 1) {
      const run = `a_${String(nth).padStart(3, '0')}`;
      // They have not ended: nothing comes of them for now.
      const { ended: _, ...open } = (await on.recordOf('z_run')) as RunRecord;
      await on.store.commit({ refs: [{ op: 'put', name: runRecordName(run), value: { ...open, id: run } }] });
      await on.want(run);
    }
    await on.want('z_run');
    const after = await on.look();
    expect(after).toBe(shadowWantedName('a_499', on.release));
    expect(on.started).toEqual([]);
    expect(await on.look({}, after)).toBeUndefined();
    expect(on.started).toEqual([on.shadow('z_run')]);
  });

  test('those that are late or stopped go, though the agent is full', async () => {
    const on = await keeping('run_1', 'run_2', 'run_3');
    await on.shadowing({ atOnce: 1 });
    await on.want('run_1', { id: 'all' });
    await on.look();
    await on.want('run_2', { id: 'all', at: on.clock.at - 25 * HOUR_MS });
    await on.want('run_3', { id: 'of-before' });
    await on.look();
    expect(await on.state()).toMatchObject({ open: [{ run: 'run_1' }], dropped: { late: 1, stopped: 1 } });
    expect(await on.wanted()).toEqual([]);
  });

  test('what a day costs holds those back that a share has drawn, and each is counted', async () => {
    const on = await keeping('run_1', 'run_2');
    await on.shadowing({ tokensADay: 3_000 });
    for (const run of ['run_1', 'run_2']) await on.want(run, { id: 'all' });
    await on.look();
    expect(on.started).toEqual([on.shadow('run_1')]);
    expect(await on.state()).toMatchObject({ dropped: { budget: 1 } });
  });
});

describe('workers of an earlier version', () => {
  test('none begins while one is there: it says why, and begins when it is gone', async () => {
    const on = await keeping('run_1');
    await on.want('run_1');
    await on.look({ unknowing: () => Promise.resolve('worker w knows none.') });
    expect(on.started).toEqual([]);
    expect(await on.state()).toMatchObject({ heldBack: 'worker w knows none.', open: [], begun: 0 });
    expect(await on.wanted()).toHaveLength(1);
    await on.look();
    expect(on.started).toEqual([on.shadow('run_1')]);
    expect(await on.state()).not.toHaveProperty('heldBack');
  });
});

describe('several keepers', () => {
  test('two at once begin each of them once', async () => {
    const on = await keeping('run_1', 'run_2', 'run_3');
    for (const run of ['run_1', 'run_2', 'run_3']) await on.want(run);
    await Promise.all([on.look(), on.look(), on.look()]);
    expect(new Set(on.started)).toEqual(new Set([on.shadow('run_1'), on.shadow('run_2')]));
    expect(await on.state()).toMatchObject({ begun: 2 });
    expect(on.failed).toEqual([]);
    expect(await on.wanted()).toEqual([shadowWantedName('run_3', on.release)]);
  });
});

describe('erased', () => {
  const erasure = { by: 'ada', at: 1 };

  test('a run that is erased while its shadow is being begun has none', async () => {
    const on = await keeping('run_1');
    await on.want('run_1');
    // After the run was read, and before its shadow is recorded.
    let isErased = false;
    const racing: ContentStore = {
      ...on.store,
      of: () => ({
        ...on.store,
        commit: async (request) => {
          if (!isErased) await eraseStored(on.store, 'run_1', erasure);
          isErased = true;
          return await on.store.commit(request);
        },
      }),
    };
    await on.look({ store: racing });
    expect(isErased).toBe(true);
    expect(on.started).toEqual([]);
    expect(await on.store.listRefs(SHADOW_RUNS)).toEqual([]);
    expect((await on.state())?.open).toEqual([]);
  });

  test('its tombstone says whose shadow it was; what comes back of it is deleted again', async () => {
    const on = await keeping('run_1');
    await on.want('run_1', { by: 'ada' });
    await on.look();
    const id = on.shadow('run_1');
    const ref = await on.store.readRef(runRecordName(id));
    const end = {
      at: 2,
      outcome: 'failed',
      failure: { type: 'Run.Cancelled', message: 'x' },
      firstRunId: 'f',
    } as const;
    const record = await on.recordOf(id);
    await recordUnrecordedEnd(on.store, { record: record as RunRecord, version: ref?.version ?? 0 }, end);
    await eraseStored(on.store, id, erasure);
    const tombstone = await on.recordOf(id);
    expect(tombstone).toMatchObject({ question: '', shadowOf: { run: 'run_1' }, erased: { by: 'ada' } });
    expect(tombstone?.shadowOf).not.toHaveProperty('by');
    await on.store.commit({ refs: [{ op: 'put', name: chainName(id), value: { late: true } }] });
    expect(await deleteLeftovers(on.store)).toBe(1);
    expect(await on.store.readRef(chainName(id))).toBeUndefined();
  });
});

describe('shadows stand apart', () => {
  /** Of run_1, which has ended. */
  async function ended() {
    const on = await keeping('run_1');
    await on.want('run_1');
    await on.look();
    const id = on.shadow('run_1');
    const ref = await on.store.readRef(runRecordName(id));
    const watched = withEndedRuns(on.store, true);
    const failure = { type: 'Run.Cancelled', message: 'x' } as const;
    const record = await on.recordOf(id);
    await recordUnrecordedEnd(
      watched,
      { record: record as RunRecord, version: ref?.version ?? 0 },
      { at: on.clock.at, outcome: 'failed', failure, firstRunId: 'f' },
    );
    return { ...on, id };
  }

  test('no watch is given one to see, and no list of runs has it', async () => {
    const on = await ended();
    expect((await on.recordOf(on.id))?.ended).toBeDefined();
    expect(await on.store.listRefs(UNWATCHED_PREFIX)).toEqual([]);
    await indexRuns(on.store);
    const listed: string[] = [];
    for await (const { id } of (await indexedRuns(on.store)) ?? []) listed.push(id);
    expect(listed).toEqual(['run_1']);
  });

  test('one is forgotten when it is old, with all that is kept of it, and what it names is kept until then', async () => {
    const on = await ended();
    const input = (await on.recordOf(on.id))?.input ?? '';
    // The run goes first: then the shadow alone names what both were asked.
    expect(await forgetRuns(on.store, STARTED_AT + 5_000, false)).toMatchObject({ runs: 1 });
    expect(await on.recordOf('run_1')).toBeUndefined();
    for (let nth = 0; nth < 2; nth += 1) {
      on.clock.at += 3 * 24 * HOUR_MS;
      await collectGarbage(on.store);
    }
    expect(await on.store.has([input])).toEqual([true]);
    expect(await forgetRuns(on.store, on.clock.at, false)).toMatchObject({ runs: 1 });
    expect((await on.store.listRefs('')).filter(({ name }) => name.includes('shadow%2F'))).toEqual([]);
  });
});

test('a run whose end another had to write is drawn for a shadow like any; one that never began is not', async () => {
  const on = await keeping('run_1');
  const { ended: _, ...open } = (await on.recordOf('run_1')) as RunRecord;
  const failure = { type: 'Budget.WallTimeExhausted', message: 'too long' } as const;
  for (const [id, firstRunId] of [
    ['timed-out', 'f'],
    ['never', ''],
  ] as const) {
    const record: RunRecord = { ...open, id, shadow: { id: 'all', release: on.release } };
    await on.store.commit({ refs: [{ op: 'put', name: runRecordName(id), value: record }] });
    const version = (await on.store.readRef(runRecordName(id)))?.version ?? 0;
    await recordUnrecordedEnd(
      on.store,
      { record, version },
      { at: 1, outcome: 'budget-exhausted', failure, firstRunId },
    );
  }
  expect(await on.wanted()).toEqual([shadowWantedName('timed-out', on.release)]);
});
