// Needs: nothing but Node. What a session begins its runs with, where it goes on after each, and that nothing that it carries is garbage. In
// place of Temporal stands a list of what was started.
import { callModel } from '../../activities/call-model';
import { beginSessionRun } from '../../activities/control/begin-session-run';
import type { ControlDeps, RunStart, ToldEnd } from '../../activities/control/control-deps';
import { dropMessages } from '../../activities/control/drop-messages';
import { findRunEnd } from '../../activities/control/find-run-end';
import { keepSession } from '../../activities/control/keep-session';
import { wholeLength } from '../../activities/control/session-conversation';
import { defineAgent } from '../../activities/define';
import { endRun } from '../../activities/end-run';
import { createConversation, encodeMessage } from '../../activities/store';
import { collectGarbage, GRACE_MS } from '../../activities/store/garbage/collect-garbage';
import {
  agentPointerName,
  chainsOf,
  mailName,
  runRecordName,
  sessionRecordName,
} from '../../activities/store/ref-names';
import { canonicalJson } from '../../activities/store/canonical-json';
import { deleteRunRefs } from '../../client/cli/run-refs';
import { createRunRecord } from '../../activities/store/create-run-record';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import type { AssistantMessage, Message } from '../../workflows/contract/message';
import { sessionRunId } from '../../workflows/contract/names';
import type { BeginSessionRunInput, Mail, Reached } from '../../workflows/contract/session';
import { attempt, given, key, text } from './given';

const agent = defineAgent({ name: 'friend', instructions: 'Talk.', mode: 'session' });
const NOTHING: Reached = { head: null, length: 0 };
const session = 's';

async function world() {
  let now = 1_000 * GRACE_MS;
  const fixture = await given(agent, () => ({ text: 'well' }), { now: () => now });
  const { store, deps, loaded, about } = fixture;
  const started: RunStart[] = [];
  let told: ToldEnd | 'open' | 'unknown' | 'completed' = 'open';
  const control: ControlDeps = {
    ...{ store, conversation: deps.conversation, taskQueue: 'agents', now: () => now },
    executions: {
      start: (run) => {
        started.push(run);
        return Promise.resolve(undefined);
      },
      endOf: () => Promise.resolve(told),
      steer: () => Promise.resolve(false),
      enqueue: () => Promise.reject(new Error('no queue is here')),
      withdraw: () => Promise.resolve('unknown'),
      tell: () => Promise.resolve(),
      send: () => Promise.reject(new Error('nobody is here')),
    },
  };
  const publish = async (release: string): Promise<void> => {
    const value = { agent: agent.name, release, at: now };
    await store.commit({ refs: [{ op: 'put', name: agentPointerName(agent.name), value }] });
  };
  await store.commit({ objects: [canonicalJson(loaded.manifest)] });
  await publish(loaded.release);
  const mailed = async (id: string): Promise<Mail> => {
    const bytes = encodeMessage(text(id));
    const message = store.nameOf(bytes);
    const value = { schemaVersion: 1, message, release: loaded.release, at: now };
    await store.commit({ objects: [bytes], refs: [{ op: 'put', name: mailName(session, id), value }] });
    const run = sessionRunId(session, id);
    return { id, run, message, preview: id, release: loaded.release, sentAt: now };
  };
  const context = { session, agent: agent.name, tenant: 't' };
  const plan = { onBusy: 'enqueue' as const, mailbox: 100, idleMs: 1_000 };
  const inputOf = (mail: Mail, from: Reached): BeginSessionRunInput => ({ ...context, mail, from, plan, answered: 0 });
  /** One model call, and its end, as the run's own activities make them. */
  const answer = async (mail: Mail, { head, length }: Reached): Promise<{ head: string; length: number }> => {
    const of = { ...attempt(), workflowId: mail.run, runId: `first-${mail.id}` };
    const run = { ...key, run: of.runId };
    const said = await callModel(deps, { ...about, key: run, base: head, append: [mail.message] }, of);
    if (said.kind !== 'answer') throw new Error(`no answer: ${said.kind}`);
    const totals = { turns: 1, modelCalls: 1, toolCalls: 0, reusedCalls: 0, usage: said.usage };
    const result = { schemaVersion: 1 as const, outcome: 'completed' as const, length: length + 2, totals };
    await endRun(deps, { ...about, key: run, base: said.head, append: [], result }, of);
    return { head: said.head, length: length + 2 };
  };
  const collectTwice = async (): Promise<void> => {
    for (const wait of [1, GRACE_MS, GRACE_MS]) {
      now += wait;
      await collectGarbage(store);
    }
  };
  return {
    ...{ store, control, started, publish, mailed, context, plan, inputOf, answer, collectTwice, loaded },
    tell: (end: typeof told) => (told = end),
  };
}

