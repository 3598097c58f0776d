// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. Sessions: conversations of many messages, each
// answered by a run of its own, whatever comes while one is being answered.
import { defineSearchAttributeKey } from '@temporalio/common';
import { z } from 'zod';
import { defineAgent, defineTool } from '../../activities/define';
import { MAIL_PREFIX } from '../../activities/store/ref-names';
import type { ContentStore } from '../../activities/store';
import { createAgentClient, type AgentClient } from '../../client/agent-client';
import { ClientError } from '../../client/errors';
import { sessionWorkflowId } from '../../workflows/contract/names';
import type { Message } from '../../workflows/contract/message';
import type { SendAnswer, SendRequest } from '../../workflows/contract/session';
import type { Respond } from '../kit/model-server';
import { createHolds } from '../stack/holds';
import { useStack } from '../stack/use-stack';

jest.setTimeout(120_000);

const note = defineTool({
  name: 'note',
  description: 'Notes something.',
  input: z.object({ text: z.string() }),
  output: z.string(),
  effect: 'read',
  run: ({ text }) => `noted ${text}`,
});
const about = { instructions: 'Talk.', mode: 'session', tools: [note] } as const;
const friend = defineAgent({ name: 'friend', ...about });
const small = defineAgent({ name: 'small', ...about, session: { mailbox: 1 } });
const strict = defineAgent({ name: 'strict', ...about, session: { onBusy: 'reject' } });
const hasty = defineAgent({ name: 'hasty', ...about, session: { onBusy: 'interrupt' } });
const listening = defineAgent({ name: 'listening', ...about, session: { onBusy: 'steer' } });
const brief = defineAgent({ name: 'brief', ...about, session: { idle: '1s' } });
const orders = defineAgent({
  ...{ name: 'orders', instructions: 'Answer.', mode: 'session' },
  input: z.object({ order: z.string().min(1) }),
  output: z.object({ state: z.string() }),
});
const single = defineAgent({ name: 'single', instructions: 'Answer.' });

const used = useStack({}, { agents: [friend, small, strict, hasty, listening, brief, orders, single] });

/** Requests wait here until a test lets them go on, by the text that was said last. */
const { hold, pass, clear } = createHolds();

const respond: Respond = async ({ messages }) => {
  const said = messages.filter(({ role }) => role === 'user').map(({ text }) => text);
  const last = said.at(-1) ?? '';
  const newest = messages.at(-1);
  if (newest?.role === 'user' || newest?.role === 'tool') await pass(newest.text);
  if (last.startsWith('{')) return { text: JSON.stringify({ state: `sent, ${said.length}` }) };
  if (last.startsWith('note ') && newest?.role === 'user') return { calls: [{ name: 'note', args: { text: last } }] };
  return { text: `${said.length}: ${last}` };
};
beforeEach(() => {
  clear();
  used.model.setRespond(respond);
});

const textOf = ({ role, parts }: Message): string =>
  `${role} ${parts.map((part) => (part.type === 'text' ? part.text : part.type)).join()}`;
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'taken',
    (error: unknown) => (ClientError.isInstance(error) ? `${error.code}: ${error.message}` : String(error)),
  );
const friendOf = (id: string) => used.stack.client.agent<typeof friend>('friend').session(id);

test('a conversation goes on from message to message; each is answered by a run of its own, with what was said before it', async () => {
  const session = friendOf('talk');
  const runs = [];
  for (const [nth, text] of ['hello', 'note this', 'bye'].entries()) {
    const run = await session.send(text, { id: `m${nth}` });
    expect(await run.result()).toMatchObject({ outcome: 'completed', output: `${nth + 1}: ${text}` });
    runs.push(run);
  }
  expect(runs.map(({ id }) => id)).toEqual(['talk/m0', 'talk/m1', 'talk/m2']);
  const whole = [
    ...['user hello', 'assistant 1: hello', 'user note this', 'assistant tool-call', 'tool noted note this'],
    ...['assistant 2: note this', 'user bye', 'assistant 3: bye'],
  ];
  expect((await runs[2]?.transcript())?.map(textOf)).toEqual(whole);
  expect((await runs[1]?.transcript())?.map(textOf)).toEqual(whole.slice(0, 6));
  await until(async () => (await session.info()).answered === 3);
  expect((await session.transcript()).map(textOf)).toEqual(whole);
  expect(await session.info()).toMatchObject({ status: 'idle', waiting: [], reached: { length: 8 } });
  // What each of them used is its own.
  const records = await Promise.all(runs.map((run) => run.record()));
  expect(records.map(({ ended }) => ended?.totals.turns)).toEqual([1, 2, 1]);
  expect(records.map(({ session: of, ended }) => [of, ended?.length])).toEqual([
    ...[
      ['talk', 2],
      ['talk', 6],
      ['talk', 8],
    ],
  ]);
  // What is said is in no history, but for its beginning.
  expect(await used.stack.store.listRefs(MAIL_PREFIX)).toEqual([]);
});

