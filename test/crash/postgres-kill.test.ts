// Needs: Postgres (initdb on PATH or under /usr/lib/postgresql), which it kills; as root also its user "postgres". The server is
// killed in mid-commit, time after time: nothing that was acknowledged is lost, nothing is half there, and the same store goes on.
import { createHash } from 'node:crypto';
import type { StoreBackend } from '../../activities/store/backend';
import { openPostgresBackend } from '../../activities/store/postgres-store';
import { describeWithPostgres, startPostgres } from '../stack/postgres';

const KILLS = 5;
const LANES = 6;

interface Commit {
  lane: number;
  at: number;
  names: string[];
}

const recordName = ({ lane, at }: Commit): string => `kill/${lane}/${String(at).padStart(6, '0')}`;

async function commit(store: StoreBackend, lane: number, at: number): Promise<Commit> {
  const bytes = [Buffer.from(`${lane} ${at}`), Buffer.alloc(at % 5 === lane ? 300_000 : 3_000, `${lane} ${at} `)];
  const objects = bytes.map((each) => ({ name: createHash('sha256').update(each).digest('hex'), bytes: each }));
  const done = { lane, at, names: objects.map(({ name }) => name) };
  const value = Buffer.from(String(at));
  await store.commit({
    objects,
    refs: [
      { op: 'create', name: recordName(done), value },
      { op: 'put', name: `kill-head/${lane}`, value },
    ],
  });
  return done;
}

/** Commits in order until the server is gone. @returns how the last one failed */
async function runLane(
  store: StoreBackend,
  lane: number,
  from: number,
  onCommit: (one: Commit) => void,
): Promise<unknown> {
  for (let at = from; ; at++) {
    try {
      onCommit(await commit(store, lane, at));
    } catch (error) {
      return error;
    }
  }
}

describeWithPostgres('kill -9 of Postgres', () => {
  test('loses nothing that was acknowledged and leaves nothing half written', async () => {
    const postgres = await startPostgres();
    const store = openPostgresBackend(postgres.freshUrl());
    const acknowledged: Commit[] = [];
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        // Another number each time, so that the kill falls into another moment of a commit.
        const enough = acknowledged.length + 40 + 17 * kill;
        let reached = (): void => undefined;
        const isTime = new Promise<void>((resolve) => (reached = resolve));
        const lanes = Array.from({ length: LANES }, (_, lane) =>
          runLane(store, lane, kill * 1_000_000, (one) => {
            acknowledged.push(one);
            if (acknowledged.length >= enough) reached();
          }),
        );
        await Promise.race([isTime, Promise.all(lanes)]);
        await postgres.kill();
        for (const error of await Promise.all(lanes)) {
          expect(error).toMatchObject({ type: 'Store.Unavailable', nonRetryable: false });
        }
        await postgres.start();
      }

      expect(acknowledged.length).toBeGreaterThan(KILLS * 40);
      for (const one of acknowledged) {
        expect(Buffer.from((await store.readRef(recordName(one)))?.value ?? []).toString()).toBe(String(one.at));
        expect((await store.get(one.names)).map((bytes) => bytes !== undefined)).toEqual([true, true]);
      }
      // Not acknowledged may still be there, but then whole: its head is as far as its records are, and its objects are there.
      const heads = await store.listRefs('kill-head/', { limit: 100 });
      expect(heads).toHaveLength(LANES);
      for (const head of heads) {
        const records = await store.listRefs(`kill/${head.name.slice('kill-head/'.length)}/`, { limit: 1_000_000 });
        expect(records.at(-1)?.value).toEqual(head.value);
      }
      const objects = await store.listObjects({ limit: 1_000_000 });
      const bytes = await store.get(objects.map(({ name }) => name));
      for (const [at, { name }] of objects.entries()) {
        expect(
          createHash('sha256')
            .update(bytes[at] ?? '')
            .digest('hex'),
        ).toBe(name);
      }
    } finally {
      await store.close();
      await postgres.remove();
    }
  });
});
