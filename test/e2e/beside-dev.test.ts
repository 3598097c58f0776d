// Needs: the built command line (npm run build), a Temporal CLI, free ports. What other commands do beside a `dev` that was given a
// store of its own, and what happens to a command whose reader leaves.
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CLI, cleanEnv, cli, scratchFolder, startCli, until, type RunningProcess } from './cli';

const project = scratchFolder();
let dev: RunningProcess;

beforeAll(async () => {
  writeFileSync(path.join(project, 'package.json'), '{"private":true}');
  expect((await cli(['init'], { cwd: project })).code).toBe(0);
  dev = await startCli(['dev', '--metrics-port', '0', '--store', 'lmdb:apart'], { cwd: project });
  await dev.saying(/^ready /m);
});
afterAll(async () => {
  dev.kill('SIGTERM');
  await dev.ended;
});

test('submit hands its run to that store, and every command sees it there', async () => {
  const submitted = await cli(['submit', 'hello'], { cwd: project });
  expect(submitted).toMatchObject({ code: 0, stderr: '' });
  const id = submitted.stdout.trim();
  expect(await cli(['tail', id], { cwd: project })).toMatchObject({ code: 0, stdout: 'Hello, world!\n' });
  expect(await cli(['show', id], { cwd: project })).toMatchObject({ code: 0 });
  const listed = await cli(['list', '--json'], { cwd: project });
  expect(JSON.parse(listed.stdout)).toMatchObject({ runs: [{ id, status: 'completed' }], more: false });
});

test.each(['submit', 'run'])('%s with another store is refused: nobody would read it there', async (command) => {
  const told = await cli([command, 'hello', '--store', 'lmdb:other'], { cwd: project });
  expect(told).toMatchObject({ code: 2, stdout: '' });
  expect(told.stderr).toMatch(/^error {2}the running longhaul of this folder uses the store lmdb:.*apart.*\n$/);
});

test.each([['worker'], ['list'], ['submit', 'hello'], ['run', 'hello']])(
  'a store that is none is an error of use: %s',
  async (...args) => {
    const told = await cli([...args, '--store', 'nowhere'], { cwd: project, env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
    expect(told).toMatchObject({ code: 2, stdout: '' });
    expect(told.stderr).toMatch(/^error {2}store "nowhere" is not known/);
  },
);

test('a worker beside it says with --json what it works for, and works on', async () => {
  const worker = await startCli(['worker', '--json'], { cwd: project });
  await worker.saying(/"ready": true[^]*\n\}\n/);
  expect(JSON.parse(worker.stdout())).toMatchObject({
    pid: worker.pid,
    identity: expect.stringMatching(new RegExp(`^${worker.pid}@`)) as string,
    namespace: 'default',
    taskQueue: 'agents',
    agents: [{ name: 'hello' }],
  });
  worker.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
});

test('what is mended without a change, and what is removed, is said; a removed agent takes no new runs', async () => {
  const folder = path.join(project, 'agents', 'extra');
  const file = path.join(folder, 'agent.ts');
  const saved = dev.saying(/^saved {4}extra: /m);
  cpSync(path.join(project, 'agents', 'hello'), folder, { recursive: true });
  const good = readFileSync(file, 'utf8').replace("name: 'hello'", "name: 'extra'");
  writeFileSync(file, good);
  await saved;

  const told = dev.saying(/^problem {2}agents\/extra\/agent\.ts:\d+: /m);
  writeFileSync(file, `${good}\n= 1;\n`);
  await told;
  const mended = dev.saying(/^mended {3}agents\/extra\/agent\.ts$/m);
  writeFileSync(file, good);
  await mended;

  const removed = dev.saying(/^removed {2}extra: new runs of it are refused$/m);
  rmSync(folder, { recursive: true });
  await removed;
  const refused = await cli(['submit', 'extra'], { cwd: project });
  expect(refused).toMatchObject({ code: 2, stderr: 'error  there is no agent "extra". Known: hello.\n' });
});

test('an agent that does not load is refused with the reason, as it is without a dev', async () => {
  const folder = path.join(project, 'agents', 'typo');
  const told = dev.saying(/^problem {2}agents\/typo\/agent\.ts/m);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'agent.ts'), 'const a = = 1;\n');
  await told;
  for (const command of ['submit', 'run']) {
    const refused = await cli([command, 'typo'], { cwd: project });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/^error {2}there is no agent "typo" that loads: agents\/typo\/agent\.ts:1: /m);
  }
  rmSync(folder, { recursive: true });
});

test('a command whose reader has seen enough ends, without a word', async () => {
  const env = await cleanEnv();
  const child = spawn(process.execPath, [CLI, 'list'], { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect({ code, said }).toEqual({ code: 0, said: '' });
});

test('one that runs until it is stopped is stopped so', async () => {
  const env = await cleanEnv();
  const args = [CLI, 'worker', '--json'];
  const child = spawn(process.execPath, args, { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let code: number | null | undefined;
  child.once('close', (ended) => (code = ended));
  await until('end of a worker that nobody reads', () => code !== undefined);
  expect(code).toBe(0);
});
