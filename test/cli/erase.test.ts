// Needs: a Temporal CLI, which an embedded server is started from: what is erased is gone from store and history, and tombstones say so.
import path from 'node:path';
import { defineAgent } from '../../activities/define';
import { allRefs } from '../../activities/store';
import { eraseCommand, type EraseOptions } from '../../client/cli/commands/erase';
import { gcCommand } from '../../client/cli/commands/gc';
import { listCommand } from '../../client/cli/commands/list';
import { showCommand } from '../../client/cli/commands/show';
import { tailCommand } from '../../client/cli/commands/tail';
import { traceCommand } from '../../client/cli/commands/trace';
import type { CliContext } from '../../client/cli/context';
import { EXIT } from '../../client/cli/exit-codes';
import { ClientError } from '../../client/errors';
import { until } from '../e2e/cli';
import { script, startModelServer, type ModelServer } from '../kit/model-server';
import { startTestStack, type TestStack } from '../stack/test-stack';
import { testProject, told, type TestProject, type Told } from './given';
import { storeRun } from './store-run';

const CANARY = 'canary-4711';
const agent = defineAgent({ name: 'echo', instructions: 'Answer.' });

let model: ModelServer;
let stack: TestStack;
let project: TestProject;
beforeAll(async () => {
  model = await startModelServer({ script: script().answer(`You said ${CANARY}.`) });
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
  const handle = await stack.client.agent<typeof agent>('echo').start(`I say ${CANARY}`, { id, tenant, user: 'u1' });
  expect(await handle.result()).toMatchObject({ outcome: 'completed' });
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
  const refs = JSON.stringify(await allRefs(stack.store, ''));
  expect(refs).not.toContain('"u1"],"id":"run_gone"');
  expect(refs.split('run_gone').length - 1).toBeLessThanOrEqual(4);
  expect(JSON.stringify((await stack.store.readRef('run/run_gone'))?.value)).not.toMatch(/canary|u1/);
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
  // The same content, said in another run, is another run's.
  const transcript = await stack.client.run('run_stays').transcript();
  expect(JSON.stringify(transcript)).toContain(CANARY);
}, 60_000);

test('a tenant: refused while one of its runs is open, and then nothing is erased', async () => {
  await ended('run_t1', 'initech');
  await storeRun(stack.store, { id: 'run_acme_open', ended: false });
  expect(await refused(erase(undefined, { tenant: 'acme', yes: true }))).toMatchObject({
    code: 'refused',
    message: expect.stringContaining('run_acme_open'),
  });
  expect(await refused(erase(undefined, { tenant: 'nobody', yes: true }))).toMatchObject({ code: 'run-not-found' });
  const { stdout } = await erase(undefined, { tenant: 'initech', yes: true });
  expect(stdout).toMatch(/^1 run of tenant initech {2}erased/);
  expect((await stack.client.run('run_t1').record()).erased).toMatchObject({ by: expect.any(String) });
}, 60_000);

test('gc forgets runs that are older than they are to be kept; a dry run forgets nothing', async () => {
  const week = 7 * 24 * 60 * 60 * 1_000;
  await storeRun(stack.store, { id: 'run_old' });
  const gc = async (dryRun: boolean): Promise<unknown> =>
    JSON.parse((await run((context) => gcCommand(context, { dryRun, keep: week }), true)).stdout);
  expect(await gc(true)).toMatchObject({ dryRun: true, forgotten: { runs: 1, refs: 4 } });
  expect(await stack.client.run('run_old').record()).toMatchObject({ id: 'run_old' });
  expect(await gc(false)).toMatchObject({ forgotten: { runs: 1, refs: 4 }, freed: { objects: 0 } });
  await expect(stack.client.run('run_old').record()).rejects.toMatchObject({ code: 'run-not-found' });
  // Younger, open, and used by others: all there.
  const transcript = await stack.client.run('run_stays').transcript();
  expect(JSON.stringify(transcript)).toContain(CANARY);
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
