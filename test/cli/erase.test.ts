// Needs: a Temporal CLI, which an embedded server is started from: what is erased is gone from store and history, and tombstones say so.
import path from 'node:path';
import { defineAgent } from '../../activities/define';
import { allRefs } from '../../activities/store';
import { collectGarbage } from '../../activities/store/garbage/collect-garbage';
import { callRecordName, runRecordName } from '../../activities/store/ref-names';
import { eraseCommand, type EraseOptions } from '../../client/cli/commands/erase';
import { gcCommand } from '../../client/cli/commands/gc';
import { listCommand } from '../../client/cli/commands/list';
import { showCommand } from '../../client/cli/commands/show';
import { tailCommand } from '../../client/cli/commands/tail';
import { traceCommand } from '../../client/cli/commands/trace';
import type { CliContext } from '../../client/cli/context';
import { EXIT } from '../../client/cli/exit-codes';
import { ClientError } from '../../client/errors';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { until } from '../e2e/cli';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { testProject, told, type TestProject, type Told } from './given';
import { STARTED_AT, storeRun } from './store-run';

/** Said in one run and no other, and by its model too. */
const canaryOf = (id: string): string => `canary of ${id}, 4711`;
const agent = defineAgent({ name: 'echo', instructions: 'Answer.' });

let model: ModelServer;
let stack: TestStack;
let project: TestProject;
beforeAll(async () => {
  model = await startModelServer({
    respond: ({ messages }) =>
      script()
        .answer(`You said: ${messages.at(-1)?.text}`)
        .turnAt(0),
  });
  stack = await startTestStack({ agents: [agent], modelUrl: model.url });
  project = testProject();
});
afterAll(async () => {
  await stack.close();
  await model.close();
  project.remove();
});

const run = (command: (context: CliContext) => Promise<number>, json = false): Promise<Told> =>
  told(project.dir, command, {
    json,
    env: {
      TEMPORAL_ADDRESS: stack.server.address,
      LONGHAUL_STORE: `lmdb:${path.join(stack.stateDir, 'store')}`,
    },
  });
const erase = (id: string | undefined, options: EraseOptions): Promise<Told> =>
  run((context) => eraseCommand(context, id, options));
const refused = async (work: Promise<Told>): Promise<unknown> => await work.catch((error: unknown) => error);

async function ended(id: string, tenant: string): Promise<void> {
  const said = `I say ${canaryOf(id)}`;
  const handle = await stack.client.agent<typeof agent>('echo').start(said, { id, tenant, user: `user of ${id}` });
  expect(await handle.result()).toMatchObject({ outcome: 'completed' });
}

/** Names of the refs, and of the objects, in which a text stands. */
async function placesOf(text: string): Promise<{ refs: string[]; objects: string[] }> {
  const refs = (await allRefs(stack.store, '')).filter((ref) => JSON.stringify(ref).includes(text));
  const names = (await stack.store.listObjects()).map(({ name }) => name);
  const objects = await stack.store.get(names);
  return {
    refs: refs.map(({ name }) => name),
    objects: names.filter((_, at) => Buffer.from(objects[at] ?? []).includes(text)),
  };
}

/** Two collections; what would be a day between them is a few milliseconds. */
async function collectTwice(): Promise<void> {
  for (let nth = 0; nth < 2; nth += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await collectGarbage(stack.store, { graceMs: 5 });
  }
}

