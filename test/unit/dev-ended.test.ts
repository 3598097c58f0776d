// Needs: a scratch folder. When the process that holds a folder has ended, and only then, those who use its server are told.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { devEnded } from '../../client/cli/dev-ended';
import { acquireFolderLock, readFolderLock, type FolderLockHolder } from '../../infra/temporal/folder-lock';

const stateDir = mkdtempSync(path.join(tmpdir(), 'longhaul-dev-ended-'));
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

function held(): { holder: FolderLockHolder; release(): void } {
  const result = acquireFolderLock(stateDir);
  const holder = readFolderLock(stateDir);
  if (!result.acquired || !holder) throw new Error('the folder is taken');
  return { holder, release: () => result.lock.release() };
}

test('the end of the process that holds the folder is told once it gives it free', async () => {
  const { holder, release } = held();
  const ended = devEnded(stateDir, holder, new AbortController().signal);
  // Two looks long, nothing is told.
  expect(await Promise.race([ended, after(600, 'up')])).toBe('up');
  release();
  await expect(ended).rejects.toMatchObject({ code: 'temporal-unreachable' });
});

test('another that has the folder by now is not the one that was used', async () => {
  const { holder, release } = held();
  const before = { ...holder, startTime: 'an earlier one' };
  await expect(devEnded(stateDir, before, new AbortController().signal)).rejects.toThrow(/has ended/);
  release();
});

test('nothing is told after the looking was ended', async () => {
  const { holder, release } = held();
  const watched = new AbortController();
  const ended = devEnded(stateDir, holder, watched.signal);
  watched.abort();
  release();
  expect(await Promise.race([ended, after(600, 'silent')])).toBe('silent');
});
