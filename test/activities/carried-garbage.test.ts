// Needs: nothing but Node. What runs, sessions and queues carry is stored, however long they wait: two collections a day apart free none of it.
import { z } from 'zod';
import { beginSessionRun } from '../../activities/control/begin-session-run';
import type { ControlDeps } from '../../activities/control/control-deps';
import { keepSession } from '../../activities/control/keep-session';
import { startRuns } from '../../activities/control/start-runs';
import { callModel } from '../../activities/call-model';
import { callTool } from '../../activities/call-tool';
import { compactContext } from '../../activities/compact-context';
import { defineAgent, defineTool, type AnyAgent } from '../../activities/define';
import { canonicalJson, encodeMessage } from '../../activities/store';
import { createRunRecord } from '../../activities/store/create-run-record';
import { collectGarbage, GRACE_MS } from '../../activities/store/garbage/collect-garbage';
import { mailName, runRecordName } from '../../activities/store/ref-names';
import { tellToolFailure } from '../../activities/tell-tool-failure';
import type { CallModelResult } from '../../workflows/contract/activities';
import { COMPACTION_INDEX } from '../../workflows/contract/context';
import type { MessageHead } from '../../workflows/contract/message';
import type { CarriedState } from '../../workflows/contract/run';
import type { CallToolResult, ToolWait } from '../../workflows/contract/tool-call';
import { sessionRunId } from '../../workflows/contract/names';
import type { QueueState } from '../../workflows/contract/queue';
import type { Mail, SessionInput, SessionState } from '../../workflows/contract/session';
import { enqueue, newQueue, takeNext as nextOfQueue, withdraw } from '../../workflows/queue/queue';
import { take } from '../../workflows/session/mailbox';
import { newSession, pauseSession, settle, takeBegun, takeNext } from '../../workflows/session/session-state';
import { attempt, given, key, text, type Answer } from './given';

/** Each field of what is carried, so that a new one is thought of here. */
const HASHES: { [K in keyof Required<CarriedState>]: (state: CarriedState) => string[] } = {
  schemaVersion: () => [],
  startedAt: () => [],
  turn: () => [],
  head: ({ head }) => (head === null ? [] : [head]),
  length: () => [],
  append: ({ append }) => append.map(({ hash }) => hash),
  badAnswersInARow: () => [],
  totals: () => [],
  steps: () => [],
  lastSeq: () => [],
  messages: ({ messages }) => messages.map(({ hash }) => hash),
  paused: () => [],
  asking: () => [],
  steered: ({ steered = [] }) => steered.map(({ hash }) => hash),
  extended: () => [],
  warned: () => [],
  lastTurn: () => [],
  tenantLeft: () => [],
  // Its release is named by the change of traffic that it goes back with, for ever.
  move: () => [],
  // A person's result, and what they wrote in place of the arguments, is named by the record of the request.
  requests: ({ requests }) => requests?.open.map(({ message }) => message) ?? [],
  calling: ({ calling }) => [
    ...(calling ? [calling.message] : []),
    ...(calling?.results ?? []).flatMap((result) => (result && result !== 'waiting' ? [result.message.hash] : [])),
  ],
};
const namedBy = (state: CarriedState): string[] => Object.values(HASHES).flatMap((hashes) => hashes(state));

const ofMail = ({ message, release }: Mail): string[] => [message, release];
const SESSION_HASHES: { [K in keyof Required<SessionState>]: (state: SessionState) => string[] } = {
  schemaVersion: () => [],
  plan: () => [],
  reached: ({ reached: { head } }) => (head === null ? [] : [head]),
  current: ({ current }) => (current ? ofMail(current.mail) : []),
  waiting: ({ waiting }) => waiting.flatMap(ofMail),
  later: ({ later }) => later.flatMap(ofMail),
  // Of what was said the beginning of its hash alone: it is compared, and not read.
  recent: () => [],
  paused: () => [],
  retiring: () => [],
  cancelled: () => [],
  full: () => [],
  answered: () => [],
  activeAt: () => [],
};