test('one run: nothing that was said is left, in store or history; what it cost is, and who erased it', async () => {
  await ended('run_gone', 'acme');
  await ended('run_stays', 'globex');
  expect(await refused(erase('run_gone', {}))).toMatchObject({ code: 'invalid-input' });
  expect(await refused(erase('run_gon', { yes: true }))).toMatchObject({ code: 'run-not-found' });
  expect(await refused(erase('run_gone', { tenant: 'acme', yes: true }))).toMatchObject({ code: 'invalid-input' });

  const { code, stdout } = await erase('run_gone', { yes: true, reason: 'they asked' });
  expect([code, stdout]).toEqual([
    EXIT.completed,
    expect.stringMatching(/^run_gone {2}erased: \d+ records, 1 execution/),
  ]);
  expect((await placesOf('run_gone')).refs).toEqual([expect.stringMatching(/^ended\/\d+\/run_gone$/), 'run/run_gone']);
  expect((await placesOf(canaryOf('run_gone'))).objects).not.toEqual([]);
  await collectTwice();
  for (const text of [canaryOf('run_gone'), 'user of run_gone'])
    expect(await placesOf(text)).toEqual({ refs: [], objects: [] });
  expect((await placesOf(canaryOf('run_stays'))).objects.length).toBeGreaterThan(1);
  expect((await run((context) => listCommand(context, { limit: 5 }))).stdout).toMatch(/^run_gone +echo +erased/m);
  expect((await run((context) => traceCommand(context, 'run_gone'))).stdout).toMatch(
    /1 turn.*\nerased {2}it was erased on 20.* by \S+: they asked\n$/,
  );
  expect((await run((context) => showCommand(context, 'run_gone', {}))).stdout).toMatch(/^erased +it was erased on/m);
  for (const options of [{ transcript: true }, { call: 1 }]) {
    expect(await refused(run((context) => showCommand(context, 'run_gone', options)))).toMatchObject({
      code: 'erased',
    });
  }
  expect(await refused(run((context) => tailCommand(context, 'run_gone')))).toMatchObject({ code: 'erased' });
  await expect(stack.client.run('run_gone').transcript()).rejects.toMatchObject({ code: 'erased' });
  await expect(stack.client.run('run_gone').result()).rejects.toMatchObject({ code: 'erased' });
  // A second time is no error, and changes nothing of who and when.
  expect((await erase('run_gone', { yes: true, reason: 'again' })).stdout).toContain('erased: 0 records');
  expect((await stack.client.run('run_gone').record()).erased).toMatchObject({
    by: expect.any(String),
    reason: 'they asked',
  });
  const transcript = await stack.client.run('run_stays').transcript();
  expect(JSON.stringify(transcript)).toContain(canaryOf('run_stays'));
}, 60_000);

test('a tenant: refused while one of its runs is open, and then nothing is erased', async () => {
  await ended('run_t1', 'initech');
  // Recorded just now: it is not known to Temporal, and may be in a moment.
  await storeRun(stack.store, { id: 'run_acme_open', ended: false, startedAt: Date.now() - STARTED_AT });
  expect(await refused(erase(undefined, { tenant: 'acme', yes: true }))).toMatchObject({
    code: 'refused',
    message: expect.stringContaining('run_acme_open'),
  });
  expect(await refused(erase(undefined, { tenant: 'nobody', yes: true }))).toMatchObject({ code: 'run-not-found' });
  const { stdout } = await erase(undefined, { tenant: 'initech', yes: true });
  expect(stdout).toMatch(/^1 run of tenant initech {2}erased/);
  expect((await stack.client.run('run_t1').record()).erased).toMatchObject({ by: expect.any(String) });
}, 60_000);