test('a run is begun with what was said before, once, however often it is asked for', async () => {
  const { control, started, store, mailed, inputOf, answer, context, plan } = await world();
  const one = await mailed('one');
  const first = await beginSessionRun(control, inputOf(one, NOTHING));
  expect(first).toMatchObject({ kind: 'begun' });
  expect(started[0]?.input).not.toHaveProperty('carried');
  expect(started[0]).toMatchObject({ id: 's/one', input: { session: 's', tells: 'session:s' } });
  expect(await store.readRef(mailName(session, 'one'))).toBeUndefined();
  const reached = await answer(one, NOTHING);
  const ended = { run: one.run, outcome: 'completed' as const, ...reached };
  expect(await keepSession(control, { ...context, plan, from: NOTHING, ended, status: 'open', answered: 0 })).toEqual(
    reached,
  );

  const two = await mailed('two');
  await beginSessionRun(control, inputOf(two, reached));
  const again = await beginSessionRun(control, inputOf(two, reached));
  expect(again).toMatchObject({ kind: 'begun' });
  expect(started.slice(1).map(({ id, input }) => [id, input])).toEqual(
    Array(2).fill(['s/two', expect.objectContaining({ carried: expect.objectContaining({ head: reached.head }) })]),
  );
  expect(started[1]?.input.carried).toMatchObject({
    ...{ length: 2, append: [{ hash: two.message }] },
    messages: [{ preview: 'one' }, { preview: 'well' }, { preview: 'two', position: 2 }],
  });
  // Its own index, so that a worker that has seen none of it loads it in few round trips.
  expect(await store.listRefs(chainsOf('s/two'))).toHaveLength(1);
  const end = await answer(two, reached);
  expect(await beginSessionRun(control, inputOf(two, reached))).toMatchObject({ ended: { head: end.head, length: 4 } });
  expect(started).toHaveLength(3);
  // Once the session is further, it is an old message that somebody sends again.
  expect(await beginSessionRun(control, inputOf(two, end))).toEqual({ kind: 'repeated' });
});

test('the id of a run that was started otherwise is refused, and that run is left as it is', async () => {
  const { control, started, store, mailed, inputOf } = await world();
  const mail = await mailed('one');
  await beginSessionRun(control, inputOf(mail, NOTHING));
  const other = { ...(await mailed('other')), run: mail.run };
  expect(await beginSessionRun(control, inputOf(other, NOTHING))).toMatchObject({
    ...{ kind: 'refused', failure: { type: 'Session.MessageChanged' } },
  });
  expect(started).toHaveLength(1);
  expect((await store.readRef(runRecordName(mail.run)))?.value).toMatchObject({ input: mail.message });
});

test('a run that another tenant has started under the id of a message is no answer to it, whatever it says of itself', async () => {
  const { control, started, store, mailed, inputOf } = await world();
  const mail = await mailed('one');
  const record: RunRecord = {
    ...{ schemaVersion: 1, id: mail.run, agent: agent.name, release: mail.release, tenant: 'other', session, tags: [] },
    ...{ input: mail.message, question: 'one', startedAt: 1 },
  };
  await createRunRecord(store, record, { objects: [] });
  for (const known of [{ tenant: 'other' }, { tenant: 't', agent: 'stranger' }, { tenant: 't' }]) {
    await store.commit({ refs: [{ op: 'put', name: runRecordName(mail.run), value: { ...record, ...known } }] });
    expect(await beginSessionRun(control, inputOf(mail, NOTHING))).toMatchObject({ kind: 'refused' });
  }
  expect(started).toEqual([]);
});

test('nothing that a session carries is garbage: messages that wait, and what was said by runs that are forgotten', async () => {
  const { control, store, mailed, inputOf, answer, context, plan, collectTwice, publish, loaded } = await world();
  let reached = NOTHING;
  for (const id of ['one', 'two', 'three']) {
    const mail = await mailed(id);
    await beginSessionRun(control, inputOf(mail, reached));
    const ended = { run: mail.run, outcome: 'completed' as const, ...(await answer(mail, reached)) };
    reached = await keepSession(control, { ...context, plan, from: reached, ended, status: 'open', answered: 0 });
  }
  const waiting = await mailed('waits');
  for (const id of ['one', 'two', 'three']) {
    const name = runRecordName(sessionRunId(session, id));
    await deleteRunRefs(store, runRecordSchema.parse((await store.readRef(name))?.value));
    await store.deleteRef(name);
  }
  // New runs take another release by now.
  await publish('f'.repeat(64));
  await collectTwice();
  expect(await store.has([waiting.message, waiting.release])).toEqual([true, true]);
  const said = await createConversation(store).originals(reached.head ?? '', 'session:s');
  expect(said.map(({ message }) => message.parts[0])).toEqual(
    ['one', 'well', 'two', 'well', 'three', 'well'].map((content) => ({ type: 'text', text: content })),
  );
  await publish(loaded.release);
  await beginSessionRun(control, inputOf(waiting, reached));
  expect((await store.readRef(sessionRecordName(session)))?.value).toMatchObject({ head: reached.head, length: 6 });
});

