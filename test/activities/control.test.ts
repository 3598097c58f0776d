// Needs: nothing. What a queue's workflow asks for, done twice, too late, and of runs that are not as they should be.
import type { ControlDeps, RunStart, ToldEnd } from '../../activities/control/control-deps';
import { endWaiting } from '../../activities/control/end-waiting';
import { reconcileRuns } from '../../activities/control/reconcile-runs';
import { startRuns } from '../../activities/control/start-runs';
import { defineAgent } from '../../activities/define';
import { failure } from '../../activities/failure';
import { readManifest, requireAgent } from '../../activities/require-agent';
import { canonicalJson, createMemoryStore, encodeMessage, objectHash, type ContentStore } from '../../activities/store';
import { directToolStore } from '../../activities/store/tool-store';
import { createConversation } from '../../activities/store/conversation';
import { createRunRecord } from '../../activities/store/create-run-record';
import { OPEN_PREFIX, runRecordName } from '../../activities/store/ref-names';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { Registry } from 'prom-client';
import { createAgentRegistry } from '../../workers/agent-registry';
import { consequenceOf } from '../../workflows/contract/failures';
import { runQueueMetrics } from '../../workers/run-queue-metrics';
import { createMetrics } from '../../workers/telemetry';
import { manifestFor } from '../stack/manifest-for';

const { manifest, release } = manifestFor(
  defineAgent({ name: 'teller', instructions: 'Tell.', limits: { turns: 9, tokens: 500 } }),
  'test/model',
);
const message = encodeMessage({ role: 'user', parts: [{ type: 'text', text: 'tell me' }] });

type Told = ToldEnd | 'open' | 'completed';

interface Given {
  deps: ControlDeps;
  store: ContentStore;
  begun: RunStart[];
  executions: Map<string, Told>;
  add(id: string, given?: Partial<RunRecord>): Promise<void>;
  record(id: string): Promise<RunRecord>;
}

function given(): Given {
  const store = createMemoryStore();
  const begun: RunStart[] = [];
  const executions = new Map<string, Told>();
  const deps: ControlDeps = {
    ...{ store, conversation: createConversation(store), taskQueue: 'agents', now: () => 9_000 },
    executions: {
      start: async (run) => {
        if (!executions.has(run.id)) begun.push(run);
        executions.set(run.id, 'open');
        return undefined;
      },
      endOf: async (run) => executions.get(run) ?? 'unknown',
      steer: () => Promise.reject(new Error('queues steer nothing.')),
      enqueue: () => Promise.reject(new Error('no queue is here')),
      withdraw: () => Promise.resolve('unknown'),
      tell: () => Promise.resolve(),
      send: () => Promise.reject(new Error('queues send nothing.')),
    },
  };
  return {
    ...{ deps, store, begun, executions },
    add: async (id, more = {}) => {
      const record: RunRecord = {
        ...{ schemaVersion: 1, id, agent: 'teller', release, tenant: 'acme', tags: ['red'] },
        ...{ input: objectHash(message), question: 'tell me', startedAt: 1_000 },
        queue: { name: 'line', workflow: 'queue/agents/line/0', asked: 1, priority: 'high' },
        ...more,
      };
      await createRunRecord(store, record, { objects: [message, canonicalJson(manifest)] });
    },
    record: async (id) => runRecordSchema.parse((await store.readRef(runRecordName(id)))?.value),
  };
}

const queue = { queue: 'line', shard: 0, waiting: 3, running: 1 };
const asked = (...runs: string[]) => ({ tells: 'queue/agents/line/0', runs: runs.map((run) => ({ run })), queue });

test('a run is started as its caller would have: by its record and its release, and tells of its end', async () => {
  const { deps, begun, add } = given();
  await add('one', { user: 'u7', session: 's1' });
  expect(await startRuns(deps, asked('one'))).toEqual({ runs: [{ run: 'one', kind: 'started' }] });
  expect(begun).toEqual([
    {
      ...{ id: 'one', question: 'tell me' },
      input: {
        ...{ schemaVersion: 1, agent: 'teller', release, tenant: 'acme', user: 'u7', session: 's1', tags: ['red'] },
        ...{ priority: 'high', plan: manifest.plan, tells: 'queue/agents/line/0' },
        input: { hash: objectHash(message), role: 'user', preview: 'tell me' },
      },
    },
  ]);
});

