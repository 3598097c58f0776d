// Needs: Postgres (initdb on PATH or under /usr/lib/postgresql); as root also its user "postgres". The store in Postgres where things
// go wrong: many at once, servers that are away, full, slow or refuse.
import { createHash } from 'node:crypto';
import { Client } from 'pg';
import type { StoreBackend } from '../../activities/store/backend';
import { openPostgresBackend } from '../../activities/store/postgres-store';
import { describeWithPostgres, startPostgres, type TestPostgres } from '../stack/postgres';

const text = (value: string): Buffer => Buffer.from(value);
const object = (bytes: Buffer) => ({ name: createHash('sha256').update(bytes).digest('hex'), bytes });
const unavailable = (message: RegExp) => ({
  type: 'Store.Unavailable',
  nonRetryable: false,
  message: expect.stringMatching(message) as string,
});

describeWithPostgres('store in Postgres', () => {
  let postgres: TestPostgres;
  let url: string;
  const opened: StoreBackend[] = [];
  const clients: Client[] = [];
  const open = (at = url, options = {}): StoreBackend => {
    const backend = openPostgresBackend(at, options);
    opened.push(backend);
    return backend;
  };
  /** Another user of the same tables, who sees and does what no store would. */
  const connect = async (): Promise<Client> => {
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    await client.query(`SET search_path TO ${new URL(url).searchParams.get('schema')}`);
    return client;
  };
  const count = async (client: Client, query: string): Promise<number> => {
    const { rows } = await client.query<{ count: string }>(query);
    return Number(rows[0]?.count);
  };
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    while (!(await holds())) await new Promise(setImmediate);
  };
  const someoneWaits = (client: Client) => () =>
    count(client, 'SELECT count(*) FROM pg_locks WHERE NOT granted').then((waiting) => waiting > 0);

  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.remove());
  beforeEach(() => {
    url = postgres.freshUrl();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((backend) => backend.close()));
    await Promise.all(clients.splice(0).map((client) => client.end()));
  });

  describe('many at once', () => {
    test('count one ref up by compare-and-set, each exactly once', async () => {
      const stores = Array.from({ length: 8 }, () => open());
      await stores[0]?.commit({ objects: [], refs: [{ op: 'put', name: 'n', value: text('0') }] });
      const add = async (store: StoreBackend): Promise<void> => {
        for (;;) {
          const { version = 0, value = text('') } = (await store.readRef('n')) ?? {};
          const next = text(String(Number(Buffer.from(value).toString()) + 1));
          const write = { op: 'compare-and-set', name: 'n', version, value: next } as const;
          if ((await store.commit({ objects: [], refs: [write] })).conflicts.length === 0) return;
        }
      };
      await Promise.all(
        stores.map(async (store) => {
          for (let time = 0; time < 50; time++) await add(store);
        }),
      );
      expect(Buffer.from((await stores[0]?.readRef('n'))?.value ?? []).toString()).toBe('400');
    });

    test('create one name: one does, whatever else its commit holds; the others write none of their refs', async () => {
      const stores = Array.from({ length: 8 }, () => open());
      for (let round = 0; round < 20; round++) {
        const results = await Promise.all(
          stores.map((store, at) =>
            store.commit({
              objects: [object(text(`${round} ${at}`))],
              refs: [
                { op: 'put', name: `of/${round}/${at}`, value: text('1') },
                { op: 'create', name: `race/${round}`, value: text(String(at)) },
              ],
            }),
          ),
        );
        const winners = results.flatMap(({ conflicts }, at) => (conflicts.length === 0 ? [at] : []));
        expect(winners).toHaveLength(1);
        const [store] = stores;
        expect((await store?.listRefs(`of/${round}/`, { limit: 10 }))?.map(({ name }) => name)).toEqual([
          `of/${round}/${winners[0]}`,
        ]);
        expect(Buffer.from((await store?.readRef(`race/${round}`))?.value ?? []).toString()).toBe(String(winners[0]));
        const names = stores.map((_, at) => object(text(`${round} ${at}`)).name);
        expect(await store?.has(names)).toEqual(stores.map(() => true));
      }
    });

    test('write the same refs and objects in any order without a deadlock', async () => {
      const stores = Array.from({ length: 6 }, () => open());
      const names = Array.from({ length: 8 }, (_, at) => `d/${at}`);
      const objects = names.map((name) => object(text(name)));
      const turned = <T>(items: readonly T[], by: number): T[] => [...items.slice(by), ...items.slice(0, by)];
      const results = await Promise.all(
        stores.map(async (store, at) => {
          for (let round = 0; round < 25; round++) {
            const by = (at * 3 + round) % names.length;
            const refs = turned(names, by).map((name) => ({ op: 'put' as const, name, value: text(`${at} ${round}`) }));
            await store.commit({ objects: turned(objects, by), refs: round % 2 ? refs : refs.reverse() });
          }
          await store.close();
        }),
      );
      expect(results).toHaveLength(6);
      const client = await connect();
      expect(
        await count(client, 'SELECT deadlocks AS count FROM pg_stat_database WHERE datname = current_database()'),
      ).toBe(0);
      const all = await open().listRefs('d/', { limit: 100 });
      expect(new Set(all.map(({ value }) => Buffer.from(value).toString())).size).toBe(1);
    });

    test('make the tables at once, in a place where there are none', async () => {
      const stores = Array.from({ length: 8 }, () => open());
      expect(await Promise.all(stores.map((store) => store.readRef('a')))).toEqual(stores.map(() => undefined));
      const client = await connect();
      expect(await count(client, 'SELECT count(*) FROM longhaul_schema')).toBe(1);
    });

    test('more than there are connections, all before the close', async () => {
      const store = open();
      const commits = Array.from({ length: 40 }, (_, at) =>
        store.commit({ objects: [], refs: [{ op: 'put', name: `w/${at}`, value: text('1') }] }),
      );
      const closing = store.close();
      expect(await Promise.all(commits)).toHaveLength(40);
      await closing;
      await expect(store.readRef('w/1')).rejects.toMatchObject(unavailable(/is closed/));
      expect(await open().listRefs('w/', { limit: 100 })).toHaveLength(40);
    });
  });

  describe('collection beside writers', () => {
    const kept = object(text('put again'));

    test('what is put again while its deletion waits stays', async () => {
      const store = open();
      await store.commit({ objects: [kept], refs: [] });
      const [{ lastPut } = { lastPut: 0 }] = await store.listObjects({ limit: 1 });
      const [client, watcher] = [await connect(), await connect()];
      await client.query('BEGIN');
      await client.query('UPDATE object_puts SET last_put = last_put + 1000');
      const deleting = store.deleteObjects([kept.name], lastPut + 1);
      await until(someoneWaits(watcher));
      await client.query('COMMIT');
      expect(await deleting).toEqual([]);
      expect((await store.get([kept.name]))[0]).toEqual(kept.bytes);
      expect(await store.deleteObjects([kept.name], lastPut + 1001)).toEqual([kept.name]);
      expect(await store.has([kept.name])).toEqual([false]);
      expect(await store.listObjects({ limit: 1 })).toEqual([]);
    });

    test('what is put while its deletion is not committed yet is there afterwards', async () => {
      const store = open();
      await store.commit({ objects: [kept], refs: [] });
      const [client, watcher] = [await connect(), await connect()];
      await client.query('BEGIN');
      await client.query('DELETE FROM object_puts');
      await client.query('DELETE FROM objects');
      const putting = store.commit({ objects: [kept], refs: [{ op: 'put', name: 'r', value: text('1') }] });
      await until(someoneWaits(watcher));
      await client.query('COMMIT');
      await putting;
      expect((await store.get([kept.name]))[0]).toEqual(kept.bytes);
      expect(await store.listObjects({ limit: 9 })).toHaveLength(1);
    });

    test('whichever comes first, a put that was acknowledged stays', async () => {
      const [writer, collector] = [open(), open()];
      const objects = Array.from({ length: 5 }, (_, at) => object(text(`raced ${at}`)));
      const names = objects.map(({ name }) => name);
      let deleted = 0;
      for (let round = 0; round < 60; round++) {
        await writer.commit({ objects, refs: [] });
        const before = Math.max(...(await writer.listObjects({ limit: 9 })).map(({ lastPut }) => lastPut)) + 1;
        await until(async () => Date.now() > before);
        const collecting = collector.deleteObjects([...names].reverse(), before);
        const [gone] = await Promise.all([collecting, writer.commit({ objects, refs: [] })]);
        deleted += gone.length;
        expect((await writer.get(names)).map((bytes) => Buffer.from(bytes ?? []).toString())).toEqual(
          objects.map(({ bytes }) => bytes.toString()),
        );
        expect(await writer.listObjects({ limit: 9 })).toHaveLength(5);
      }
      // Otherwise the two never met.
      expect(deleted).toBeGreaterThan(0);
    });

    test('putting again writes the time and not the object', async () => {
      const store = open();
      const large = object(Buffer.alloc(50_000, 7));
      await store.commit({ objects: [kept, large], refs: [] });
      const client = await connect();
      const rows = async (): Promise<unknown[]> =>
        (await client.query<{ ctid: string }>('SELECT ctid, xmin FROM objects ORDER BY name')).rows;
      const before = await rows();
      await client.query('UPDATE object_puts SET last_put = 5');
      await store.commit({ objects: [kept, large], refs: [] });
      expect(await rows()).toEqual(before);
      expect(await count(client, 'SELECT min(last_put) AS count FROM object_puts')).toBeGreaterThan(5);
      await client.query(`UPDATE objects SET bytes = 'other bytes'`);
      await store.commit({ objects: [kept, large], refs: [] });
      expect(await store.get([kept.name, large.name])).toEqual([kept.bytes, large.bytes]);
    });

    test('refs past their expiry do not stay on disk', async () => {
      const store = open();
      const refs = [
        { op: 'put' as const, name: 'old', value: text('1'), expiresAt: Date.now() - 1 },
        { op: 'put' as const, name: 'young', value: text('1'), expiresAt: Date.now() + 3_600_000 },
      ];
      await store.commit({ objects: [], refs });
      await store.close();
      expect((await (await connect()).query('SELECT name FROM refs')).rows).toEqual([{ name: 'young' }]);
    });
  });

  describe('faults', () => {
    test('a server that is away is a failure that is tried again, and the same store goes on when it is back', async () => {
      const store = open();
      const put = (name: string) => store.commit({ objects: [], refs: [{ op: 'put', name, value: text(name) }] });
      await put('before');
      await postgres.stop();
      try {
        for (let time = 0; time < 3; time++)
          await expect(put('lost')).rejects.toMatchObject(unavailable(/cannot be used/));
        await expect(store.get([object(text('x')).name])).rejects.toMatchObject(unavailable(/ECONNREFUSED/));
      } finally {
        await postgres.start();
      }
      await put('after');
      expect((await store.listRefs('', { limit: 9 })).map(({ name }) => name)).toEqual(['after', 'before']);
    });

    test('a store that is opened while the server is away works once it is there', async () => {
      await postgres.stop();
      const store = open();
      try {
        await expect(store.readRef('a')).rejects.toMatchObject(unavailable(/127\.0\.0\.1/));
      } finally {
        await postgres.start();
      }
      expect(await store.readRef('a')).toBeUndefined();
    });

    test('a connection that dies in the middle of a commit fails that commit alone, which left nothing', async () => {
      const store = open();
      await store.readRef('a');
      const [client, watcher] = [await connect(), await connect()];
      await client.query('BEGIN');
      await client.query('LOCK TABLE refs');
      const lost = store.commit({
        objects: [object(text('lost'))],
        refs: [{ op: 'put', name: 'lost', value: text('1') }],
      });
      const failed = expect(lost).rejects.toMatchObject(unavailable(/terminat/));
      await until(someoneWaits(watcher));
      await watcher.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'longhaul'`);
      await failed;
      await client.query('ROLLBACK');
      expect(await store.readRef('lost')).toBeUndefined();
      expect(await store.has([object(text('lost')).name])).toEqual([false]);
    });

    test('a statement that takes too long is ended', async () => {
      const store = open(url, { statementMs: 200 });
      await store.readRef('a');
      const client = await connect();
      await client.query('BEGIN');
      await client.query('LOCK TABLE refs');
      await expect(store.readRef('a')).rejects.toMatchObject(unavailable(/statement timeout.*57014/));
      await client.query('ROLLBACK');
      expect(await store.readRef('a')).toBeUndefined();
    });

    test('a disk that is full says so, and nothing of the commit is there', async () => {
      const store = open();
      await store.readRef('a');
      const client = await connect();
      // The server's own words and code, at the moment when it would write.
      await client.query(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'could not extend file "base/5/16384": No space left on device' USING ERRCODE = '53100'; END $$`);
      await client.query('CREATE TRIGGER full_disk BEFORE INSERT ON refs EXECUTE FUNCTION full_disk()');
      const request = {
        objects: [object(text('kept'))],
        refs: [{ op: 'put', name: 'a', value: text('1') } as const],
      };
      await expect(store.commit(request)).rejects.toMatchObject(unavailable(/No space left.*53100.*disk/));
      expect(await store.has([object(text('kept')).name])).toEqual([false]);
      await client.query('DROP TRIGGER full_disk ON refs');
      expect(await store.commit(request)).toEqual({ conflicts: [] });
    });

    test('tables that someone dropped are made again', async () => {
      const store = open();
      await store.commit({ objects: [], refs: [{ op: 'put', name: 'a', value: text('1') }] });
      const client = await connect();
      await client.query(`DROP SCHEMA ${new URL(url).searchParams.get('schema')} CASCADE`);
      await expect(store.readRef('a')).rejects.toMatchObject(unavailable(/does not exist/));
      expect(await store.readRef('a')).toBeUndefined();
    });

    test('tables of a later release are left alone', async () => {
      await open().readRef('a');
      await (await connect()).query('UPDATE longhaul_schema SET version = 99');
      await expect(open().readRef('a')).rejects.toMatchObject(unavailable(/version 99 of the schema.*update it/));
    });

    test('a worker needs no right to make tables where they are', async () => {
      await open().readRef('a');
      const schema = new URL(url).searchParams.get('schema');
      await (
        await connect()
      ).query(`
        CREATE ROLE worker LOGIN PASSWORD 'worker'; GRANT USAGE ON SCHEMA ${schema} TO worker;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO worker;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO worker`);
      const limited = new URL(url);
      limited.username = limited.password = 'worker';
      const store = open(limited.toString());
      await store.commit({ objects: [kept()], refs: [{ op: 'create', name: 'a', value: text('1') }] });
      expect(await store.has([kept().name])).toEqual([true]);
      limited.searchParams.set('schema', 'elsewhere');
      await expect(open(limited.toString()).readRef('a')).rejects.toMatchObject(unavailable(/permission denied/));
    });
    const kept = () => object(text('kept'));
  });

  describe('the URL', () => {
    test('a wrong password is a failure that says neither the wrong one nor more than needed', async () => {
      const wrong = new URL(url);
      wrong.password = 'hunter2@x';
      const store = open(wrong.toString());
      const error: unknown = await store.readRef('a').catch((reason: unknown) => reason);
      expect(error).toMatchObject(unavailable(/password authentication failed.*28P01.*user and password/));
      const everything = `${store.description} ${JSON.stringify(error)} ${String(error)} ${(error as Error).stack}`;
      expect(everything).not.toMatch(/hunter2|p@ss|p%40ss/);
    });

    test.each([
      'postgres://user:hunter2@/db',
      'postgres://user:hunter2%@host/db',
      'postgres://user:hunter2@host:port/db',
      'mysql://user:hunter2@host/db',
      'postgres://user:hunter2@host/db?schema=Robert"; DROP',
    ])('one that cannot be read is one clear line without the password: %s', (wrong) => {
      const failed = (): void => void openPostgresBackend(wrong);
      expect(failed).toThrow(/Write "postgres:|cannot name a schema/i);
      expect(failed).not.toThrow(/hunter2/);
    });

    test('a database that is not there is named', async () => {
      const other = new URL(url);
      other.pathname = '/nowhere';
      await expect(open(other.toString()).readRef('a')).rejects.toMatchObject(
        unavailable(/\/nowhere\?schema=test_\d+ cannot be used: database "nowhere" does not exist/),
      );
    });
  });
});
