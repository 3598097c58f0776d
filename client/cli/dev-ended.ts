// The end of a process whose Temporal a command uses. Its address means nothing from then on: a connection is made again to whatever
// listens there, and that may be the server of another folder, which knows none of the runs, or has others that need a worker.
import { setInterval as every } from 'node:timers/promises';
import { readFolderLock, type FolderLockHolder } from '../../infra/temporal/folder-lock';
import { ClientError } from '../errors';

/** Reading the lock costs some 50 µs, and a call of `ps` where there is no `/proc`. */
const LOOK_MS = 250;

/** @returns a promise that rejects with ClientError `temporal-unreachable`, until `signal` says to look no longer */
export function devEnded(stateDir: string, dev: FolderLockHolder, signal: AbortSignal): Promise<never> {
  const ended = new Promise<never>((_, reject) => {
    const look = async (): Promise<void> => {
      for await (const _tick of every(LOOK_MS, undefined, { signal, ref: false })) if (!isHeldBy(stateDir, dev)) break;
      const message = `the longhaul of this folder (pid ${dev.pid}), whose Temporal this one used, has ended.`;
      reject(new ClientError('temporal-unreachable', message));
    };
    look().catch(() => undefined);
  });
  ended.catch(() => undefined);
  return ended;
}

function isHeldBy(stateDir: string, { pid, startTime }: FolderLockHolder): boolean {
  const now = readFolderLock(stateDir);
  return now?.pid === pid && now.startTime === startTime;
}