test('asked twice it starts once; one that has ended is not started', async () => {
  const { deps, begun, add, record } = given();
  await add('one');
  await add('two');
  await endWaiting(deps, {
    queue,
    runs: [{ run: 'two', at: 5_000, outcome: 'cancelled', failure: { type: 'Run.Cancelled', message: 'by hand' } }],
  });
  const first = await startRuns(deps, asked('one', 'two'));
  expect(await startRuns(deps, asked('one', 'two'))).toEqual(first);
  expect(first.runs).toEqual([
    { run: 'one', kind: 'started' },
    {
      ...{ run: 'two', kind: 'ended', outcome: 'cancelled', failure: 'Run.Cancelled' },
      ...{ head: null, length: 0, startedAt: 1_000, endedAt: 5_000 },
    },
  ]);
  expect(begun.map(({ id }) => id)).toEqual(['one']);
  expect((await record('two')).ended).toMatchObject({ firstRunId: '', totals: { modelCalls: 0 } });
});

test('a run without a record, and one whose content is gone, are refused, and the other is started; the record says why', async () => {
  const { deps, store, add, record } = given();
  await add('one');
  await add('lost', { input: 'f'.repeat(64) });
  await store.commit({ refs: [{ op: 'put', name: runRecordName('odd'), value: { not: 'a record' } }] });
  const { runs } = await startRuns(deps, asked('nobody', 'lost', 'odd', 'one'));
  expect(runs.map((run) => (run.kind === 'refused' ? run.failure.type : run.kind))).toEqual([
    ...['Store.ObjectMissing', 'Store.ObjectMissing', 'Store.ObjectCorrupt', 'started'],
  ]);
  expect((await record('lost')).ended).toMatchObject({ outcome: 'failed', failure: { type: 'Store.ObjectMissing' } });
  expect((await store.listRefs(OPEN_PREFIX)).map(({ value }) => value)).toEqual([{ id: 'one' }]);
});

test('what its caller holds a run to counts beside its release, and beside what load takes from it', async () => {
  const { deps, begun, add } = given();
  const held = { name: 'line', workflow: 'queue/agents/line/0', asked: 1, limits: { turns: 3, nanoUsd: 7 } };
  await add('one', { queue: held });
  await add('two', { queue: held });
  await startRuns(deps, asked('one'));
  const step = { above: 0.5, limits: { turns: 5, nanoUsd: 2 } };
  await startRuns(deps, { ...asked(), runs: [{ run: 'two', step }] });
  expect(begun.map(({ input }) => input.plan.limits)).toEqual([
    { ...manifest.plan.limits, turns: 3, nanoUsd: 7 },
    { ...manifest.plan.limits, turns: 3, nanoUsd: 2 },
  ]);
});

test('where a key or the store is missing for the moment all of it is tried again, and nothing has ended', async () => {
  const { deps, add, record } = given();
  await add('one');
  const start = (): Promise<undefined> => Promise.reject(failure('Store.KeyMissing', 'no key k1 here.'));
  const away = { ...deps, executions: { ...deps.executions, start } };
  await expect(startRuns(away, asked('one'))).rejects.toMatchObject({ type: 'Store.KeyMissing' });
  expect((await record('one')).ended).toBeUndefined();
});

test('what load takes from a run is the smaller of both, stands in its record, and is the same when it is asked again', async () => {
  const { deps, begun, executions, add, record } = given();
  await add('one');
  const step = { above: 0.5, limits: { turns: 4, tokens: 900, usd: 1 }, sync: 'async' as const };
  const { usd: _, ...limits } = step.limits;
  const request = { tells: 't', runs: [{ run: 'one', step: { ...step, limits } }], queue };
  await startRuns(deps, request);
  executions.clear();
  await startRuns(deps, { ...request, runs: [{ run: 'one', step: { above: 0.9, limits: { turns: 1 } } }] });
  expect(begun.map(({ input }) => input.plan.limits)).toEqual([
    { ...manifest.plan.limits, turns: 4, tokens: 500 },
    { ...manifest.plan.limits, turns: 4, tokens: 500 },
  ]);
  expect((await record('one')).degraded).toEqual({ above: 0.5, limits });
});

test('another route is another release, made of the same one, which whoever has its code can run', async () => {
  const { deps, store, begun, add, record } = given();
  await add('one');
  const step = { above: 0.7, route: ['test/cheap'] };
  await startRuns(deps, { tells: 't', runs: [{ run: 'one', step }], queue });
  const { release: taken, degraded } = await record('one');
  expect(degraded).toEqual(step);
  expect(begun[0]?.input.release).toBe(taken);
  const toolStore = directToolStore(store);
  expect(await readManifest({ toolStore }, 'teller', taken)).toEqual({
    ...manifest,
    ...{ model: { route: ['test/cheap'], parameters: {} }, degradedFrom: release },
  });
  const [agent] = [defineAgent({ name: 'teller', instructions: 'Tell.' })];
  const agents = createAgentRegistry({ strict: true });
  agents.replaceAll([{ agent, manifest, release }]);
  const pinned = await requireAgent({ agents, toolStore }, { agent: 'teller', release: taken });
  expect(pinned).toMatchObject({
    release: taken,
    codeRelease: release,
    manifest: { model: { route: ['test/cheap'] } },
  });
  await expect(requireAgent({ agents, toolStore }, { agent: 'other', release })).rejects.toMatchObject({
    type: 'Release.NotLoaded',
  });
});

