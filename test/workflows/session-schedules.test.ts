// Needs a Temporal server (embedded, real), the model server over HTTP, and a store on disk. What wakes a session by a Temporal Schedule, and
// the release that its next message is answered with.
import { z } from 'zod';
import { defineAgent } from '../../activities/define';
import { encodeMessage, objectHash } from '../../activities/store';
import { MAIL_PREFIX } from '../../activities/store/ref-names';
import { ClientError } from '../../client/errors';
import { useStack } from '../stack/use-stack';

jest.setTimeout(120_000);

const watcher = defineAgent({ name: 'watcher', instructions: 'Watch.', mode: 'session' });
const growing = defineAgent({ name: 'growing', instructions: 'First.', mode: 'session' });
const quick = defineAgent({ name: 'quick', instructions: 'Answer.', mode: 'sync', sync: { within: '2s' } });

const used = useStack({}, { agents: [watcher, growing, quick] });
beforeEach(() => {
  used.model.setRespond(({ messages }) => {
    const said = messages.filter(({ role }) => role === 'user');
    const system = messages.find(({ role }) => role === 'system')?.text;
    return { text: `${system} ${said.length}: ${said.at(-1)?.text}` };
  });
});

async function until<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`it did not come to that: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a schedule sends its message at each of the times, and begins the session where there is none', async () => {
  const session = used.stack.client.session<typeof watcher>('watcher', 'watch');
  await session.wake('anything new?', { name: 'often', every: '1s' });
  await expect(session.wake('again', { name: 'often', every: '1s' })).rejects.toMatchObject({ code: 'id-in-use' });
  await expect(session.wake('when?', { name: 'odd', cron: 'nonsense' })).rejects.toMatchObject({
    code: 'invalid-input',
  });
  // What it says is kept, and nothing of those that were refused.
  const said = encodeMessage({ role: 'user', parts: [{ type: 'text', text: 'anything new?' }] });
  expect(await used.stack.store.listRefs(MAIL_PREFIX)).toMatchObject([{ value: { message: objectHash(said) } }]);
  const stranger = used.stack.client.agent<typeof watcher>('watcher').session('watch', { tenant: 'other' });
  await expect(stranger.stopWaking('often')).rejects.toMatchObject({ code: 'session-not-found' });
  await until(
    async () =>
      await session.info().catch((error: unknown) => {
        if (ClientError.isInstance(error) && error.code === 'session-not-found') return undefined;
        throw error;
      }),
    (info) => (info?.answered ?? 0) >= 2,
  );
  await expect(stranger.wake('mine', { name: 'own', every: '1h' })).rejects.toMatchObject({
    code: 'session-not-found',
  });
  await session.stopWaking('often');
  await expect(session.stopWaking('often')).rejects.toMatchObject({ code: 'session-not-found' });
  await expect(session.wake('when?', { name: 'never' })).rejects.toMatchObject({ code: 'invalid-input' });
  const transcript = await session.transcript();
  expect(transcript.slice(0, 4).map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
});

test('times that never come, or only when nobody waits any more, are refused in one line, and nothing of them stays', async () => {
  const session = used.stack.client.session<typeof watcher>('watcher', 'calendar');
  const refusal = { code: 'invalid-input', message: 'none of these times comes within ten years: nothing was begun.' };
  for (const when of [{ cron: '0 9 30 2 *' }, { cron: '0 0 1 1 * 2001' }, { every: '40000d' }] as const)
    await expect(session.wake('now?', { name: 'never', ...when })).rejects.toMatchObject(refusal);
  await expect(session.stopWaking('never')).rejects.toMatchObject({ code: 'session-not-found' });
  expect((await used.stack.store.listRefs(MAIL_PREFIX)).filter(({ name }) => name.includes('calendar'))).toEqual([]);
  await session.wake('a leap day', { name: 'never', cron: '0 9 29 2 *' });
  await session.stopWaking('never');
  await expect(session.send('late', { after: '40000d' })).rejects.toMatchObject({
    message: 'after: it comes within ten years.',
  });
  await expect(session.send('late', { at: new Date('2999-01-01') })).rejects.toMatchObject({
    message: 'at: it comes within ten years.',
  });
});

test('asked for again, after an answer that was lost with what was kept, the message of a schedule is kept again', async () => {
  const { client, store } = used.stack;
  const session = client.session<typeof watcher>('watcher', 'lost');
  const kept = async () => (await store.listRefs(MAIL_PREFIX)).filter(({ name }) => name.includes('lost'));
  const wake = () => session.wake('anything new?', { name: 'often', every: '30d' });
  await wake();
  const [first] = await kept();
  await store.deleteRef(first?.name ?? '');
  await expect(wake()).rejects.toMatchObject({ code: 'id-in-use' });
  expect(await kept()).toMatchObject([{ name: first?.name }]);
  await session.stopWaking('often');
  expect(await kept()).toEqual([]);
});

test('a session and a name with spaces are no other session’s; what was made under an id of before is found and ended', async () => {
  const { client, temporal } = used.stack;
  const plain = client.session<typeof watcher>('watcher', 'a');
  const spaced = client.session<typeof watcher>('watcher', 'a b');
  await plain.wake('one', { name: 'b c', every: '30d' });
  await spaced.wake('two', { name: 'c', every: '30d' });
  await spaced.stopWaking('c');
  await expect(plain.wake('one', { name: 'b c', every: '30d' })).rejects.toMatchObject({ code: 'id-in-use' });
  const made = await temporal.schedule.getHandle('wake:a/b c').describe();
  await plain.stopWaking('b c');
  if (made.action.type !== 'startWorkflow') throw new Error('it starts nothing');
  const before = await temporal.schedule.create({
    ...{ scheduleId: 'session:a b c', spec: { intervals: [{ every: '30d' }] } },
    action: { ...made.action, args: made.action.args ?? [], typedSearchAttributes: [] },
  });
  await expect(spaced.stopWaking('c')).rejects.toMatchObject({ code: 'session-not-found' });
  await expect(plain.wake('one', { name: 'b c', every: '30d' })).rejects.toMatchObject({ code: 'id-in-use' });
  await plain.stopWaking('b c');
  await expect(before.describe()).rejects.toMatchObject({ name: 'ScheduleNotFoundError' });
});

test('the next message takes the release of its time, unless that has another input: the session goes on with both', async () => {
  const session = used.stack.client.session<typeof growing>('growing', 'grow');
  expect(await (await session.send('one')).result()).toMatchObject({ output: 'First. 1: one' });
  const second = defineAgent({ name: 'growing', instructions: 'Second.', mode: 'session' });
  await used.stack.publish([watcher, second, quick]);
  const run = await session.send('two');
  expect(await run.result()).toMatchObject({ output: 'Second. 2: two' });
  // A message that waits while a release comes which does not take it is answered with the one that does.
  await session.pause();
  const waiting = await session.send('three');
  const third = defineAgent({
    ...{ name: 'growing', instructions: 'Third.', mode: 'session' },
    input: z.object({ text: z.string() }),
  });
  await used.stack.publish([watcher, third, quick]);
  await session.resume();
  expect(await waiting.result()).toMatchObject({ output: 'Second. 3: three' });
});

test('a call of a sync agent is answered in time, or its run goes on as a job, of which the caller has the id', async () => {
  const agent = used.stack.client.agent<typeof quick>('quick');
  const answered = await agent.run('one');
  expect(answered.kind === 'result' && answered.result).toMatchObject({
    outcome: 'completed',
    output: 'Answer. 1: one',
  });
  let letGo = (): void => undefined;
  const going = new Promise<void>((resolve) => (letGo = resolve));
  used.model.setRespond(async () => {
    await going;
    return { text: 'late' };
  });
  const job = await agent.run('two', { id: 'job' });
  expect([job.kind, job.run.id]).toEqual(['job', 'job']);
  letGo();
  expect(await job.run.result()).toMatchObject({ outcome: 'completed', output: 'late' });
  await expect(used.stack.client.agent<typeof watcher>('watcher').run('three')).rejects.toMatchObject({
    code: 'invalid-input',
  });
});