test('input and output are those of the agent', async () => {
  const session = used.stack.client.session<typeof orders>('orders', 'shop');
  const run = await session.send({ order: 'A-1' });
  const result = await run.result();
  expect(result.outcome === 'completed' && result.output.state).toBe('sent, 1');
  expect(await codeOf(session.send({ order: '' }))).toMatch(/^invalid-input/);
  expect(await codeOf(used.stack.client.session<typeof single>('single', 'x').send('hello'))).toBe(
    'invalid-input: agent single has no sessions: its mode is not "session".',
  );
});

test('a message that is sent again is answered once, while it waits, is answered, was answered, and after a continue-as-new', async () => {
  const session = friendOf('again');
  const gate = hold('one');
  const first = await session.send('one', { id: 'a' });
  await gate.arrived;
  const [second, ...repeats] = await Promise.all([
    session.send('two', { id: 'b' }),
    ...['a', 'b', 'a', 'b'].map((id) => session.send(id === 'a' ? 'one' : 'two', { id })),
  ]);
  expect(repeats.map(({ id, repeated }) => `${id} ${repeated}`)).toEqual(
    expect.arrayContaining(['again/a true', 'again/b true']),
  );
  expect(await codeOf(session.send('other', { id: 'a' }))).toMatch(
    /^refused: .*was sent before and said something else/,
  );
  gate.letGo();
  await Promise.all([first.result(), second?.result()]);
  const execution = await leaveHistory('again', (nth) => session.send('one', { id: 'a' }).then(() => nth));
  expect(execution.before).not.toBe(execution.after);
  const late = await session.send('one', { id: 'a' });
  expect(late).toMatchObject({ id: 'again/a', repeated: true, state: 'answered' });
  expect((await session.transcript()).map(textOf)).toEqual([
    ...['user one', 'assistant 1: one', 'user two', 'assistant 2: two'],
  ]);
  expect(await session.info()).toMatchObject({ answered: 2 });
  const next = await session.send('three', { id: 'c' });
  expect(await next.result()).toMatchObject({ output: '3: three' });
});

/** Sends until the session goes on as new. */
async function leaveHistory(
  session: string,
  send: (nth: number) => Promise<unknown>,
): Promise<{ before: string; after: string }> {
  const handle = used.stack.temporal.workflow.getHandle(sessionWorkflowId(session));
  const { runId: before } = await handle.describe();
  for (let nth = 0; ; nth += 1) {
    await Promise.all(Array.from({ length: 4 }, (_, at) => send(4 * nth + at)));
    const { runId: after } = await handle.describe();
    if (after !== before) return { before, after };
  }
}

test('a run that is under way while the session goes on as new is followed to its end', async () => {
  const session = friendOf('long');
  const gate = hold('slow');
  const run = await session.send('slow', { id: 'slow' });
  await gate.arrived;
  await leaveHistory('long', () => session.send('slow', { id: 'slow' }));
  const next = await session.send('next', { id: 'next' });
  expect(next).toMatchObject({ state: 'waiting', position: 1 });
  gate.letGo();
  expect(await run.result()).toMatchObject({ output: '1: slow' });
  expect(await next.result()).toMatchObject({ output: '2: next' });
});

