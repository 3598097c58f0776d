// Needs: a scratch folder, `sh`. The embedded store where things go wrong: disks that are full, folders that are not ours.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { objectHash } from '../../activities/store';
import { createGroupCommit } from '../../activities/store/group-commit';
import { shareLmdbTables } from '../../activities/store/lmdb-database';
import { openStore } from '../../activities/store/open-store';

const TOP = join(__dirname, '../..');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-test-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('opening', () => {
  test.each([
    ['mysql://user:hunter2@host/db', '"mysql"'],
    ['lmdb:', '"lmdb"'],
    ['memory:x', '"memory"'],
    ['', '""'],
    ['/a/folder', '"/a/folder"'],
  ])('another URL is one clear line, which holds no password: %s', (url, named) => {
    expect(() => openStore(url)).toThrow(
      `store ${named} is not known. Write "lmdb:<folder>", "postgres://<host>/<database>" or "memory:".`,
    );
  });

  test('a place that cannot be a folder is one clear line', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    expect(() => openStore(`lmdb:${file}`)).toThrow(
      expect.objectContaining({
        type: 'Store.Unavailable',
        message: expect.stringMatching(/^the store lmdb:.*file/),
      }) as Error,
    );
  });

  test('a database that is none is one clear line', async () => {
    await writeFile(join(folder, 'data.mdb'), Buffer.alloc(100_000, 7));
    expect(() => openStore(`lmdb:${folder}`)).toThrow(
      expect.objectContaining({
        type: 'Store.Unavailable',
        message: expect.stringContaining('data.mdb is not a database'),
      }) as Error,
    );
  });

  test('removes what a writer that died left half written, and nothing that may still be written', async () => {
    const large = join(folder, 'large');
    await mkdir(large);
    for (const name of ['old.part', 'young.part', 'whole']) await writeFile(join(large, name), 'x');
    for (const name of ['old.part', 'whole']) await utimes(join(large, name), new Date(0), new Date(0));
    await openStore(`lmdb:${folder}`).close();
    expect((await readdir(large)).sort()).toEqual(['whole', 'young.part']);
  });
});

test('a file of a large object that is gone is a missing object', async () => {
  const store = openStore(`lmdb:${folder}`);
  const [hash = ''] = (await store.commit({ objects: [randomBytes(300_000)] })).hashes;
  const [file = ''] = await readdir(join(folder, 'large'));
  expect(file.startsWith(hash)).toBe(true);
  await rm(join(folder, 'large', file));
  expect(await store.has([hash])).toEqual([false]);
  await expect(store.get([hash])).rejects.toMatchObject({ type: 'Store.ObjectMissing' });
  await store.close();
});

test('every put refreshes the time of an object, also of one that is there', async () => {
  const store = openStore(`lmdb:${folder}`);
  const { root, lastPut, close } = shareLmdbTables(folder);
  const object = Buffer.from('object');
  const time = (): number => lastPut.getBinary(Buffer.from(objectHash(object), 'hex'))?.readDoubleBE(0) ?? 0;
  await store.commit({ objects: [object] });
  root.resetReadTxn();
  const first = time();
  expect(Math.abs(Date.now() - first)).toBeLessThan(60_000);
  await lastPut.put(Buffer.from(objectHash(object), 'hex'), Buffer.alloc(8));
  await store.commit({ objects: [object] });
  root.resetReadTxn();
  expect(time()).toBeGreaterThanOrEqual(first);
  await close();
  await store.close();
});

test('what another process committed is read at once, without a turn of the event loop in between', async () => {
  const store = openStore(`lmdb:${folder}`);
  await store.commit({ refs: [{ op: 'put', name: 'shared', value: 'ours' }] });
  expect(await store.readRef('shared')).toMatchObject({ value: 'ours' });
  const { status } = spawnSync(
    process.execPath,
    ['-e', `${OPEN_STORE}.commit({ refs: [{ op: 'put', name: 'shared', value: 'theirs' }] })`, `lmdb:${folder}`],
    { cwd: TOP },
  );
  expect(status).toBe(0);
  expect(await store.readRef('shared')).toMatchObject({ value: 'theirs' });
  await store.close();
});