/** All that a queue carries are ids and numbers: what a run begins with is named by its record. */
const QUEUE_FIELDS: { [K in keyof Required<QueueState>]: 'ids and numbers' } = {
  queue: 'ids and numbers',
  shard: 'ids and numbers',
  settings: 'ids and numbers',
  waiting: 'ids and numbers',
  slots: 'ids and numbers',
  leaving: 'ids and numbers',
  gone: 'ids and numbers',
  turns: 'ids and numbers',
  estimates: 'ids and numbers',
  reconciledAt: 'ids and numbers',
  counts: 'ids and numbers',
};
const hashesIn = (value: unknown): Set<string> => new Set(JSON.stringify(value).match(/\b[0-9a-f]{64}\b/g));

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.object({}),
  output: z.string(),
  effect: 'read',
  run: () => 'found',
});
const render = defineTool({
  name: 'render',
  description: 'Renders elsewhere.',
  input: z.object({}),
  output: z.string(),
  effect: 'keyed',
  approval: false,
  run: () => ({ job: 'j1' }),
  poll: { started: z.object({ job: z.string() }), every: '1s', upTo: '1h', check: () => 'rendered' },
});
const worker = defineAgent({
  name: 'worker',
  instructions: 'Work.',
  tools: [look, render],
  context: { compact: { when: { messages: 6 }, keepLast: 1 } },
});

const answered = <T extends { kind: string }>(
  result: CallModelResult | T,
): Extract<CallModelResult, { kind: 'answer' }> => {
  if (result.kind !== 'answer' || !('messages' in result)) throw new Error(`no answer: ${result.kind}`);
  return result;
};
const told = (result: CallToolResult | ToolWait): CallToolResult => {
  if ('kind' in result) throw new Error(`no result: ${result.reason}`);
  return result;
};

/** A run as it stands at three moments: while a tool works elsewhere, before the model reads the results, after a compaction. */
async function moments() {
  let now = 1_000 * GRACE_MS;
  const said: Answer[] = [
    { calls: ['look', 'nothing', 'lost', 'render'].map((name) => ({ name, args: {} })) },
    { text: '' },
    { text: 'What was done.' },
  ];
  const fixture = await given(worker, () => said.shift() ?? { text: 'done' }, { now: () => now });
  const { deps, store, about, input } = fixture;
  const first: MessageHead = { hash: input.append[0] ?? '', role: 'user', preview: 'go' };
  // As the client has recorded it, with its first message.
  await store.commit({ refs: [{ op: 'put', name: runRecordName('w'), value: { input: first.hash } }] });

  const one = answered(await callModel(deps, input, attempt()));
  const message = one.messages[0]?.hash ?? '';
  const call = (at: number, poll?: true) =>
    callTool(
      deps,
      {
        ...{ ...about, key: { ...key, index: at + 1 }, name: one.toolCalls[at]?.name ?? '', message, call: at },
        ...{ input: first.hash, ...(poll ? { poll } : {}) },
      },
      attempt(),
    );
  const results = [
    told(await call(0)),
    told(await call(1)),
    await tellToolFailure(
      deps,
      {
        ...{ ...about, key: { ...key, index: 3 }, name: 'lost', message, call: 2 },
        failure: { type: 'Worker.Lost', message: 'its worker died.' },
      },
      attempt(),
    ),
  ];
  await call(3);
  const usage = { input: 0, cachedInput: 0, output: 0, reasoning: 0 };
  const placed = (heads: MessageHead[]) => heads.map((head, position) => ({ ...head, position }));
  const calling: CarriedState = {
    ...{ schemaVersion: 1, startedAt: 0, turn: 1, badAnswersInARow: 0, steps: [], lastSeq: 0 },
    totals: { turns: 1, modelCalls: 1, toolCalls: 0, reusedCalls: 0, usage },
    ...{ head: one.head, length: 2, append: [], messages: placed([first, ...one.messages]) },
    calling: { message, calls: one.toolCalls, results: [...results, 'waiting'] },
  };
  const all = async (): Promise<CarriedState> => {
    const append = [...results, told(await call(3, true))].map((result) => result.message);
    const { calling: _, ...rest } = calling;
    return { ...rest, append, messages: placed([first, ...one.messages, ...append]), paused: { reason: 'a weekend' } };
  };
  const compacted = async (state: CarriedState): Promise<CarriedState> => {
    const append = state.append.map(({ hash }) => hash);
    const asked = { ...input, base: state.head, append, key: { ...key, turn: 2 }, compacted: true as const };
    const two = answered(await callModel(deps, asked, attempt()));
    expect(two.problem).toMatchObject({ type: 'Model.EmptyAnswer' });
    const summary = await compactContext(
      deps,
      { ...about, key: { ...key, turn: 3, index: COMPACTION_INDEX }, base: two.head, append: [] },
      attempt(),
    );
    if (summary.kind !== 'compacted') throw new Error('nothing was summed up');
    const messages = placed([...state.messages, ...two.messages]);
    return { ...state, head: summary.head, length: messages.length, append: [], messages, asking: { compacted: true } };
  };
  const collectTwice = async (): Promise<void> => {
    for (const wait of [1, GRACE_MS, GRACE_MS]) {
      now += wait;
      await collectGarbage(store);
    }
  };
  return { store, calling, all, compacted, collectTwice };
}

