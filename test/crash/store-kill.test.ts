// Needs: a scratch folder; starts processes and kills them. Two writers on one embedded store, killed in mid-commit: nothing that was
// acknowledged is lost, nothing is half there, and whoever is left goes on.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openStore } from '../../activities/store/open-store';

const KILLS = 12;
const TOP = join(__dirname, '../..');
const RUN_CHILD = 'require("jiti")(process.cwd() + "/")(process.argv[1])';

interface Acknowledged {
  name: string;
  hashes: string[];
}

interface Writer {
  process: ChildProcess;
  acknowledged: Acknowledged[];
  /** Resolves when it has acknowledged so many since it started. */
  reached(count: number): Promise<void>;
  kill(): Promise<void>;
}

function startWriter(folder: string, name: string): Writer {
  const child = spawn(process.execPath, ['-e', RUN_CHILD, require.resolve('./store-writer.ts'), folder, name], {
    cwd: TOP,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: Acknowledged[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    acknowledged.push(JSON.parse(line) as Acknowledged);
    for (const each of waiting) if (acknowledged.length >= each.count) each.resolve();
  });
  const ended = once(lines, 'close');
  return {
    process: child,
    acknowledged,
    reached: (count) =>
      new Promise((resolve, reject) => {
        if (acknowledged.length >= count) return resolve();
        waiting.push({ count, resolve });
        child.once('exit', () => reject(new Error(`writer ${name} ended by itself`)));
      }),
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

test('kill -9 of writers loses nothing that was acknowledged and leaves nothing half written', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-test-'));
  const everything: Acknowledged[] = [];
  const store = openStore(`lmdb:${folder}`);
  let generation = 0;
  let writers = [startWriter(folder, `w${generation++}`), startWriter(folder, `w${generation++}`)];
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      // Another number each time, so that the kill falls into another moment of a commit.
      await Promise.all(writers.map((writer) => writer.reached(writer.acknowledged.length + 5 + 3 * kill)));
      const [victim, survivor] = writers as [Writer, Writer];
      await victim.kill();
      everything.push(...victim.acknowledged);
      writers = [survivor, startWriter(folder, `w${generation++}`)];
    }
    for (const writer of writers) {
      await writer.reached(writer.acknowledged.length + 1);
      await writer.kill();
      everything.push(...writer.acknowledged);
    }

    expect(everything.length).toBeGreaterThan(KILLS * 5);
    for (const { name, hashes } of everything) {
      expect(await store.readRef(name)).toBeDefined();
      expect(await store.get(hashes)).toHaveLength(hashes.length);
    }
    // Not acknowledged may still be there, but then whole: its head is as far as its records are.
    for (const head of await store.listRefs('kill-head/')) {
      const records = await store.listRefs(head.name.replace('kill-head/', 'kill/') + '/', { limit: 1_000_000 });
      expect(records.at(-1)?.value).toEqual(head.value);
      expect(records.map(({ value }) => (value as { at: number }).at)).toEqual(records.map((_, at) => at));
    }
    expect((await store.commit({ refs: [{ op: 'create', name: 'after', value: 1 }] })).conflicts).toEqual([]);
  } finally {
    for (const writer of writers) writer.process.kill('SIGKILL');
    await store.close();
    await rm(folder, { recursive: true });
  }
}, 60_000);
