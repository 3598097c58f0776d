// Needs a scratch folder. No server.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createMemoryStore, readFile } from '../../activities/store';
import { openStoreAt } from '../../client/open-store-at';
import { findTemporal, webUiLink } from '../../client/find-temporal';
import { projectStateDir } from '../../client/project-state';
import { putFile } from '../../client/stored-file';
import { acquireFolderLock } from '../../infra/temporal/folder-lock';
import { findProject } from '../../workers/find-project';
import { testProject, type TestProject } from './given';

let project: TestProject;
beforeEach(() => (project = testProject()));
afterEach(() => project.remove());

const NO_PROFILE = { TEMPORAL_CONFIG_FILE: '', HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' };
const find = (env: { [name: string]: string } = {}) =>
  findTemporal({ env: { ...NO_PROFILE, ...env }, stateDir: path.join(project.dir, '.longhaul') });

describe('which server', () => {
  test('none: it is said what to start', () => {
    expect(() => find()).toThrow(/longhaul dev.*TEMPORAL_ADDRESS/);
  });

  test('the one that a running dev tells of', () => {
    const lock = acquireFolderLock(path.join(project.dir, '.longhaul'));
    if (!lock.acquired) throw new Error('the folder is taken');
    expect(() => find()).toThrow(/is starting/);
    lock.lock.publish({ address: '127.0.0.1:7', namespace: 'n', uiUrl: 'http://localhost:8', taskQueue: 'q', pid: 1 });
    expect(find()).toEqual({
      server: { kind: 'external', connectionOptions: { address: '127.0.0.1:7' }, namespace: 'n' },
      uiUrl: 'http://localhost:8',
      taskQueue: 'q',
      dev: expect.objectContaining({ pid: process.pid }) as unknown,
    });
    // Named by the environment it is not watched: who names it answers for it.
    const named = find({ TEMPORAL_ADDRESS: '127.0.0.1:7', TEMPORAL_NAMESPACE: 'n' });
    expect(named).toMatchObject({ uiUrl: 'http://localhost:8', taskQueue: 'q' });
    expect(named).not.toHaveProperty('dev');
    lock.lock.release();
    expect(() => find()).toThrow(/longhaul dev/);
  });

  test('the one that the environment names comes before a running dev', () => {
    const lock = acquireFolderLock(path.join(project.dir, '.longhaul'));
    if (!lock.acquired) throw new Error('the folder is taken');
    lock.lock.publish({ address: '127.0.0.1:7' });
    expect(find({ TEMPORAL_ADDRESS: 'far:1', TEMPORAL_NAMESPACE: 'm' })).toMatchObject({
      server: { connectionOptions: { address: 'far:1' }, namespace: 'm' },
    });
    lock.lock.release();
  });
});

test.each([
  ['nothing', []],
  ['a package', ['package.json']],
  ['a configuration', ['longhaul.config.mjs']],
  ['a repository', ['.git']],
  ['a package further in', ['package.json', 'a/longhaul.config.ts']],
])('callers and workers agree on the project: %s', (_, marks) => {
  const deep = path.join(project.dir, 'a', 'b');
  mkdirSync(deep, { recursive: true });
  for (const mark of marks) writeFileSync(path.join(project.dir, mark), '');
  expect(projectStateDir(deep)).toBe(path.join(findProject(deep).folder, '.longhaul'));
});

test('a link into the Web UI survives any id', () => {
  expect(webUiLink('http://localhost:8233', 'default', 'a/b c')).toBe(
    'http://localhost:8233/namespaces/default/workflows/a%2Fb%20c',
  );
});

test('a store that is not known is named without what may be a password', () => {
  expect(() => openStoreAt('ftp://me:secret@host/db', undefined)).toThrow(/store "ftp:?" is not known(?!.*secret)/);
});

describe('files', () => {
  test('come back as they went in, under a name that is no path', async () => {
    const store = createMemoryStore();
    const bytes = new Uint8Array([0, 255, 10]);
    const ref = await putFile(store, bytes, { mediaType: 'image/png', name: '/home/me\\photos/cat.png' });
    expect(ref).toMatchObject({ mediaType: 'image/png', bytes: 3, name: 'cat.png' });
    expect(await readFile(store, ref)).toEqual(bytes);
  });

  test('one without a media type is refused', async () => {
    await expect(putFile(createMemoryStore(), new Uint8Array(), { mediaType: '' })).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('mediaType'),
    });
  });
});