test('of a run that is paused over days nothing is freed that it carries, wherever it stands', async () => {
  const { store, calling, all, compacted, collectTwice } = await moments();
  const nobodys = (await store.commit({ objects: [encodeMessage(text('of nobody'))] })).hashes;
  expect(calling.calling?.results).toMatchObject([
    { message: { preview: 'found' } },
    { failure: 'Tool.Unknown' },
    { failure: 'Worker.Lost' },
    'waiting',
  ]);
  const seen = new Set<string>();
  for (const next of [() => Promise.resolve(calling), all, async () => await compacted(await all())]) {
    const state = await next();
    await collectTwice();
    // Whatever looks like a hash in it is one that a field above is known to hold.
    const hashes = [...new Set(namedBy(state))];
    expect(new Set(JSON.stringify(state).match(/\b[0-9a-f]{64}\b/g))).toEqual(new Set(hashes));
    expect(await store.has(hashes)).toEqual(hashes.map(() => true));
    Object.entries(HASHES).forEach(([field, of]) => of(state).length > 0 && seen.add(field));
  }
  expect([...seen].sort()).toEqual(['append', 'calling', 'head', 'messages']);
  expect(await store.has(nobodys)).toEqual([false]);
});

/** A store whose time goes on by days, and the control activities' view of it. */
async function controlled(of: AnyAgent) {
  let now = 1_000 * GRACE_MS;
  const { store, deps, loaded } = await given(of, () => ({ text: 'well' }), { now: () => now });
  await store.commit({ objects: [canonicalJson(loaded.manifest)] });
  const started: string[] = [];
  const control: ControlDeps = {
    ...{ store, conversation: deps.conversation, taskQueue: 'agents', now: () => now },
    executions: {
      start: ({ id }) => {
        started.push(id);
        return Promise.resolve(undefined);
      },
      endOf: () => Promise.resolve('open'),
      steer: () => Promise.resolve(false),
      enqueue: () => Promise.reject(new Error('no queue is here')),
      withdraw: () => Promise.resolve('unknown'),
      tell: () => Promise.resolve(),
      send: () => Promise.reject(new Error('nobody is here')),
    },
  };
  const collectTwice = async (): Promise<void> => {
    for (const wait of [1, GRACE_MS, GRACE_MS]) {
      now += wait;
      await collectGarbage(store);
    }
  };
  return { store, control, started, release: loaded.release, collectTwice, now: () => now };
}