test('a full mailbox refuses for the moment, by a code of its own, and leaves nothing behind', async () => {
  const session = used.stack.client.session<typeof small>('small', 'full');
  const gate = hold('one');
  await session.send('one', { id: 'a' });
  await gate.arrived;
  const second = await session.send('two', { id: 'b' });
  expect(await codeOf(session.send('three', { id: 'c' }))).toMatch(/^busy: session full: 1 messages wait already/);
  const kept = (await used.stack.store.listRefs(MAIL_PREFIX)).map(({ name }) => name);
  expect(kept).toEqual(['mail/full/b']);
  gate.letGo();
  expect(await second.result()).toMatchObject({ output: '2: two' });
  expect(await (await session.send('three', { id: 'c' })).result()).toMatchObject({ output: '3: three' });
});

test('reject refuses while it is busy', async () => {
  const session = used.stack.client.session<typeof strict>('strict', 'busy');
  const gate = hold('one');
  const first = await session.send('one', { id: 'a' });
  await gate.arrived;
  expect(await codeOf(session.send('two', { id: 'b' }))).toMatch(/^busy: .*is answering another message/);
  gate.letGo();
  await first.result();
  await until(async () => (await session.info()).status === 'idle');
  expect(await (await session.send('two', { id: 'b' })).result()).toMatchObject({ output: '2: two' });
});

test('interrupt ends what is being answered, says why, and goes on from where that came to', async () => {
  const session = used.stack.client.session<typeof hasty>('hasty', 'haste');
  const gate = hold('noted note one');
  const first = await session.send('note one', { id: 'a' });
  await gate.arrived;
  const second = await session.send('two', { id: 'b' });
  const result = await first.result();
  expect(result).toMatchObject({ outcome: 'cancelled', failure: { type: 'Run.Cancelled' } });
  expect(result.outcome !== 'completed' && result.failure.message).toContain('a newer message of its session came: b');
  expect(await second.result()).toMatchObject({ output: '2: two' });
  expect((await second.transcript()).map(textOf)).toEqual([
    ...['user note one', 'assistant tool-call', 'tool noted note one', 'user two', 'assistant 2: two'],
  ]);
});

test('steer tells the run under way, which answers both; said again it is not told again', async () => {
  const session = used.stack.client.session<typeof listening>('listening', 'steer');
  const gate = hold('one');
  const first = await session.send('one', { id: 'a' });
  await gate.arrived;
  const told = await Promise.all(['b', 'b', 'b'].map((id) => session.send('two', { id })));
  expect(told.map(({ id, state }) => `${id} ${state}`)).toEqual(Array(3).fill('steer/a joined'));
  // Another message may say the same.
  expect(await session.send('two', { id: 'again' })).toMatchObject({ state: 'joined' });
  gate.letGo();
  expect(await first.result()).toMatchObject({ output: '3: two' });
  expect((await first.transcript()).map(textOf)).toEqual([
    ...['user one', 'assistant 1: one', 'user two', 'user two', 'assistant 3: two'],
  ]);
  const third = await session.send('three', { id: 'c' });
  expect(await third.result()).toMatchObject({ output: '4: three' });
});

