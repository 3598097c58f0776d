// Needs: a scratch folder, `sh`. A process has one handle for each file of the embedded store: whoever opens shares it, and the last one
// closes it. Programs of their own, because what goes wrong here ends a process, or stops it for ever: no timer of its own would end that.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { openStore } from '../../activities/store/open-store';

const TOP = join(__dirname, '../..');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-test-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** @param before what the program does before it loads the store */
function run(program: string, before = '', fileBlocks = 'unlimited'): { status: number | null; said: string } {
  const whole = `${before}
    const load = require('jiti')(process.cwd() + '/');
    const { openStore } = load('./activities/store/open-store');
    const { shareLmdbTables } = load('./activities/store/lmdb-database');
    const folder = process.argv[1];
    const turns = async (count) => { for (let nth = 0; nth < count; nth += 1) await new Promise(setImmediate); };
    void (async () => { ${program}; process.exit(0); })();`;
  const { status, stdout, stderr } = spawnSync(
    'sh',
    ['-c', `ulimit -f ${fileBlocks} && exec "$0" "$@"`, process.execPath, '-e', whole, folder],
    { cwd: TOP, timeout: 30_000, encoding: 'utf8' },
  );
  return { status, said: stdout + stderr };
}

test('the store is opened again while it is written to', () => {
  const program = `
    const store = openStore('lmdb:' + folder);
    for (let nth = 0; nth < 400; nth += 1) {
      const writing = store.commit({ objects: [Buffer.from(String(nth))] });
      await turns(nth % 20);
      const again = openStore('lmdb:' + folder);
      await writing;
      await again.close();
    }
    await store.close()`;
  expect(run(program)).toEqual({ status: 0, said: '' });
}, 60_000);

test('it is opened again while the last one closes it, with a commit under way that nobody waits for any more', () => {
  const program = `
    for (let nth = 0; nth < 200; nth += 1) {
      const tables = shareLmdbTables(folder);
      const unheard = tables.root.transaction(() => {});
      const closing = tables.close();
      await turns(nth % 20);
      const again = shareLmdbTables(folder);
      await Promise.all([unheard, closing]);
      await again.counters.put('nth', String(nth));
      await again.close();
    }`;
  expect(run(program)).toEqual({ status: 0, said: '' });
}, 60_000);

test('who closes twice closes for nobody else, and the folder that is made anew is another store', async () => {
  const [one, other] = [openStore(`lmdb:${folder}`), openStore(`lmdb:${folder}/../${folder.split('/').at(-1)}/`)];
  await one.close();
  await one.close();
  await other.commit({ refs: [{ op: 'put', name: 'here', value: 1 }] });
  await rm(folder, { recursive: true });
  const anew = openStore(`lmdb:${folder}`);
  expect(await anew.readRef('here')).toBeUndefined();
  await other.close();
  await anew.commit({ refs: [{ op: 'put', name: 'there', value: 2 }] });
  const last = openStore(`lmdb:${folder}`);
  expect(await last.readRef('there')).toMatchObject({ value: 2 });
  await Promise.all([anew.close(), last.close()]);
});

test('two stores are two where numbers of files have more bits than a double holds', () => {
  // As NTFS and others number them, for which the numbers of this file system stand here.
  const numbers = `
    const fs = require('node:fs');
    const numberOf = fs.statSync;
    const seen = [];
    fs.statSync = (path, options) => {
      const found = numberOf(path, options);
      if (!found) return found;
      if (!seen.includes(String(found.ino))) seen.push(String(found.ino));
      const ino = 2n ** 60n + BigInt(seen.indexOf(String(found.ino)));
      return Object.assign(found, { ino: options?.bigint ? ino : Number(ino) });
    };`;
  const program = `
    const stores = ['one', 'other', 'one', 'other'].map((name) => openStore('lmdb:' + folder + '/' + name));
    await stores[0].commit({ refs: [{ op: 'put', name: 'mine', value: 1 }] });
    const read = await Promise.all(stores.map((store) => store.readRef('mine')));
    process.stdout.write(read.map((ref) => ref?.value).join());
    for (const store of stores) await store.close()`;
  expect(run(program, numbers)).toEqual({ status: 0, said: '1,,1,' });
});

test('a commit that fails when nobody waits for it any more does not end the process', () => {
  // What a commit is waited for is over at once; and a limit on the size of files stands for the disk that is full.
  const inNoTime = `
    const later = setTimeout;
    globalThis.setTimeout = (work, ms, ...rest) => later(work, ms === 30_000 ? 0 : ms, ...rest);`;
  const program = `
    const store = openStore('lmdb:' + folder);
    const said = new Set();
    for (let nth = 0; nth < 60; nth += 1) {
      const objects = Array.from({ length: 10 }, () => require('node:crypto').randomBytes(100_000));
      await store.commit({ objects }).catch(({ message }) => said.add(message.match(/no commit within 30 s/)?.[0]));
    }
    await turns(1_000);
    process.stdout.write([...said].join())`;
  const { status, said } = run(program, inNoTime, '40000');
  expect([status, said]).toEqual([0, expect.stringContaining('no commit within 30 s')]);
  expect(said).not.toMatch(/Error|\n {4}at /);
}, 60_000);

/** Files of the store that this process holds open. */
async function held(): Promise<string[]> {
  const links = (await readdir('/proc/self/fd')).map((name) => readlink(`/proc/self/fd/${name}`).catch(() => ''));
  return (await Promise.all(links)).filter((path) => path.startsWith(folder));
}

const noFolder = (): Promise<void> => writeFile(join(folder, 'large'), 'no folder');
async function noTable(): Promise<void> {
  const root = open<string, Buffer>({ path: folder, noSubdir: false, encoding: 'string', keyEncoding: 'binary' });
  await root.put(Buffer.from('refs\0'), 'no table');
  await root.close();
}

(process.platform === 'linux' ? test : test.skip).each([
  ['a file stands where its large objects are', noFolder, /large/],
  ['something else is named as one of its tables', noTable, /INCOMPATIBLE/],
])('what cannot be opened whole is closed again: %s', async (_, spoil, why) => {
  await spoil();
  for (let nth = 0; nth < 3; nth += 1) expect(() => openStore(`lmdb:${folder}`)).toThrow(why);
  for (let turn = 0; turn < 100 && (await held()).length > 0; turn += 1) await new Promise(setImmediate);
  expect(await held()).toEqual([]);
});