test('a run that Temporal does not know, once no start can be under way any more: it is erased as it stands', async () => {
  await storeRun(stack.store, { id: 'run_lost', ended: false });
  const { stdout, stderr } = await erase('run_lost', { yes: true });
  expect(stdout).toMatch(/^run_lost {2}erased: \d+ records, 0 executions/);
  expect(stderr).toMatch(/never started, or no longer known to Temporal at .*: run_lost/);
  const record = await stack.client.run('run_lost').record();
  expect(record).toMatchObject({
    erased: { by: expect.any(String) },
    ended: { at: STARTED_AT + 3_300, outcome: 'failed', head: null, totals: { modelCalls: 2, toolCalls: 1 } },
  });
  expect((await placesOf('run_lost')).refs).toEqual([expect.stringMatching(/^ended\//), 'run/run_lost']);
});

test('a run that Temporal knows is not erased while it is open, however old its record says it is', async () => {
  await stack.stopWorker();
  const handle = await stack.client.agent<typeof agent>('echo').start('hello', { id: 'run_open', tenant: 'hooli' });
  const value = { ...(await handle.record()), startedAt: STARTED_AT };
  await stack.store.commit({ refs: [{ op: 'put', name: 'run/run_open', value }] });
  expect(await refused(erase('run_open', { yes: true }))).toMatchObject({ code: 'refused' });
  expect(await handle.record()).toEqual(value);
  await stack.restartWorker();
  expect(await handle.result()).toMatchObject({ outcome: 'completed' });
}, 60_000);

test('a tenant one of whose records cannot be read is not erased as if all of them were', async () => {
  await storeRun(stack.store, { id: 'run_acme_1' });
  const put = (value: unknown) => stack.store.commit({ refs: [{ op: 'put', name: 'run/run_odd', value }] });
  for (const value of [{ schemaVersion: 99, id: 'run_odd', tenant: 'hooli' }, 'not a record']) {
    await put(value);
    expect(await refused(erase(undefined, { tenant: 'hooli', yes: true }))).toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/^1 record not readable by this version.*: run_odd\. Nothing was erased/),
    });
  }
  await put({ schemaVersion: 99, id: 'run_odd', tenant: 'umbrella' });
  expect((await erase(undefined, { tenant: 'hooli', yes: true })).stdout).toMatch(/^1 run of tenant hooli {2}erased/);
  await stack.store.deleteRef('run/run_odd');
}, 60_000);

test('forks of forks are named too, when one between them was erased before', async () => {
  await storeRun(stack.store, { id: 'run_first' });
  const first = await stack.client.run('run_first').record();
  for (const [id, origin] of [
    ['fork_1', 'run_first'],
    ['fork_2', 'fork_1'],
    ['fork_3', 'fork_2'],
  ] as const) {
    const value = { ...first, id, forkedFrom: { run: origin, step: 2, base: first.input, append: [first.input] } };
    await stack.store.commit({ refs: [{ op: 'put', name: `run/${id}`, value }] });
  }
  expect((await erase('fork_1', { yes: true })).stderr).toContain('keep what they began with: fork_2, fork_3\n');
  expect((await stack.client.run('fork_1').record()).forkedFrom).toEqual({
    ...{ run: 'run_first', step: 2, base: null, append: [] },
  });
  expect((await run((context) => traceCommand(context, 'fork_1'))).stdout).toMatch(
    /^forked from run_first at step 2$/m,
  );
  expect((await erase('run_first', { yes: true })).stderr).toContain('keep what they began with: fork_2, fork_3\n');
});

test('gc deletes again what an activity that outlived its run has stored since the erasure; a dry run does not', async () => {
  const { ended: end } = await stack.client.run('run_gone').record();
  const name = callRecordName({ run: end?.firstRunId ?? '', fork: 0, turn: 1, index: 0 });
  await stack.store.commit({ refs: [{ op: 'put', name, value: canaryOf('run_gone') }] });
  await run((context) => gcCommand(context, { dryRun: true }));
  expect(await stack.store.readRef(name)).toBeDefined();
  await run((context) => gcCommand(context, {}));
  expect(await stack.store.readRef(name)).toBeUndefined();
});

test('gc forgets runs that are older than they are to be kept; a dry run forgets nothing', async () => {
  const week = 7 * 24 * 60 * 60 * 1_000;
  const gc = async (dryRun: boolean): Promise<unknown> =>
    JSON.parse((await run((context) => gcCommand(context, { dryRun, keep: week }), true)).stdout);
  // What the tests before this one left.
  await gc(false);
  await storeRun(stack.store, { id: 'run_old' });
  expect(await gc(true)).toMatchObject({ dryRun: true, forgotten: { runs: 1, refs: 4 } });
  expect(await stack.client.run('run_old').record()).toMatchObject({ id: 'run_old' });
  expect(await gc(false)).toMatchObject({ forgotten: { runs: 1, refs: 4 }, freed: { objects: 0 } });
  await expect(stack.client.run('run_old').record()).rejects.toMatchObject({ code: 'run-not-found' });
  // Younger, open, and used by others: all there.
  const transcript = await stack.client.run('run_stays').transcript();
  expect(JSON.stringify(transcript)).toContain(canaryOf('run_stays'));
  const text = (await run((context) => gcCommand(context, {}))).stdout;
  expect(text).toMatch(
    /^freed {2}0 objects, 0 bytes\nin use {2}\d+ objects\nwaiting {2}\d+ objects?, .* from 20\d\d-.* on\n$/,
  );
}, 60_000);