test('what is listed is found, whatever is being committed: a listing is not ahead of a reading', async () => {
  const store = openStore(`lmdb:${folder}`);
  let writing = true;
  const missing: string[] = [];
  const write = async (writer: number): Promise<void> => {
    for (let nth = 0; nth < 600; nth += 1) {
      const id = `${writer}-${nth}`;
      const [first, second] = [`record/${id}`, `under/${writer}-${nth % 20}/${id}`];
      await store.commit({ refs: [first, second].map((name) => ({ op: 'create', name, value: { id } })) });
    }
  };
  const read = async (writer: number): Promise<void> => {
    for (let nth = 0; writing; nth += 1) {
      const listed = await store.listRefs(`under/${writer}-${nth % 20}/`);
      const ids = listed.slice(-3).map(({ name }) => name.split('/').at(-1) ?? '');
      const found = await Promise.all(ids.map((id) => store.readRef(`record/${id}`)));
      missing.push(...ids.filter((_, at) => !found[at]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const readers = [0, 1, 2, 3].map(read);
  await Promise.all([0, 1, 2, 3].map(write)).finally(() => (writing = false));
  await Promise.all(readers);
  await store.close();
  expect(missing).toEqual([]);
}, 60_000);

test('a full disk is a typed failure that leaves the process and what was committed alone', async () => {
  // A limit on the size of files stands for the disk: the kernel refuses the write in the same place.
  const child = spawn(
    'sh',
    [
      '-c',
      'ulimit -f 4000 && exec "$0" "$@"',
      process.execPath,
      '-e',
      RUN_CHILD,
      require.resolve('./store-full-disk.ts'),
      folder,
    ],
    { cwd: TOP, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  // lmdb-js would write each refused commit to the console, with a stack.
  expect([code, Buffer.concat(errors).toString()]).toEqual([0, expect.not.stringMatching(/Error|\n {4}at /)]);
  const { small, large, last } = JSON.parse(Buffer.concat(output).toString()) as { [key: string]: unknown };
  expect([small, large]).toEqual(['Store.Unavailable', 'Store.Unavailable']);
  const store = openStore(`lmdb:${folder}`);
  expect(await store.readRef('last')).toMatchObject({ value: last });
  expect((await store.commit({ objects: [Buffer.alloc(100_000)] })).hashes).toHaveLength(1);
  await store.close();
  expect((await readdir(join(folder, 'large'))).filter((name) => name.endsWith('.part'))).toEqual([]);
});

const OPEN_STORE = `require('jiti')(process.cwd() + '/')('./activities/store/open-store').openStore(process.argv[1])`;
const RUN_CHILD = 'require("jiti")(process.cwd() + "/")(process.argv[1])';

test('what one process collects while another puts it again is there afterwards, whoever was first', async () => {
  const collector = spawn(process.execPath, ['-e', RUN_CHILD, require.resolve('./store-collector.ts'), folder], {
    cwd: TOP,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: collector.stdout })[Symbol.asyncIterator]();
  const store = openStore(`lmdb:${folder}`);
  try {
    expect((await lines.next()).value).toBe('ready');
    const large = randomBytes(1_000_000);
    let deletes = 0;
    for (let round = 0; round < 60; round++) {
      const [hash = ''] = (await store.commit({ objects: [large] })).hashes;
      const [{ lastPut } = { lastPut: Infinity }] = await store.listObjects();
      // What is put from now on is younger than what may be deleted.
      while (Date.now() <= lastPut + 1) await new Promise(setImmediate);
      collector.stdin.write(`${hash} ${lastPut + 1}\n`);
      // Sometimes the one is ahead, sometimes the other.
      for (let turn = 0; turn < round % 12; turn++) await store.has([hash]);
      const [answer] = await Promise.all([lines.next(), store.commit({ objects: [large] })]);
      deletes += Number(answer.value);
      expect(large.equals((await store.get([hash]))[0] ?? Buffer.of())).toBe(true);
    }
    expect(deletes).toBeGreaterThan(0);
    expect(await readdir(join(folder, 'large'))).toHaveLength(1);
  } finally {
    collector.stdin.end();
    await once(collector, 'close');
    await store.close();
  }
});

test('who collects garbage removes old files that nobody names, and no other', async () => {
  const store = openStore(`lmdb:${folder}`);
  const [hash = ''] = (await store.commit({ objects: [randomBytes(300_000)] })).hashes;
  const large = join(folder, 'large');
  const [kept = ''] = await readdir(large);
  const left = `${'0'.repeat(64)}.${randomUUID()}`;
  const young = `${hash}.${randomUUID()}`;
  for (const name of [left, young, 'notes.txt']) await writeFile(join(large, name), 'x');
  for (const name of [left, kept, 'notes.txt']) await utimes(join(large, name), new Date(0), new Date(0));
  expect(await store.deleteObjects([hash], 0)).toEqual([]);
  expect((await readdir(large)).sort()).toEqual([kept, young, 'notes.txt'].sort());
  await store.close();
});

test('a database of the first version is read, and mended into this one as it is put again', async () => {
  const small = Buffer.from('small');
  const large = randomBytes(300_000);
  const names = [objectHash(small), objectHash(large)] as const;
  const { objects, refs, close } = shareLmdbTables(folder);
  await objects.put(Buffer.from(names[0], 'hex'), Buffer.concat([Buffer.of(0), small]));
  await objects.put(Buffer.from(names[1], 'hex'), Buffer.of(1));
  await refs.put('call/1', Buffer.from('{"expiresAt":99999999999999,"value":{"a":["ü"]},"version":7}'));
  await close();
  await mkdir(join(folder, 'large'));
  await writeFile(join(folder, 'large', names[1]), large);

  const store = openStore(`lmdb:${folder}`);
  const ref = { name: 'call/1', version: 7, value: { a: ['ü'] }, expiresAt: 99_999_999_999_999 };
  expect(await store.readRef('call/1')).toEqual(ref);
  expect(await store.listRefs('')).toEqual([ref]);
  for (let time = 0; time < 2; time++) {
    expect((await store.get(names)).map((bytes) => Buffer.from(bytes))).toEqual([small, large]);
    expect(await store.has(names)).toEqual([true, true]);
    await store.commit({ objects: [small, large] });
  }
  expect(await readdir(join(folder, 'large'))).not.toContain(names[1]);
  expect((await store.deleteObjects(names, Date.now() + 60_000)).sort()).toEqual([...names].sort());
  expect(await readdir(join(folder, 'large'))).toEqual([]);
  await store.close();
});

describe('group commit', () => {
  test('what is asked during a flush shares the next one, in order, and groups are bounded', async () => {
    const groups: number[][] = [];
    const group = createGroupCommit<number, number>((requests) => {
      groups.push([...requests]);
      return new Promise((resolve) => setImmediate(() => resolve(requests.map((request) => request * 2))));
    }, 3);
    const first = [1, 2].map((request) => group.submit(request));
    await new Promise(process.nextTick);
    const later = [3, 4, 5, 6].map((request) => group.submit(request));
    expect(await Promise.all([...first, ...later])).toEqual([2, 4, 6, 8, 10, 12]);
    expect(groups).toEqual([[1, 2], [3, 4, 5], [6]]);
    await group.idle();
  });

  test('a failed flush fails its group alone', async () => {
    const group = createGroupCommit<number, number>(
      (requests) => (requests.includes(1) ? Promise.reject(new Error('disk')) : Promise.resolve(requests)),
      1,
    );
    const results = await Promise.allSettled([group.submit(1), group.submit(2)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });
});

test('a ref that is damaged fails who needs it, and nobody who shares a transaction with them', async () => {
  const { refs, close } = shareLmdbTables(folder);
  await refs.put('damaged', Buffer.from('no record'));
  await close();
  const store = openStore(`lmdb:${folder}`);
  const settled = await Promise.allSettled([
    store.commit({ refs: [{ op: 'put', name: 'before', value: 1 }] }),
    store.commit({ objects: [Buffer.from('lost')], refs: [{ op: 'create', name: 'damaged', value: 2 }] }),
    store.deleteRef('damaged'),
    store.commit({ refs: [{ op: 'create', name: 'behind', value: 3 }] }),
  ]);
  const corrupt = {
    status: 'rejected',
    reason: { type: 'Store.ObjectCorrupt', message: expect.stringContaining('damaged') },
  };
  expect(settled).toMatchObject([{ status: 'fulfilled' }, corrupt, corrupt, { status: 'fulfilled' }]);
  expect(await store.readRef('behind')).toMatchObject({ value: 3 });
  expect(await store.has([objectHash(Buffer.from('lost'))])).toEqual([false]);
  // Put writes whatever was there.
  await store.commit({ refs: [{ op: 'put', name: 'damaged', value: 4 }] });
  expect(await store.readRef('damaged')).toMatchObject({ value: 4 });
  await store.close();
});