test('a run that ended among tool calls leaves the session where every call has its result', async () => {
  const { control, store, mailed, inputOf, context, plan } = await world();
  const mail = await mailed('one');
  await beginSessionRun(control, inputOf(mail, NOTHING));
  const asking: AssistantMessage = {
    role: 'assistant',
    parts: [{ type: 'tool-call', call: 0, name: 'look', arguments: {} }],
  };
  const bytes = encodeMessage(asking);
  const { head, objects } = control.conversation.extend(null, [mail.message, store.nameOf(bytes)]);
  await store.commit({ objects: [bytes, ...objects] });
  const keep = (failure?: 'Run.Cancelled' | 'Model.ContentFiltered' | 'Model.ContextTooLong') =>
    keepSession(control, {
      ...{ ...context, plan, from: NOTHING, status: 'open', answered: 0 },
      ended: { run: mail.run, outcome: 'cancelled', head, length: 2, ...(failure ? { failure } : {}) },
    });
  const reached = await keep('Run.Cancelled');
  expect(reached.length).toBe(1);
  const entries = await control.conversation.load(reached.head ?? '');
  expect(entries.map(({ hash }) => hash)).toEqual([mail.message]);
  // What a provider would not read at all is not said to it again.
  expect(await keep('Model.ContentFiltered')).toEqual(NOTHING);
  // Nor what no window holds: every message that follows would fail by it.
  expect(await keep('Model.ContextTooLong')).toEqual(NOTHING);
});

test.each<[string, Message['role'][], number]>([
  ['nothing', [], 0],
  ['a question', ['user'], 1],
  ['an answer', ['user', 'assistant'], 2],
])('of %s all is whole', (_, roles, whole) => {
  const messages = roles.map((role): Message => (role === 'assistant' ? { role, parts: [] } : text('q')));
  expect(wholeLength(messages)).toBe(whole);
});

test('of two calls and one result only what came before them is whole', () => {
  const call = (at: number) => ({ type: 'tool-call' as const, call: at, name: 'look', arguments: {} });
  const result: Message = { role: 'tool', call: 0, name: 'look', outcome: 'ok', parts: [] };
  const asked: Message[] = [text('q'), { role: 'assistant', parts: [call(0), call(1)] }, result];
  expect(wholeLength(asked)).toBe(1);
  expect(wholeLength([...asked, { ...result, call: 1 }])).toBe(4);
});

test('the end of a run that told nothing is found: in its record, or by Temporal, and then its record is written', async () => {
  const { control, store, mailed, inputOf, tell } = await world();
  const mail = await mailed('one');
  await beginSessionRun(control, inputOf(mail, NOTHING));
  expect(await findRunEnd(control, mail.run)).toBeUndefined();
  tell('completed');
  expect(await findRunEnd(control, mail.run)).toBeUndefined();
  const failure = { type: 'Run.Cancelled' as const, message: 'terminated: by hand' };
  tell({ at: 7, outcome: 'cancelled', failure, firstRunId: 'r' });
  expect(await findRunEnd(control, mail.run)).toMatchObject({
    outcome: 'cancelled',
    failure: 'Run.Cancelled',
    head: null,
  });
  expect((await store.readRef(runRecordName(mail.run)))?.value).toMatchObject({ ended: { at: 7, failure } });
  tell('unknown');
  expect(await findRunEnd(control, mail.run)).toMatchObject({ outcome: 'cancelled' });
  expect(await findRunEnd(control, 's/never')).toMatchObject({ outcome: 'failed', head: null });
});

test('messages that nobody answers are recorded as cancelled, once', async () => {
  const { control, store, mailed, context } = await world();
  const mails = [await mailed('one'), await mailed('two')];
  for (const reason of ['retired', 'again']) await dropMessages(control, { ...context, mails, reason });
  for (const { id, run } of mails) {
    const { ended } = runRecordSchema.parse((await store.readRef(runRecordName(run)))?.value);
    expect(ended).toMatchObject({ outcome: 'cancelled', failure: { message: 'retired' } });
    expect(await store.readRef(mailName(session, id))).toBeUndefined();
  }
});

test('many messages that nobody answers are recorded several at a time', async () => {
  const { control, store, mailed, context } = await world();
  const mails = [];
  for (let nth = 0; nth < 25; nth += 1) mails.push(await mailed(`message ${nth}`));
  let open = 0;
  let most = 0;
  const commit: typeof store.commit = async (writes) => {
    most = Math.max(most, (open += 1));
    return await store.commit(writes).finally(() => (open -= 1));
  };
  await dropMessages({ ...control, store: { ...store, commit } }, { ...context, mails, reason: 'cancelled' });
  expect(most).toBeGreaterThan(5);
  expect(most).toBeLessThanOrEqual(10);
  for (const { run } of mails)
    expect((await store.readRef(runRecordName(run)))?.value).toMatchObject({ ended: { outcome: 'cancelled' } });
});
