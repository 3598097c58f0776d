// Needs: the Temporal CLI (fetched if it is not there), loopback ports, `ps`. Starts and kills real servers.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Client, type Connection } from '@temporalio/client';
import { openConnection } from '../../infra/temporal/open-connection';
import { connectTemporal } from '../../infra/temporal/connect';
import { beginDatabase } from '../../infra/temporal/database-creation';
import { isListening } from '../../infra/temporal/free-ports';
import { processStartTime } from '../../infra/temporal/process-identity';
import { ensureSearchAttributes } from '../../infra/temporal/search-attributes';
import { serverArguments } from '../../infra/temporal/server-arguments';
import {
  startEmbeddedTemporal,
  type EmbeddedTemporal,
  type StartEmbeddedOptions,
} from '../../infra/temporal/start-embedded';
import { freshFolder, realCliPath, removeFolders, startProgram, until } from './given';

jest.setTimeout(120_000);

let cliPath: string;
const running: EmbeddedTemporal[] = [];

beforeAll(async () => {
  cliPath = await realCliPath();
}, 600_000);

afterEach(async () => {
  // Its own test shows that a server stops in order: here that second is saved.
  for (const server of running) if (!isGone(server.pid)) process.kill(-server.groupId, 'SIGKILL');
  await Promise.all(running.splice(0).map((server) => server.exited));
});

afterAll(removeFolders);

async function start(stateDir: string, more: Partial<StartEmbeddedOptions> = {}): Promise<EmbeddedTemporal> {
  const server = await startEmbeddedTemporal({ stateDir, cliPath, preferredPort: await freePort(), ...more });
  running.push(server);
  return server;
}

async function withClient<T>(server: EmbeddedTemporal, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await openConnection({ address: server.address });
  return use(new Client({ connection })).finally(() => connection.close());
}

function listen(port = 0): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(port, '127.0.0.1', () => resolve(server));
  });
}

const portOf = (server: Server) => (server.address() as { port: number }).port;

