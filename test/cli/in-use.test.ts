// Needs a scratch folder. No server: what a `dev` of the folder published is all that commands look at first.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { listCommand } from '../../client/cli/commands/list';
import { settingsFor, storeInUse } from '../../client/cli/in-use';
import { ClientError } from '../../client/errors';
import { findTemporal } from '../../client/find-temporal';
import { openStoreAt } from '../../client/open-store-at';
import { acquireFolderLock } from '../../infra/temporal/folder-lock';
import { loadSettings, type Settings } from '../../workers/config';
import { testProject, told, type TestProject } from './given';
import { storeRun } from './store-run';

const ADDRESS = '127.0.0.1:1';
const env = { TEMPORAL_CONFIG_FILE: '' };
let project: TestProject;
let release: () => void = () => undefined;
beforeEach(() => {
  project = testProject();
  mkdirSync(path.join(project.dir, '.longhaul'));
  const lock = acquireFolderLock(path.join(project.dir, '.longhaul'));
  if (!lock.acquired) throw new Error('the folder is new, and held');
  lock.lock.publish({ address: ADDRESS, namespace: 'default', taskQueue: 'its-queue', store: devStore() });
  release = () => lock.lock.release();
});
afterEach(() => {
  release();
  project.remove();
});

const devStore = (): string => `lmdb:${path.join(project.dir, 'elsewhere')}`;
const settings = (store?: string): Promise<Settings> =>
  loadSettings({ cwd: project.dir, env, overrides: store === undefined ? {} : { store } });
const found = (address?: string) =>
  findTemporal({
    env: address === undefined ? env : { ...env, TEMPORAL_ADDRESS: address },
    stateDir: path.join(project.dir, '.longhaul'),
  });

test('what a running dev uses is used by every command of its folder, also where its address is named', async () => {
  const own = await settings();
  for (const known of [found(), found(ADDRESS)])
    expect(settingsFor(own, known)).toMatchObject({ store: devStore(), taskQueue: 'its-queue' });
  expect(storeInUse(own, env)).toBe(devStore());
});

test('another server has nothing to do with it', async () => {
  const own = await settings();
  expect(settingsFor(own, found('127.0.0.1:2'))).toMatchObject({ store: own.store, taskQueue: 'agents' });
  expect(storeInUse(own, { ...env, TEMPORAL_ADDRESS: '127.0.0.1:2' })).toBe(own.store);
});

test('a store of the command line is looked at, and refused where a dev with another one would have to run what is in it', async () => {
  const typed = await settings('lmdb:mine');
  expect(storeInUse(typed, env)).toBe(`lmdb:${path.join(project.dir, 'mine')}`);
  expect(() => settingsFor(typed, found())).toThrow(
    expect.objectContaining({ code: 'misconfigured', message: expect.stringContaining(devStore()) }),
  );
  expect(settingsFor(await settings(devStore()), found()).store).toBe(devStore());
});

test('list shows the runs of the dev that is up', async () => {
  const store = openStoreAt(devStore(), undefined);
  await storeRun(store, { id: 'run_there' });
  await store.close();
  const { stdout } = await told(project.dir, (context) => listCommand(context, { limit: 5 }), { json: true });
  expect(JSON.parse(stdout)).toMatchObject({ runs: [{ id: 'run_there' }] });
});

test.each(['nowhere', 'ftp://me:secret@host/x', 'lmdb:'])('the store %s is an error of use', (url) => {
  let thrown: unknown;
  try {
    openStoreAt(url, undefined);
  } catch (error) {
    thrown = error;
  }
  expect(ClientError.isInstance(thrown) && [thrown.code, thrown.message]).toEqual([
    'misconfigured',
    expect.not.stringContaining('secret'),
  ]);
});
