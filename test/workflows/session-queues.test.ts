// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. Sessions whose runs wait for a place in a queue, beside
// runs of others.
import { defineAgent } from '../../activities/define';
import { MAIL_PREFIX, chainsOf } from '../../activities/store/ref-names';
import { QUERY_NAMES, queueId } from '../../workflows/contract/names';
import type { Message } from '../../workflows/contract/message';
import type { QueueView } from '../../workflows/contract/queue';
import type { PublishedQueue } from '../../workflows/contract/schemas/queue';
import { useStack } from '../stack/use-stack';
import { until } from '../stack/until';

jest.setTimeout(120_000);

const queue: PublishedQueue = { depth: 10, concurrency: 1, weights: {}, shards: 1, degrade: [] };
const QUEUES = {
  line: queue,
  small: { ...queue, depth: 1 },
  brief: { ...queue, ttlMs: 1_500 },
  hasty: queue,
};
type Name = keyof typeof QUEUES;
const talking = <const N extends Name>(name: N, onBusy: 'enqueue' | 'interrupt' = 'enqueue') =>
  defineAgent({ name, instructions: 'Talk.', mode: 'session', session: { onBusy }, queue: name });
const friends = [talking('line'), talking('small'), talking('brief'), talking('hasty', 'interrupt')] as const;
const others = Object.keys(QUEUES).map((name) =>
  defineAgent({ name: `other-${name}`, instructions: 'Say.', queue: name }),
);

/** Runs of others go on until they are let go; messages of sessions are answered at once. */
const held = new Map<string, () => void>();
const letGo = async (question: string): Promise<void> => {
  await until(() => held.has(question), 60_000);
  held.get(question)?.();
};
const used = useStack(
  {
    respond: async ({ messages }) => {
      const said = messages.filter(({ role }) => role === 'user').map(({ text }) => text);
      const last = said.at(-1) ?? '';
      if (last.startsWith('hold')) await new Promise<void>((resolve) => held.set(last, resolve));
      return { text: `${said.length}: ${last}` };
    },
  },
  { agents: [...friends, ...others], queues: QUEUES },
);

const occupy = async (name: Name, question: string) => {
  const run = await used.stack.client.agent(`other-${name}`).start(question);
  await until(() => held.has(question));
  return run;
};
const sessionOf = (name: Name, id: string) => used.stack.client.session<(typeof friends)[0]>(name as 'line', id);
const viewOf = (name: Name): Promise<QueueView> =>
  used.stack.temporal.workflow.getHandle(queueId('agents', name, 0)).query<QueueView>(QUERY_NAMES.queue);
const textOf = ({ role, parts }: Message): string =>
  `${role} ${parts.map((part) => (part.type === 'text' ? part.text : part.type)).join()}`;

test('a message waits for a place as any run, is told where it stands, and goes on with what was said before; both hear of its end', async () => {
  const other = await occupy('line', 'hold a');
  const session = sessionOf('line', 'talk');
  const first = await session.send('one', { id: 'm1' });
  await until(async () => (await session.info()).queued !== undefined);
  expect(await session.info()).toMatchObject({ status: 'answering', run: 'talk/m1', queued: { position: 1 } });
  expect(await first.place()).toMatchObject({ position: 1 });
  expect(await viewOf('line')).toMatchObject({ depth: 1, running: 1 });
  const second = await session.send('two', { id: 'm2' });
  await letGo('hold a');
  expect(await first.result()).toMatchObject({ outcome: 'completed', output: '1: one' });
  expect(await second.result()).toMatchObject({ output: '2: two' });
  expect((await second.transcript()).map(textOf)).toEqual([
    ...['user one', 'assistant 1: one', 'user two', 'assistant 2: two'],
  ]);
  await other.result();
  await until(async () => (await viewOf('line')).running === 0 && (await session.info()).answered === 2);
  expect(await viewOf('line')).toMatchObject({ counts: { accepted: 3, begun: 3 } });
  expect(await session.info()).toMatchObject({ status: 'idle', reached: { length: 4 } });
});

test('a full queue keeps a message in the mailbox: it is asked for again by itself, and answered once', async () => {
  const session = sessionOf('small', 'patient');
  expect(await (await session.send('zero', { id: 'm0' })).result()).toMatchObject({ output: '1: zero' });
  const runs = [await occupy('small', 'hold b')];
  runs.push(await used.stack.client.agent('other-small').start('hold c'));
  const sent = await session.send('one', { id: 'm1' });
  await until(async () => (await session.info()).reason === 'the queue small is full');
  expect(await session.info()).toMatchObject({ status: 'idle', waiting: [{ id: 'm1' }] });
  // What it says is kept, and nothing of a run that does not wait anywhere.
  expect((await used.stack.store.listRefs(MAIL_PREFIX)).map(({ name }) => name)).toEqual(['mail/patient/m1']);
  expect(await used.stack.store.listRefs(chainsOf('patient/m1'))).toEqual([]);
  await expect(used.stack.client.run('patient/m1').record()).rejects.toMatchObject({ code: 'run-not-found' });
  for (const question of ['hold b', 'hold c']) await letGo(question);
  expect(await sent.result()).toMatchObject({ outcome: 'completed', output: '2: one' });
  await Promise.all(runs.map((run) => run.result()));
  expect(await used.stack.store.listRefs(MAIL_PREFIX)).toEqual([]);
  expect((await session.info()).reason).toBeUndefined();
});

test('one that has waited for as long as it may has ended, its session is told at once, and goes on without it', async () => {
  const other = await occupy('brief', 'hold d');
  const session = sessionOf('brief', 'late');
  const first = await session.send('one', { id: 'm1' });
  expect(await first.result()).toMatchObject({ outcome: 'failed', failure: { type: 'Queue.Expired' } });
  // Before the session would have looked by itself.
  await until(async () => (await session.info()).answered === 1, 20_000);
  await letGo('hold d');
  await other.result();
  expect(await (await session.send('two', { id: 'm2' })).result()).toMatchObject({ output: '1: two' });
});

test('interrupt takes a run back that waits for its place; the newer message is answered', async () => {
  const other = await occupy('hasty', 'hold e');
  const session = sessionOf('hasty', 'haste');
  const first = await session.send('one', { id: 'm1' });
  await until(async () => (await first.place()) !== undefined);
  const second = await session.send('two', { id: 'm2' });
  const result = await first.result();
  expect(result).toMatchObject({ outcome: 'cancelled', failure: { type: 'Run.Cancelled' } });
  expect(result.outcome !== 'completed' && result.failure.message).toContain('a newer message of its session came: m2');
  await letGo('hold e');
  await other.result();
  expect(await second.result()).toMatchObject({ output: '1: two' });
});