/** Below the range that systems choose from, so that the one 1000 above is a port as well. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (!(await isListening(port)) && !(await isListening(port + 1000))) return port;
  }
}

const isGone = (pid: number) => processStartTime(pid) === undefined;

test('a workflow outlives SIGKILL of the whole server group, again and again', async () => {
  const stateDir = freshFolder();
  for (let round = 0; round < 3; round++) {
    const exits: unknown[] = [];
    const server = await start(stateDir, { onExit: (exit) => exits.push(exit) });
    await withClient(server, async (client) => {
      for (let earlier = 0; earlier < round; earlier++) {
        const { status } = await client.workflow.getHandle(`run-${earlier}`).describe();
        expect(status.name).toBe('RUNNING');
      }
      await client.workflow.start('waits', { taskQueue: 'nobody', workflowId: `run-${round}` });
    });
    process.kill(-server.groupId, 'SIGKILL');
    expect(await server.exited).toMatchObject({ asked: false });
    expect(exits).toHaveLength(1);
    expect(isGone(server.pid)).toBe(true);
  }
});

test.each([60_000, 150_000, 250_000, 500_000])(
  'SIGKILL while the first start makes the tables (%d bytes of them) leaves nothing that the next start cannot mend',
  async (bytes) => {
    const stateDir = await folderWithHalfMadeDatabase(bytes);
    const server = await start(stateDir);
    await withClient(server, (client) => client.workflow.start('waits', { taskQueue: 'nobody', workflowId: 'kept' }));
    await server.stop();
    const again = await start(stateDir);
    await withClient(again, (client) => client.workflow.getHandle('kept').describe());
  },
);

test('the database is in WAL mode, and the folder is for its owner only', async () => {
  const stateDir = join(freshFolder(), 'state');
  await start(stateDir, { synchronous: 'FULL' });
  expect(existsSync(join(stateDir, 'temporal.db-wal'))).toBe(true);
  // SQLite's file header: bytes 18 and 19 are 2 in WAL mode, 1 in any other.
  expect([...readFileSync(join(stateDir, 'temporal.db')).subarray(18, 20)]).toEqual([2, 2]);
  expect(statSync(stateDir).mode & 0o077).toBe(0);
});

test('the server uses the preferred port and the one 1000 above it, and says where it is', async () => {
  const port = await freePort();
  const server = await start(freshFolder(), { preferredPort: port });
  expect(server).toMatchObject({ address: `127.0.0.1:${port}`, uiUrl: `http://localhost:${port + 1000}` });
  const page = await fetch(`http://127.0.0.1:${port + 1000}/`);
  expect(page.status).toBe(200);
});

test('taken ports are replaced by free ones', async () => {
  const port = await freePort();
  const [grpc, ui] = await Promise.all([listen(port), listen(port + 1000)]);
  try {
    const server = await start(freshFolder(), { preferredPort: portOf(grpc) });
    expect(server.address).not.toBe(`127.0.0.1:${port}`);
    expect(server.uiUrl).not.toBe(`http://localhost:${port + 1000}`);
    await withClient(server, (client) => client.connection.ensureConnected());
  } finally {
    grpc.close();
    ui.close();
  }
});

test('two folders that start at once on the same preferred port each get a server of their own', async () => {
  const preferredPort = await freePort();
  const servers = await Promise.all([1, 2].map(() => start(freshFolder(), { preferredPort })));
  const counts = await Promise.all(
    servers.map((server, index) =>
      withClient(server, async (client) => {
        await client.workflow.start('waits', { taskQueue: 'nobody', workflowId: `only-${index}` });
        const other = client.workflow.getHandle(`only-${1 - index}`);
        return other.describe().then(
          () => 'both',
          () => 'own',
        );
      }),
    ),
  );
  expect(counts).toEqual(['own', 'own']);
});

test('the server ends with a parent that is killed with SIGKILL', async () => {
  const program = startProgram('program-with-server.ts', [freshFolder(), cliPath, String(await freePort())]);
  const { pid } = JSON.parse(await program.nextLine()) as { pid: number };
  expect(isGone(pid)).toBe(false);
  program.child.kill('SIGKILL');
  await until('the server is gone', () => isGone(pid));
});

test('an orphan whose parent and supervisor were killed is ended before its database is opened again', async () => {
  const stateDir = freshFolder();
  const program = startProgram('program-with-server.ts', [stateDir, cliPath, String(await freePort())]);
  const { pid, groupId } = JSON.parse(await program.nextLine()) as { pid: number; groupId: number };
  // Stopped first, the parent cannot end the server when it sees its supervisor go.
  program.child.kill('SIGSTOP');
  const supervisors = processesOfGroup(groupId).filter((member) => member !== pid);
  for (const supervisor of supervisors) process.kill(supervisor, 'SIGKILL');
  await until('the supervisors are gone', () => supervisors.every(isGone));
  program.child.kill('SIGKILL');
  await until('the parent is gone', () => isGone(program.child.pid ?? 0));
  expect(supervisors.length).toBeGreaterThan(0);
  expect(isGone(pid)).toBe(false);
  const server = await start(stateDir);
  expect(isGone(pid)).toBe(true);
  expect(server.pid).not.toBe(pid);
});

test('when only the supervisor is killed, the server is ended before its exit is told', async () => {
  const server = await start(freshFolder());
  process.kill(server.groupId, 'SIGKILL');
  expect(await server.exited).toMatchObject({ asked: false });
  expect(isGone(server.pid)).toBe(true);
});

test('a second server on the folder of a living one is refused, and the first goes on', async () => {
  const stateDir = freshFolder();
  const first = await start(stateDir);
  await expect(start(stateDir)).rejects.toThrow(new RegExp(`already runs, for process ${process.pid}`));
  await withClient(first, (client) => client.connection.ensureConnected());
});

test('stop is told apart from an exit, and may be called twice', async () => {
  const exits: unknown[] = [];
  const server = await start(freshFolder(), { onExit: (exit) => exits.push(exit) });
  await Promise.all([server.stop(), server.stop()]);
  expect(await server.exited).toMatchObject({ code: 0, asked: true });
  expect(exits).toEqual([]);
  expect(isGone(server.pid)).toBe(true);
});

test('a server that cannot start says why, in its own last words', async () => {
  const stateDir = freshFolder();
  writeFileSync(join(stateDir, 'temporal.db'), 'no database at all '.repeat(100));
  await expect(start(stateDir)).rejects.toMatchObject({
    name: 'TemporalStartError',
    message: expect.stringMatching(/ended[^\n]*logs\/temporal\.log:\n.*not a database/s) as string,
  });
});

test('search attributes are registered in a new database and added to an old one; another type is an error', async () => {
  const stateDir = freshFolder();
  const first = await start(stateDir, { searchAttributes: { Colour: 'Keyword' } });
  await first.stop();
  const server = await start(stateDir, { searchAttributes: { Colour: 'Keyword', Sizes: 'KeywordList' } });
  await withClient(server, async (client) => {
    const wanted = { Colour: 'Keyword', Sizes: 'KeywordList', Weight: 'Double' } as const;
    const add = () => ensureSearchAttributes(client.connection as Connection, 'default', wanted);
    expect((await Promise.all([add(), add()])).flat()).toContain('Weight');
    expect(await add()).toEqual([]);
    await client.workflow.start('waits', {
      taskQueue: 'nobody',
      workflowId: 'painted',
      searchAttributes: { Colour: ['red'], Sizes: ['s', 'm'], Weight: [1.5] },
    });
  });
  await server.stop();
  await expect(start(stateDir, { searchAttributes: { Colour: 'Int' } })).rejects.toThrow(
    /Search attribute Colour .* is of type Keyword, and Int is needed/,
  );
});

test('an external server is connected to by its address; an unknown namespace is one clear line', async () => {
  const { address } = await start(freshFolder());
  const external = { kind: 'external', connectionOptions: { address } } as const;
  await (await connectTemporal({ ...external, namespace: 'default' })).close();
  await expect(connectTemporal({ ...external, namespace: 'elsewhere' })).rejects.toThrow(
    `Temporal at ${address} has no namespace "elsewhere": create it, or set TEMPORAL_NAMESPACE.`,
  );
});

/** All tables together take 1.6 MB of the write-ahead log: a kill that came after them is done again. */
async function folderWithHalfMadeDatabase(bytes: number): Promise<string> {
  for (;;) {
    const stateDir = freshFolder();
    const database = join(stateDir, 'temporal.db');
    const size = () => statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    beginDatabase(database);
    const ports = { grpc: await freePort(), ui: await freePort(), http: await freePort() };
    const child = spawn(cliPath, serverArguments({ database, ports, synchronous: 'NORMAL' }), { stdio: 'ignore' });
    const exited = new Promise((resolve) => child.on('exit', resolve));
    // Looking from a loop that yields would come too late: the tables are made in 45 ms.
    const deadline = Date.now() + 20_000;
    while (size() < bytes && Date.now() < deadline);
    child.kill('SIGKILL');
    await exited;
    if (size() >= bytes && size() < 1_400_000) return stateDir;
  }
}

function processesOfGroup(groupId: number): number[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,pgid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number));
  return pairs.filter(([, group]) => group === groupId).map(([pid]) => pid ?? 0);
}