test('of a session that is paused over days nothing is freed that it carries: what is answered, what waits, what is for later', async () => {
  const about = { session: 's', agent: 'friend', tenant: 't' };
  const plan = { onBusy: 'enqueue' as const, mailbox: 10, idleMs: 1_000 };
  const friend = defineAgent({ name: 'friend', instructions: 'Talk.', mode: 'session' });
  const { store, control, release, collectTwice, now } = await controlled(friend);
  const input: SessionInput = { schemaVersion: 1, ...about, plan };
  const state = newSession(input, now());
  const send = async (id: string, afterMs?: number): Promise<void> => {
    const bytes = encodeMessage(text(id));
    const message = store.nameOf(bytes);
    const value = { schemaVersion: 1, message, release, at: now() };
    await store.commit({ objects: [bytes], refs: [{ op: 'put', name: mailName('s', id), value }] });
    const request = { id, run: sessionRunId('s', id), message, preview: id, release, agent: 'friend', tenant: 't' };
    take({ input, state }, { ...request, ...(afterMs === undefined ? {} : { afterMs }) }, now());
  };
  for (const id of ['one', 'two']) await send(id);
  await send('later', 30 * GRACE_MS);
  const answer = async (): Promise<void> => {
    const mail = takeNext(state);
    if (!mail) throw new Error('nobody waits');
    const begun = await beginSessionRun(control, { ...about, mail, from: state.reached, plan, answered: 0 });
    takeBegun(state, begun, now());
  };
  await answer();
  const { head, objects } = control.conversation.extend(null, [state.current?.mail.message ?? '']);
  await store.commit({ objects });
  const ended = { run: 's/one', outcome: 'completed' as const, head, length: 1 };
  const kept = { ...about, plan, from: state.reached, ended, status: 'open' as const, answered: 0 };
  settle(state, await keepSession(control, kept), now());
  await send('three');
  await answer();
  pauseSession(state, { reason: 'a weekend' });
  const carried: SessionState = JSON.parse(JSON.stringify(state)) as SessionState;
  await collectTwice();
  const hashes = Object.values(SESSION_HASHES).flatMap((of) => of(carried));
  expect(hashesIn(carried)).toEqual(new Set(hashes));
  expect(Object.entries(SESSION_HASHES).flatMap(([field, of]) => (of(carried).length > 0 ? [field] : []))).toEqual([
    'reached',
    'current',
    'waiting',
    'later',
  ]);
  expect(await store.has(hashes)).toEqual(hashes.map(() => true));
});

test('a queue carries no content, and a run that has waited in it for days is started with all that it was recorded with', async () => {
  const said = encodeMessage(text('go'));
  const { store, control, started, release, collectTwice, now } = await controlled(worker);
  const record = {
    ...{ schemaVersion: 1 as const, agent: 'worker', release, tenant: 't', tags: [], question: 'go' },
    ...{
      input: store.nameOf(said),
      startedAt: now(),
      queue: { name: 'line', workflow: 'queue/agents/line/0', asked: 1 },
    },
  };
  const settings = { version: 1, depth: 10, concurrency: 1, ttlMs: 30 * GRACE_MS, weights: {}, shards: 1, degrade: [] };
  const state = newQueue({ queue: 'line', shard: 0, settings });
  for (const id of ['first', 'second', 'third']) {
    await createRunRecord(store, { ...record, id }, { objects: [said] });
    enqueue(state, { settings, items: [{ run: id, tenant: 't', priority: 'normal' }] }, now());
  }
  nextOfQueue(state, now());
  withdraw(state, { run: 'third', failure: { type: 'Run.Cancelled', message: 'not any more' } }, now());
  const carried: QueueState = JSON.parse(JSON.stringify(state)) as QueueState;
  expect(Object.keys(QUEUE_FIELDS).sort()).toEqual(Object.keys(carried).sort());
  expect(hashesIn(carried)).toEqual(new Set());
  await collectTwice();
  const queue = { queue: 'line', shard: 0, waiting: 1, running: 1 };
  const { runs } = await startRuns(control, { tells: record.queue.workflow, runs: [{ run: 'second' }], queue });
  expect(runs).toEqual([{ run: 'second', kind: 'started' }]);
  expect(started).toEqual(['second']);
});
