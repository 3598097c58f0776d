// Needs a scratch folder. No server. What `longhaul gc` prints, and what of it a dry run prints before.
import type { RefWrite } from '../../activities/store/port';
import { chainsOf, mailName, runRecordName, sessionRecordName } from '../../activities/store/ref-names';
import { gcCommand, type GcOptions } from '../../client/cli/commands/gc';
import { runRecordSchema } from '../../workflows/contract/schemas/run-record';
import { sessionWorkflowId } from '../../workflows/contract/names';
import { testProject, told, withStore, type TestProject } from './given';
import { STARTED_AT, storeRun } from './store-run';

let project: TestProject;
beforeEach(() => (project = testProject()));
afterEach(() => project.remove());

const DAY = 24 * 60 * 60 * 1_000;
const gc = async (options: GcOptions): Promise<{ [name: string]: unknown }> => {
  const { stdout } = await told(project.dir, (context) => gcCommand(context, options), { json: true });
  const printed: { [name: string]: unknown } = JSON.parse(stdout);
  return printed;
};
const words = async (options: GcOptions): Promise<string> =>
  (await told(project.dir, (context) => gcCommand(context, options))).stdout;
const beside = { question: 'Why?', toolAnswer: 'in b.txt', answer: 'Because.' };

test('with --keep a dry run counts what the runs that would be forgotten name as what gc then does', async () => {
  await withStore(project.dir, async (store) => {
    await storeRun(store, { id: 'run_old', ...beside });
    await storeRun(store, { id: 'run_new', startedAt: Date.now() - STARTED_AT - 10_000 });
  });
  const dry = await gc({ keep: DAY, dryRun: true });
  const done = await gc({ keep: DAY });
  expect(dry).toMatchObject({ forgotten: { runs: 1, refs: 4 }, freed: { objects: 0 } });
  expect(dry).toMatchObject({ waiting: { objects: 8 } });
  for (const name of ['forgotten', 'alive', 'freed', 'waiting']) expect(dry[name]).toEqual(done[name]);
  await withStore(project.dir, async (store) => {
    expect(await store.readRef(runRecordName('run_old'))).toBeUndefined();
    expect(await store.readRef(runRecordName('run_new'))).toBeDefined();
  });
});

test('when what waits is freed is said where something says so: a dry run notes nothing', async () => {
  await withStore(project.dir, async (store) => {
    await store.commit({ objects: [Buffer.from('"nobody names this"')] });
  });
  const unknown = /^waiting {2}1 object, .*: nothing names them; a gc notes them, and one 24 hours later frees them$/m;
  expect(await words({ dryRun: true })).toMatch(unknown);
  expect(await gc({ dryRun: true })).toMatchObject({ nextAt: null });
  const timeIn = (text: string): number => Date.parse(/freed by a gc from (\S+) on$/m.exec(text)?.[1] ?? '');
  const first = timeIn(await words({}));
  expect(Math.abs(first - Date.now() - DAY)).toBeLessThan(60_000);
  expect(timeIn(await words({ dryRun: true }))).toBe(first);
  // What nobody has noted yet waits for that collection, and a day more.
  await withStore(project.dir, async (store) => {
    await store.commit({ objects: [Buffer.from('"nor this"')] });
  });
  expect(timeIn(await words({}))).toBe(first + DAY);
});

test('what is past its time goes, and a dry run leaves it', async () => {
  await withStore(project.dir, async (store) => {
    const [past, future] = [Date.now() - 1, Date.now() + DAY];
    await store.commit({
      refs: [past, past - DAY, future].map((expiresAt, at) => ({
        op: 'put',
        name: `cache/t/${at}`,
        value: 1,
        expiresAt,
      })),
    });
  });
  expect(await gc({ dryRun: true })).toMatchObject({ expired: 0 });
  expect(await gc({})).toMatchObject({ expired: 2 });
  expect(await gc({})).toMatchObject({ expired: 0 });
  await withStore(project.dir, async (store) => {
    expect((await store.listRefs('cache/')).map(({ name }) => name)).toEqual(['cache/t/2']);
  });
});