test('paused it takes messages and answers none; retired it takes none, answers what it has taken, and is over', async () => {
  const session = friendOf('life');
  await (await session.send('one')).result();
  await session.pause('the shop is closed');
  await until(async () => (await session.info()).status === 'paused');
  const second = await session.send('two', { id: 'b' });
  expect(second).toMatchObject({ state: 'waiting' });
  expect(await codeOf(second.cancel())).toBe(
    'refused: run "life/b" waits in the mailbox of session "life" and has not begun: it hears nothing yet.',
  );
  expect(await session.info()).toMatchObject({ reason: 'the shop is closed', waiting: [{ id: 'b', preview: 'two' }] });
  await expect(second.result({ signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ name: 'TimeoutError' });
  await session.resume();
  expect(await second.result()).toMatchObject({ output: '2: two' });
  const later = await session.send('later', { id: 'later', after: '1h' });
  expect(later).toMatchObject({ state: 'later' });
  const gate = hold('three');
  const third = await session.send('three', { id: 'c' });
  await gate.arrived;
  await session.retire('it moved');
  expect(await codeOf(session.send('four'))).toMatch(/^refused: session life: the session is retired: it moved/);
  gate.letGo();
  expect(await third.result()).toMatchObject({ output: '3: three' });
  expect(await later.result()).toMatchObject({ outcome: 'cancelled' });
  await until(async () => (await session.info()).status === 'retired');
  expect(await codeOf(session.send('five'))).toMatch(/^refused: session life is retired/);
  // Sent again, because the caller does not know that it was taken.
  const again = await session.send('two', { id: 'b' });
  expect(again).toMatchObject({ id: 'life/b', state: 'answered', repeated: true });
  expect(await again.result()).toMatchObject({ output: '2: two' });
  expect(await codeOf(session.send('other', { id: 'b' }))).toMatch(
    /^refused: .* said something else; and it is retired/,
  );
  expect(await session.transcript()).toHaveLength(6);
});

test('it falls asleep, and the next message wakes it where it was; nothing of it is open meanwhile', async () => {
  const session = used.stack.client.session<typeof brief>('brief', 'nap');
  await (await session.send('one', { id: 'a' })).result();
  const handle = used.stack.temporal.workflow.getHandle(sessionWorkflowId('nap'));
  expect(await handle.result()).toMatchObject({ status: 'asleep', answered: 1 });
  expect(await session.info()).toMatchObject({ status: 'asleep', reached: { length: 2 } });
  // It has forgotten the ids that it knew; the run of the message has not.
  await (await session.send('one', { id: 'a' })).result();
  expect(await (await session.send('two', { id: 'b' })).result()).toMatchObject({ output: '2: two' });
  // Whatever wakes it, it is found as before.
  await handle.result();
  await session.pause('for now');
  expect(await session.info()).toMatchObject({ status: 'paused', reason: 'for now', answered: 3 });
  const { typedSearchAttributes: found } = await handle.describe();
  expect(
    ['AgentName', 'TenantId', 'SessionId'].map((name) => found.get(defineSearchAttributeKey(name, 'KEYWORD'))),
  ).toEqual([...['brief', 'acme', 'nap']]);
});

test('a message for a later time is answered then, in the order of the times', async () => {
  const session = friendOf('times');
  const later = await session.send('later', { id: 'later', after: '2s' });
  const sooner = await session.send('sooner', { id: 'sooner', at: new Date(Date.now() + 500) });
  expect(await (await session.send('now', { id: 'now' })).result()).toMatchObject({ output: '1: now' });
  expect(await sooner.result()).toMatchObject({ output: '2: sooner' });
  expect(await later.result()).toMatchObject({ output: '3: later' });
});

test('cancelled by plain Temporal it stops its run and tells of every message that waits; the next begins it where it was', async () => {
  const session = friendOf('stopped');
  await (await session.send('one', { id: 'a' })).result();
  const gate = hold('two');
  const second = await session.send('two', { id: 'b' });
  await gate.arrived;
  const waiting = await session.send('three', { id: 'c' });
  const later = await session.send('later', { id: 'd', after: '1h' });
  const handle = used.stack.temporal.workflow.getHandle(sessionWorkflowId('stopped'));
  await handle.cancel();
  await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  const results = await Promise.all([second, waiting, later].map((run) => run.result()));
  const told = results.map((result) => result.outcome !== 'completed' && result.failure.message);
  expect(results.map(({ outcome }) => outcome)).toEqual(Array(3).fill('cancelled'));
  expect(told[0]).toContain('the session was cancelled');
  expect(told.slice(1)).toEqual(Array(2).fill('the session was cancelled: send it again, by another id'));
  expect((await used.stack.store.listRefs(MAIL_PREFIX)).filter(({ name }) => name.includes('stopped'))).toEqual([]);
  expect(await session.info()).toMatchObject({ status: 'asleep', answered: 4 });
  expect(await (await session.send('five', { id: 'e' })).result()).toMatchObject({ output: '3: five' });
});

/** A caller of the same sessions, to whom something happens when a message is stored and not yet sent. */
function delayedClient(happens: () => Promise<void>): AgentClient {
  const { store, temporal } = used.stack;
  const delayed = (one: ContentStore): ContentStore => ({
    ...one,
    of: (tenant) => delayed(one.of(tenant)),
    commit: async (writes) => {
      const committed = await one.commit(writes);
      await happens();
      return committed;
    },
  });
  return createAgentClient({ temporal, store: delayed(store), taskQueue: 'agents', tenant: 'acme' });
}

test('a session that goes on and ends while a message is on its way goes on from there', async () => {
  const session = friendOf('passed');
  await (await session.send('one')).result();
  const handle = used.stack.temporal.workflow.getHandle(sessionWorkflowId('passed'));
  const sender = delayedClient(async () => {
    await (await session.send('two')).result();
    await until(async () => (await session.info()).answered === 2);
    await handle.cancel();
    await handle.result().catch(() => undefined);
  });
  const third = await sender.agent<typeof friend>('friend').session('passed').send('three');
  expect(await third.result()).toMatchObject({ output: '3: three' });
});

test('one that is retired meanwhile stays so, and nothing of the message stays', async () => {
  const session = friendOf('left');
  await (await session.send('one')).result();
  const handle = used.stack.temporal.workflow.getHandle(sessionWorkflowId('left'));
  const sender = delayedClient(async () => {
    await session.retire();
    await handle.result();
  });
  const sent = sender.agent<typeof friend>('friend').session('left').send('two');
  expect(await codeOf(sent)).toBe('refused: session left is retired: it takes no message.');
  expect((await used.stack.store.listRefs(MAIL_PREFIX)).filter(({ name }) => name.includes('/left/'))).toEqual([]);
  expect((await handle.describe()).status.name).toBe('COMPLETED');
});

test('what was said to a run that is cancelled stays said; of one that is terminated from outside the session learns', async () => {
  const session = friendOf('fails');
  await (await session.send('one')).result();
  const gate = hold('two');
  const second = await session.send('two', { id: 'b' });
  await gate.arrived;
  await second.cancel('not this');
  expect(await second.result()).toMatchObject({ outcome: 'cancelled' });
  expect(await (await session.send('three')).result()).toMatchObject({ output: '3: three' });
  const other = hold('four');
  const fourth = await session.send('four', { id: 'd' });
  await other.arrived;
  await used.stack.temporal.workflow.getHandle(fourth.id).terminate('by hand');
  const fifth = await session.send('five', { id: 'e' });
  expect(fifth).toMatchObject({ state: 'waiting', position: 1 });
  const result = await fifth.result();
  expect(result.outcome === 'completed' && result.output).toMatch(/: five$/);
  expect(await fourth.record()).toMatchObject({ ended: { outcome: 'cancelled' } });
});

test('a time that is no Date, and a wake without a name, are refused in words of their own', async () => {
  const session = friendOf('nonsense');
  const send = (text: string, options: object) => session.send(text, options);
  expect(await codeOf(send('one', { at: '2027-01-31' }))).toMatch(/^invalid-input: at: give a Date/);
  expect(await codeOf(session.wake('one', { name: '', every: '1h' }))).toMatch(
    /^invalid-input: the name of what wakes it/,
  );
});

test('another agent or tenant finds no such session, by the library and by plain Temporal', async () => {
  const session = friendOf('mine');
  await (await session.send('one', { id: 'a' })).result();
  const { client, temporal } = used.stack;
  const elsewhere = client.agent<typeof friend>('friend').session('mine', { tenant: 'other' });
  expect(await codeOf(elsewhere.send('two'))).toBe('session-not-found: there is no session "mine" of agent friend.');
  expect(await codeOf(elsewhere.info())).toMatch(/^session-not-found/);
  expect(await codeOf(client.session<typeof hasty>('hasty', 'mine').send('two'))).toMatch(/^session-not-found/);
  expect(await codeOf(friendOf('nobody').info())).toMatch(/^session-not-found/);
  const plain = (request: Partial<SendRequest>) =>
    temporal.workflow
      .getHandle(sessionWorkflowId('mine'))
      .executeUpdate<SendAnswer, [Partial<SendRequest>]>('send', { args: [request] });
  await expect(plain({ id: 'x' })).rejects.toMatchObject({ cause: { type: 'Session.BadMessage' } });
  expect(await codeOf(Promise.resolve().then(() => friendOf('a/b')))).toMatch(/^invalid-input: a session id has no/);
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it did not come to that.');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
