// A real Postgres for tests: its own data in a temporary folder, flushed to disk as in production, on a loopback port, with a
// password; its text sorts as people sort, so that who needs another order must ask for it.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { freePort } from './free-port';

const USER = 'longhaul';
/** With characters that a URL must escape, so that every test shows that they are. */
const PASSWORD = 'p@ss/w%rd';
/** Where distributions put the programs of each version, none of them on PATH. */
const VERSIONS = '/usr/lib/postgresql';
/** Between choosing a port and using it, another process may take it. */
const START_ATTEMPTS = 3;

export interface TestPostgres {
  /** A URL with a schema of its own each time. */
  freshUrl(): string;
  /** Waits until nothing of it runs. Fast: transactions under way are ended. */
  stop(): Promise<void>;
  /** SIGKILL to every process of the server at once. */
  kill(): Promise<void>;
  /** Again, on the same port and data. */
  start(): Promise<void>;
  /** Stops it, and removes its data. */
  remove(): Promise<void>;
}

interface Account {
  uid?: number;
  gid?: number;
}

/** Whether there is one to start; where not, why, for whoever reads that tests were skipped. */
function postgresAvailable(): { ok: true; bin: string; account: Account } | { ok: false; why: string } {
  const bin = findBin();
  if (bin === undefined) return { ok: false, why: `no initdb of Postgres on PATH or under ${VERSIONS}` };
  if (process.getuid?.() !== 0) return { ok: true, bin, account: {} };
  try {
    const id = (flag: string): number =>
      Number(execFileSync('id', [flag, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] }));
    return { ok: true, bin, account: { uid: id('-u'), gid: id('-g') } };
  } catch {
    return { ok: false, why: 'Postgres refuses to run as root, and there is no user "postgres" to run it as' };
  }
}

/** A block of tests that need Postgres: skipped, with the reason in its name, where there is none. */
export function describeWithPostgres(name: string, body: () => void): void {
  const available = postgresAvailable();
  if (available.ok) describe(name, body);
  else describe.skip(`${name} (skipped: ${available.why})`, body);
}

export async function startPostgres(): Promise<TestPostgres> {
  const available = postgresAvailable();
  if (!available.ok) throw new Error(`${available.why}.`);
  const { bin, account } = available;
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-test-pg-'));
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, PASSWORD);
  if (account.uid !== undefined && account.gid !== undefined) {
    for (const path of [folder, passwordFile]) await chown(path, account.uid, account.gid);
  }
  // What is written here is flushed with the first checkpoint; a power cut before it is no test of ours.
  const setUp = ['-D', data, '-U', USER, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--no-sync'];
  execFileSync(join(bin, 'initdb'), [...setUp, ...localeOptions(bin)], {
    ...account,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });

  let port = 0;
  let server: ChildProcess | undefined;
  let schemas = 0;
  const atExit = (): void => void server?.kill('SIGKILL');
  process.once('exit', atExit);

  async function start(): Promise<void> {
    for (let attempt = 1; server === undefined; attempt++) {
      port ||= await freePort();
      const child = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), '-k', folder, ...settings()], {
        ...account,
        cwd: folder,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const said = await untilReady(child);
      if (said === undefined) server = child;
      else if (attempt === START_ATTEMPTS) throw new Error(`Postgres does not start: ${said}`);
      else if (schemas === 0) port = 0;
    }
  }

  async function end(signal: (child: ChildProcess) => void): Promise<void> {
    if (server === undefined) return;
    const child = server;
    server = undefined;
    const ended = once(child, 'close');
    signal(child);
    // Closed, and not ended: its children hold the same pipe, and so are gone as well.
    await ended;
  }
  const stop = (): Promise<void> => end((child) => child.kill('SIGINT'));

  await start();
  return {
    freshUrl: () =>
      `postgres://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres?schema=test_${++schemas}`,
    start,
    stop,
    kill: () => end(killAll),
    remove: async () => {
      await stop();
      process.removeListener('exit', atExit);
      await rm(folder, { recursive: true });
    },
  };
}

/** Its children first: without their parent they would finish what they are at. */
function killAll(child: ChildProcess): void {
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(child.pid)], { encoding: 'utf8' });
  for (const pid of children.split(/\s+/).filter(Boolean).map(Number)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Ended by itself meanwhile.
    }
  }
  child.kill('SIGKILL');
}

const settings = (): string[] =>
  [
    'listen_addresses=127.0.0.1',
    'fsync=on',
    'shared_buffers=32MB',
    'max_connections=100',
    'log_min_messages=log',
  ].flatMap((setting) => ['-c', setting]);

/** @returns what it said instead, when it ended without getting ready */
async function untilReady(child: ChildProcess): Promise<string | undefined> {
  const said: string[] = [];
  if (child.stderr === null) throw new Error('Postgres was started without a pipe.');
  const lines = createInterface({ input: child.stderr });
  return await new Promise((resolve) => {
    lines.on('line', (line) => {
      said.push(line);
      if (line.includes('database system is ready to accept connections')) resolve(undefined);
    });
    lines.once('close', () => resolve(said.slice(-5).join('\n')));
  });
}

function findBin(): string | undefined {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : [];
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const found = [...versions.map((version) => join(VERSIONS, version, 'bin')), ...onPath]
    .map((folder) => join(folder, 'initdb'))
    .find((path) => existsSync(path));
  // The other programs are beside the real file, where this one is a link.
  return found === undefined ? undefined : dirname(realpathSync(found));
}

/** Since version 15. */
function localeOptions(bin: string): string[] {
  const version = /(\d+)/.exec(execFileSync(join(bin, 'initdb'), ['--version'], { encoding: 'utf8' }))?.[1];
  return Number(version) >= 15 ? ['--locale=C', '--locale-provider=icu', '--icu-locale=en-US'] : ['--locale=C'];
}

/** Of all its tables, indexes and the log of writes not counted. */
export async function databaseBytes(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ bytes: string }>('SELECT pg_database_size(current_database()) AS bytes');
    return Number(rows[0]?.bytes ?? 0);
  } finally {
    await client.end();
  }
}