test('tombstones of erased runs stay, however old', async () => {
  await withStore(project.dir, async (store) => {
    await storeRun(store, { id: 'run_erased' });
    const name = runRecordName('run_erased');
    const record = runRecordSchema.parse((await store.readRef(name))?.value);
    const erased = { at: STARTED_AT + DAY, by: 'u1', reason: 'they asked' };
    const { output, ...ended } = { ...record.ended, head: null };
    expect(output).toBeDefined();
    await store.commit({ refs: [{ op: 'put', name, value: { ...record, input: '', ended, erased } }] });
  });
  // What is left of what it said goes, and a dry run counts it as gone.
  const dry = await gc({ keep: DAY, dryRun: true });
  const done = await gc({ keep: DAY });
  expect(done).toMatchObject({ forgotten: { runs: 0 }, waiting: { objects: 9 } });
  for (const name of ['forgotten', 'alive', 'freed', 'waiting']) expect(dry[name]).toEqual(done[name]);
  await withStore(project.dir, async (store) => {
    expect((await store.readRef(runRecordName('run_erased')))?.value).toMatchObject({ erased: { by: 'u1' } });
  });
});

const RETIRED = {
  schemaVersion: 1,
  agent: 'friend',
  tenant: 'acme',
  plan: { onBusy: 'enqueue', mailbox: 9, idleMs: 9 },
};

test('with --keep a session that was retired longer ago is forgotten; one that is open, asleep, newly retired or woken stays', async () => {
  await withStore(project.dir, async (store) => {
    const said = Buffer.from('"said in a session"');
    const [at, head] = [Date.now() - 10 * DAY, store.nameOf(said)];
    const session = (id: string, status: string, since = at): RefWrite => {
      const value = { ...RETIRED, id, status, head, length: 1, answered: 1, at: since };
      return { op: 'put', name: sessionRecordName(id), value };
    };
    const mail = (id: string, message: string): RefWrite => ({
      ...{ op: 'put', name: mailName(id, message), value: { schemaVersion: 1, message: head, release: head, at } },
    });
    await store.commit({
      objects: [said],
      refs: [
        ...[session('old', 'retired'), session('new', 'retired', Date.now()), session('woken', 'retired')],
        ...[session('nap', 'asleep'), session('busy', 'open'), mail('woken', 'wake daily')],
        { op: 'put', name: `${chainsOf(sessionWorkflowId('old'))}a`, value: { nodes: head } },
      ],
    });
  });
  const dry = await gc({ keep: DAY, dryRun: true });
  const done = await gc({ keep: DAY });
  expect(done).toMatchObject({ forgotten: { runs: 0, sessions: 1, refs: 2 } });
  for (const name of ['forgotten', 'alive', 'unsent']) expect(dry[name]).toEqual(done[name]);
  await withStore(project.dir, async (store) => {
    const left = (await store.listRefs('session/')).map(({ name }) => name);
    expect(left).toEqual(['session/busy', 'session/nap', 'session/new', 'session/woken']);
    expect(await store.listRefs(chainsOf(sessionWorkflowId('old')))).toEqual([]);
  });
});

test('a message that was stored and never reached its session goes: where a run has it, or its session is over since', async () => {
  await withStore(project.dir, async (store) => {
    const old = Date.now() - 2 * DAY;
    const mail = (session: string, id: string, at = old): RefWrite => ({
      ...{ op: 'put', name: mailName(session, id), value: { schemaVersion: 1, message: '', release: '', at } },
    });
    const asleep = { ...RETIRED, id: 'nap', status: 'asleep', head: null, length: 0, answered: 1, at: old + 1 };
    await storeRun(store, { id: 'talk/begun' });
    await store.commit({
      refs: [
        ...[mail('talk', 'begun'), mail('talk', 'waits'), mail('nap', 'lost'), mail('nap', 'sent now', Date.now())],
        ...[mail('nap', 'wake daily'), { op: 'put', name: sessionRecordName('nap'), value: asleep } as const],
      ],
    });
  });
  expect(await gc({ dryRun: true })).toMatchObject({ unsent: 2 });
  // There is no server here: whether the other one waits only its session could tell.
  expect(await words({})).toMatch(/^deleted {2}2 messages that never .*\n(?:.*\n)*1 message may wait: /m);
  await withStore(project.dir, async (store) => {
    const left = (await store.listRefs('mail/')).map(({ name }) => decodeURIComponent(name));
    expect(left).toEqual(['mail/nap/sent now', 'mail/nap/wake daily', 'mail/talk/waits']);
  });
});
