// Runs work in LMDB's transactions: whoever asks meanwhile shares the next one.
import { isNativeError } from 'node:util/types';
import { ApplicationFailure } from '@temporalio/common';
import { createGroupCommit } from './group-commit';
import type { LmdbTables } from './lmdb-database';
import { withoutItsLog } from './lmdb-log';

/** Tens of microseconds each on the event loop: a full group holds it for some 10 ms. */
const GROUP_MAX = 500;
/** lmdb-js does not report a transaction that could not begin. Its own retries for a broken lock take 4 s. */
const COMMIT_TIMEOUT_MS = 30_000;

/** No answer in time: the transaction may still be committed. */
export class NoAnswer extends Error {}

export interface Transactor {
  /**
   * Durable when it resolves. An ApplicationFailure of `work`, which it may throw before it has written anything, is its own; any
   * other error is one of all that share its transaction, and what they wrote may have been committed all the same.
   * @throws NoAnswer
   */
  transact<T>(work: (now: number) => T): Promise<T>;
  /** Resolves when all that was begun is settled. */
  idle(): Promise<void>;
}

/** An error is of that operation alone: those beside it go on. */
type Operation = (now: number) => true | Error;

export function createTransactor(tables: LmdbTables): Transactor {
  const group = createGroupCommit<Operation, true | Error>((operations) => flush(tables, operations), GROUP_MAX);
  return {
    idle: group.idle,
    async transact<T>(work: (now: number) => T): Promise<T> {
      const results: T[] = [];
      const done = await group.submit((now) => {
        try {
          results.push(work(now));
          return true;
        } catch (error) {
          if (error instanceof ApplicationFailure) return error;
          throw error;
        }
      });
      if (done instanceof Error) throw done;
      for (const result of results) return result;
      throw new Error('the transaction was not run.');
    },
  };
}

/** All operations of a group in one transaction, each seeing what those before it wrote. */
async function flush(tables: LmdbTables, operations: readonly Operation[]): Promise<readonly (true | Error)[]> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    const giveUp = (): void => reject(new NoAnswer(`no commit within ${COMMIT_TIMEOUT_MS / 1_000} s`));
    timer = setTimeout(giveUp, COMMIT_TIMEOUT_MS);
  });
  try {
    return await Promise.race([commit(tables, operations), timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

/** To its end, also after the time is up: the reason of a failure would end the process where nobody takes it. */
async function commit(tables: LmdbTables, operations: readonly Operation[]): Promise<readonly (true | Error)[]> {
  try {
    return await withoutItsLog(() =>
      tables.root.transaction(() => operations.map((operation) => operation(Date.now()))),
    );
  } catch (error) {
    throw await causeOf(error);
  }
}

/** lmdb-js rejects with "see commitError" and puts the reason into a promise. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!isNativeError(error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}
