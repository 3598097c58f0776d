// Needs: a scratch folder; Postgres where there is one. Every way to watch answers keeps to the same contract.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { openKeyRing } from '../../activities/keys';
import { openTextPublisher, openTextReader, type StreamsPlace } from '../../activities/stream/open-streams';
import { addressOf, listSockets, markOf, streamsFolder } from '../../activities/stream/socket-folder';
import { describeWithPostgres, startPostgres, type TestPostgres } from '../stack/postgres';
import { textStreamsSuite } from './text-streams.spec';

textStreamsSuite('sockets', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'longhaul-test-'));
  const placeOf = (name: string): StreamsPlace => ({ store: 'lmdb:elsewhere', stateDir: join(scratch, name) });
  const between = new Set<Socket>();
  let workers = 0;
  return Promise.resolve({
    // Each in a folder of its own; what stands in the readers' folder for it can be cut.
    publisher: async () => {
      const place = placeOf(`worker-${(workers += 1)}`);
      const made = await openTextPublisher(place);
      const [name = ''] = await listSockets(place.stateDir);
      const { stateDir } = placeOf('readers');
      mkdirSync(streamsFolder(stateDir), { recursive: true });
      const server = createServer((socket) => {
        const onward = createConnection(addressOf(place.stateDir, name));
        for (const [one, other] of [
          [socket, onward],
          [onward, socket],
        ] as const) {
          between.add(one);
          one.on('error', () => undefined).on('close', () => other.destroy());
          one.pipe(other);
        }
      });
      await new Promise<void>((resolve) => server.listen(addressOf(stateDir, name), resolve));
      writeFileSync(markOf(stateDir, name), '');
      return {
        ...made,
        close: async () => {
          await made.close();
          server.close();
        },
      };
    },
    reader: () => openTextReader(placeOf('readers')),
    breakAll: () => {
      if (![...between].some(({ destroyed }) => !destroyed)) throw new Error('there was no connection to cut.');
      for (const socket of between) socket.destroy();
      return Promise.resolve();
    },
    remove: () => Promise.resolve(rmSync(scratch, { recursive: true })),
  });
});

describeWithPostgres('with Postgres', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  }, 60_000);
  afterAll(() => postgres.remove());

  for (const keys of [undefined, openKeyRing(`2026a:${randomBytes(32).toString('base64')}`)]) {
    textStreamsSuite(keys ? 'Postgres, sealed' : 'Postgres', () => {
      const store = postgres.freshUrl();
      const place = { store, stateDir: '/nowhere', keys };
      return Promise.resolve({
        publisher: () => openTextPublisher(place),
        reader: () => openTextReader(place),
        breakAll: () => cutConnections(store),
        remove: () => Promise.resolve(),
      });
    });
  }
});

async function cutConnections(connectionString: string): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  const { rowCount } = await client.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'longhaul-streams'",
  );
  await client.end();
  if (rowCount === 0) throw new Error('there was no connection to cut.');
}