test('a strict worker runs no release with the code of another: the call is left to a worker that has it, and the run waits', async () => {
  const { store } = given();
  const toolStore = directToolStore(store);
  const agents = createAgentRegistry({ strict: true });
  const agent = defineAgent({ name: 'teller', instructions: 'Tell.' });
  agents.replaceAll([{ agent, manifest, release: 'f'.repeat(64) }]);
  await expect(requireAgent({ agents, toolStore }, { agent: 'teller', release })).rejects.toMatchObject({
    ...{ type: 'Release.CodeElsewhere', nonRetryable: false },
    message: expect.stringMatching(/^this worker has the code of release ffffffffffff of "teller"/) as string,
  });
  expect(consequenceOf('Release.CodeElsewhere')).toBe('wait');
});

test('of runs that nobody heard of, the store tells an end, then Temporal; one that was terminated or deleted is recorded', async () => {
  const { deps, executions, add, record } = given();
  for (const id of ['runs', 'recorded', 'terminated', 'deleted', 'completed']) await add(id);
  executions.set('runs', 'open');
  executions.set('completed', 'completed');
  executions.set('terminated', {
    ...{ at: 7_000, firstRunId: 'f', outcome: 'cancelled' },
    failure: { type: 'Run.Cancelled', message: 'terminated: by hand' },
  });
  await endWaiting(deps, {
    queue,
    runs: [{ run: 'recorded', at: 5_000, outcome: 'failed', failure: { type: 'Queue.Expired', message: 'over' } }],
  });
  const { ended } = await reconcileRuns(deps, {
    runs: ['runs', 'recorded', 'terminated', 'deleted', 'completed'],
    queue,
  });
  expect(ended.map(({ run, outcome, endedAt }) => [run, outcome, endedAt])).toEqual([
    ['recorded', 'failed', 5_000],
    ['terminated', 'cancelled', 7_000],
    ['deleted', 'cancelled', 9_000],
    ['completed', 'completed', 9_000],
  ]);
  expect((await record('terminated')).ended).toMatchObject({ outcome: 'cancelled', at: 7_000, firstRunId: 'f' });
  expect((await record('deleted')).ended?.failure?.message).toBe('it was deleted from Temporal.');
  expect((await record('runs')).ended).toBeUndefined();
});

test('a run that goes on all the same is not said to have expired', async () => {
  const { deps, executions, add, record } = given();
  await add('one');
  executions.set('one', 'open');
  const end = {
    run: 'one',
    at: 5_000,
    outcome: 'failed',
    failure: { type: 'Queue.Expired', message: 'over' },
  } as const;
  await endWaiting(deps, { runs: [end], queue });
  expect((await record('one')).ended).toBeUndefined();
});

test('what is seen of a queue is counted: how many wait, which begin with less, which leave', async () => {
  const { deps, add } = given();
  for (const id of ['one', 'two', 'three']) await add(id);
  const { queueSeen, registry } = createMetrics();
  const counted = { ...deps, queueSeen };
  const step = { above: 0.5, limits: { turns: 2 } };
  await startRuns(counted, { tells: 't', runs: [{ run: 'one' }, { run: 'two', step }], queue });
  const failure = { type: 'Queue.Expired', message: 'over' } as const;
  const left = { run: 'three', at: 5_000, outcome: 'failed', failure } as const;
  await endWaiting(counted, { runs: [left], queue: { ...queue, waiting: 2 } });
  const text = await registry.metrics();
  expect(text).toContain('agent_queue_waiting{queue="line",shard="0"} 2');
  expect(text).toContain('agent_queue_running{queue="line",shard="0"} 1');
  expect(text).toContain('agent_queue_begun_total{queue="line",degraded="no"} 1');
  expect(text).toContain('agent_queue_begun_total{queue="line",degraded="yes"} 1');
  expect(text).toContain('agent_queue_left_total{queue="line",failure="Queue.Expired"} 1');
});

test('a queue that a worker has seen nothing of for minutes is not shown at its last value; seen again it is', async () => {
  const registry = new Registry();
  let now = 0;
  const { queueSeen } = runQueueMetrics([registry], () => now);
  queueSeen({ ...queue, queue: 'left' });
  now += 120_000;
  queueSeen(queue);
  expect(await registry.metrics()).toContain('agent_queue_running{queue="left",shard="0"} 1');
  now += 60_000;
  const text = await registry.metrics();
  expect(text).not.toContain('queue="left"');
  expect(text).toContain('agent_queue_waiting{queue="line",shard="0"} 3');
  queueSeen({ ...queue, queue: 'left', running: 2 });
  expect(await registry.metrics()).toContain('agent_queue_running{queue="left",shard="0"} 2');
});