test('what was erased is gone from Temporal as well', async () => {
  // The server takes half a minute, by itself.
  for (const id of ['run_gone', 'run_t1']) {
    const isGone = (error: unknown): boolean => ClientError.isInstance(error) && error.code === 'run-not-found';
    await until(
      `Temporal's deletion of ${id}`,
      () =>
        stack.client
          .run(id)
          .describe()
          .then(() => false, isGone),
      90_000,
    );
  }
}, 200_000);

describe('shadows', () => {
  /** As a shadow of the run keeps it. */
  async function stored(run: string, more: Partial<RunRecord> = {}): Promise<string> {
    const id = `shadow/${run}/0123456789ab`;
    await storeRun(stack.store, { id, question: canaryOf(run) });
    const ref = await stack.store.readRef(runRecordName(id));
    const shadowOf = { run, reads: 'recorded', by: 'ada' } as const;
    const record: RunRecord = { ...runRecordSchema.parse(ref?.value), shadowOf, ...more };
    await stack.store.commit({ refs: [{ op: 'put', name: runRecordName(id), value: record }] });
    return id;
  }

  test('those of a run that is forgotten go by its id, and their tombstones say whose they were', async () => {
    const id = await stored('forgotten');
    expect((await placesOf(canaryOf('forgotten'))).refs).not.toEqual([]);
    expect((await erase('forgotten', { yes: true })).stdout).toMatch(/^shadows of run forgotten {2}erased: \d/);
    expect((await placesOf(canaryOf('forgotten'))).refs).toEqual([]);
    const tombstone = runRecordSchema.parse((await stack.store.readRef(runRecordName(id)))?.value);
    expect(tombstone).toMatchObject({ erased: {}, shadowOf: { run: 'forgotten', reads: 'recorded' } });
    expect(JSON.stringify(tombstone)).not.toContain('ada');
  });

  test('those of a tenant and of a session go with it, whether or not their runs are there', async () => {
    await stored('of-tenant', { tenant: 'umbra' });
    await stored('of-session', { session: 'desk', goesOnFrom: { base: null, length: 0 } });
    const other = await stored('of-others');
    expect((await erase(undefined, { tenant: 'umbra', yes: true })).code).toBe(EXIT.completed);
    expect((await erase(undefined, { session: 'desk', yes: true })).code).toBe(EXIT.completed);
    for (const run of ['of-tenant', 'of-session']) expect((await placesOf(canaryOf(run))).refs).toEqual([]);
    expect(runRecordSchema.parse((await stack.store.readRef(runRecordName(other)))?.value).erased).toBeUndefined();
  });

  test('one that goes on stands in the way of its run; one that is begun meanwhile is named, and the command fails', async () => {
    await storeRun(stack.store, { id: 'shadowed' });
    await stored('shadowed', { startedAt: Date.now() });
    const open = runRecordName('shadow/shadowed/0123456789ab');
    const { ended: _, ...record } = runRecordSchema.parse((await stack.store.readRef(open))?.value);
    await stack.store.commit({ refs: [{ op: 'put', name: open, value: record }] });
    const said = await refused(erase('shadowed', { yes: true }));
    expect(said).toMatchObject({ message: expect.stringContaining('1 run not ended: shadow/shadowed/') as string });
    await stack.store.deleteRef(open);
    const meanwhile = async (context: CliContext): Promise<number> => {
      const begins: CliContext['connect'] = async () => {
        await stack.store.commit({ refs: [{ op: 'create', name: open, value: record }] });
        return await context.connect();
      };
      return await eraseCommand({ ...context, connect: begins }, 'shadowed', { yes: true });
    };
    const { code, stderr } = await run(meanwhile);
    expect(code).toBe(EXIT.failed);
    expect(stderr).toContain('begun meanwhile, and not erased: shadow/shadowed/0123456789ab');
  });
});
