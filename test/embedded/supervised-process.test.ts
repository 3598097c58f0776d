// Needs: sh, and processes of its own (no network, no Temporal).
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '../../infra/temporal/process-identity';
import { startSupervised } from '../../infra/temporal/supervised-process';
import { freshFolder, removeFolders, until } from './given';

afterAll(removeFolders);

/** Runs a program text under Node; what it prints is in `log()`. */
async function run(program: string) {
  const file = join(freshFolder(), 'log');
  const logFd = openSync(file, 'a');
  const started = await startSupervised([process.execPath, '-e', program], {
    env: process.env,
    logFd,
    terminateSeconds: 1,
  });
  closeSync(logFd);
  return { started, log: () => readFileSync(file, 'utf8') };
}

test('a command that ends by itself tells its exit code, and that nobody asked', async () => {
  const { started, log } = await run('setTimeout(() => { console.log("done"); process.exit(7) }, 200)');
  expect(await started?.exited).toEqual({ code: 7, asked: false });
  expect(log()).toBe('done\n');
});

test('stop lets a command end in its own way', async () => {
  const { started, log } = await run(
    'process.on("SIGTERM", () => { console.log("bye"); process.exit(0) }); setInterval(() => {}, 1e6); console.log("up")',
  );
  await until('it is up', () => log().includes('up'));
  expect(await started?.stop()).toEqual({ code: 0, asked: true });
  expect(log()).toBe('up\nbye\n');
}, 30_000);

test('a command that ignores SIGTERM is killed', async () => {
  const { started, log } = await run(
    'process.on("SIGTERM", () => console.log("no")); setInterval(() => {}, 1e6); console.log("up")',
  );
  await until('it is up', () => log().includes('up'));
  if (!started) throw new Error('it is up');
  expect(await started.stop()).toEqual({ code: 128 + 9, asked: true });
  expect(log()).toMatch(/^up\nno\n/);
  expect(isAlive(started.identity)).toBe(false);
}, 30_000);

test('a command that does not exist ends with the shell’s 127, or before it could be told apart', async () => {
  const logFd = openSync(join(freshFolder(), 'log'), 'a');
  const started = await startSupervised(['/nowhere/command'], { env: process.env, logFd });
  closeSync(logFd);
  expect((await started?.exited) ?? { code: 127, asked: false }).toEqual({ code: 127, asked: false });
});
