// Needs: processes of its own (no network, no server).
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { acquireFolderLock, readFolderLock, type FolderLock } from '../../infra/temporal/folder-lock';
import { isAlive, ownIdentity, processStartTime } from '../../infra/temporal/process-identity';
import { freshFolder, removeFolders, startProgram, until } from './given';

afterAll(removeFolders);

function acquire(stateDir: string): FolderLock {
  const result = acquireFolderLock(stateDir);
  if (!result.acquired) throw new Error(`held by ${result.heldBy.pid}`);
  return result.lock;
}

test('a folder is held by one, whose published words the others read', () => {
  const stateDir = freshFolder();
  const lock = acquire(stateDir);
  lock.publish({ address: '127.0.0.1:7233' });
  const second = acquireFolderLock(stateDir);
  expect(second).toMatchObject({
    acquired: false,
    heldBy: { pid: process.pid, info: { address: '127.0.0.1:7233' } },
  });
  expect(readFolderLock(stateDir)?.info).toEqual({ address: '127.0.0.1:7233' });
});

test('a released folder is free, and what its last holder says afterwards changes nothing', () => {
  const stateDir = freshFolder();
  const first = acquire(stateDir);
  first.release();
  expect(readFolderLock(stateDir)).toBeUndefined();
  acquire(stateDir).publish({ turn: 2 });
  first.publish({ turn: 1 });
  first.release();
  expect(readFolderLock(stateDir)?.info).toEqual({ turn: 2 });
});

test('a folder nobody ever locked, and one whose lock is no lock, are free', () => {
  const stateDir = freshFolder();
  expect(readFolderLock(stateDir)).toBeUndefined();
  mkdirSync(join(stateDir, 'lock'));
  writeFileSync(join(stateDir, 'lock', '00000003.json'), '');
  expect(readFolderLock(stateDir)).toBeUndefined();
  acquire(stateDir);
  expect(readdirSync(join(stateDir, 'lock'))).toEqual(['00000004.json']);
});

test('a pid that now belongs to another process holds nothing', () => {
  const stateDir = freshFolder();
  mkdirSync(join(stateDir, 'lock'));
  const stale = { pid: process.pid, startTime: 'of an earlier process', info: {}, released: false };
  writeFileSync(join(stateDir, 'lock', '00000001.json'), JSON.stringify(stale));
  expect(readFolderLock(stateDir)).toBeUndefined();
  acquire(stateDir);
  expect(readFolderLock(stateDir)?.startTime).toBe(ownIdentity().startTime);
});

test('a holder killed with SIGKILL leaves no lock', async () => {
  const stateDir = freshFolder();
  const program = startProgram('program-with-lock.ts', []);
  await program.nextLine();
  program.say(stateDir);
  const holder = Number(await program.nextLine());
  expect(acquireFolderLock(stateDir)).toMatchObject({ acquired: false, heldBy: { pid: holder } });
  program.child.kill('SIGKILL');
  await until('the holder is gone', () => processStartTime(holder) === undefined);
  acquire(stateDir);
}, 60_000);

test('of several that find a stale lock at once, one gets it, and the others learn who', async () => {
  const programs = Array.from({ length: 4 }, () => startProgram('program-with-lock.ts', []));
  await Promise.all(programs.map((program) => program.nextLine()));
  for (let round = 0; round < 25; round++) {
    const stateDir = freshFolder();
    mkdirSync(join(stateDir, 'lock'));
    const dead = { pid: process.pid, startTime: 'of an earlier process', info: {}, released: false };
    writeFileSync(join(stateDir, 'lock', '00000001.json'), JSON.stringify(dead));
    for (const program of programs) program.say(stateDir);
    const answers = await Promise.all(programs.map(async (program) => Number(await program.nextLine())));
    const winners = answers.filter((answer) => answer > 0);
    expect(winners).toHaveLength(1);
    expect(answers.filter((answer) => answer < 0)).toEqual([1, 2, 3].map(() => -(winners[0] ?? 0)));
  }
  for (const program of programs) program.child.stdin?.end();
}, 60_000);

test('a process is told apart from its zombie and from one that never was', async () => {
  expect(isAlive(ownIdentity())).toBe(true);
  const program = startProgram('program-with-lock.ts', []);
  await program.nextLine();
  const identity = { pid: program.child.pid ?? 0, startTime: processStartTime(program.child.pid ?? 0) ?? '' };
  expect(isAlive(identity)).toBe(true);
  program.child.kill('SIGKILL');
  await until('it counts as gone', () => !isAlive(identity));
  expect(processStartTime(2 ** 22 + 1)).toBeUndefined();
}, 60_000);
