// The embedded store: one folder, any number of processes at once, durable when `commit` resolves.
import { join, resolve } from 'node:path';
import { isNativeError } from 'node:util/types';
import { ApplicationFailure } from '@temporalio/common';
import { failure } from '../failure';
import type { StoreBackend } from './backend';
import { openLargeObjects } from './large-objects';
import { openLmdbTables } from './lmdb-database';
import { lmdbObjects } from './lmdb-objects';
import { applyDeleteRef, listLiveRefs, liveRef } from './lmdb-transactions';
import { createTransactor } from './lmdb-transactor';

export interface LmdbStoreOptions {
  /** A folder; made when it is not there. Not on a network file system: LMDB's locks are for one machine. */
  path: string;
  /** Address space to start with, in bytes. Grows by itself. @default 128 KB, lmdb-js's own */
  mapSize?: number;
}

/** @throws ApplicationFailure `Store.Unavailable` when the folder or the database cannot be opened */
export function openLmdbBackend({ path, mapSize }: LmdbStoreOptions): StoreBackend {
  const folder = resolve(path);
  const description = `lmdb:${folder}`;
  const unavailable = (error: unknown): Error => asStoreFailure(error, description);
  const { tables, files } = attempt(unavailable, () => ({
    tables: openLmdbTables(folder, mapSize),
    files: openLargeObjects(join(folder, 'large')),
  }));
  const transactor = createTransactor(tables);
  const objects = lmdbObjects(tables, files, transactor);
  const underWay = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  async function use<T>(work: () => T | Promise<T>): Promise<T> {
    if (closing) throw failure('Store.Unavailable', `the store ${description} is closed.`);
    const working = Promise.resolve().then(work);
    underWay.add(working);
    try {
      return await working;
    } catch (error) {
      throw unavailable(error);
    } finally {
      underWay.delete(working);
    }
  }

  /** A fresh snapshot: lmdb-js keeps one for a turn of the event loop, in which another process may have committed. */
  const fresh = <T>(work: () => T): Promise<T> =>
    use(() => {
      tables.root.resetReadTxn();
      return work();
    });

  /** What is under way may have files to write or to read before and after its transaction. */
  async function close(): Promise<void> {
    await Promise.allSettled(underWay);
    await transactor.idle();
    await tables.root.close();
  }

  return {
    description,
    commit: (request) => use(() => objects.commit(request)),
    get: (names) => use(() => objects.get(names)),
    has: (names) => use(() => objects.has(names)),
    readRef: (name) => fresh(() => liveRef(tables, name, Date.now())),
    listRefs: (prefix, { after = '', limit }) => fresh(() => listLiveRefs(tables, prefix, after, limit)),
    deleteRef: (name, version) => use(() => transactor.transact((now) => applyDeleteRef(tables, name, version, now))),
    listObjects: (options) => use(() => objects.listObjects(options)),
    deleteObjects: (names, putBefore) => use(() => objects.deleteObjects(names, putBefore)),
    close: () => (closing ??= close()),
  };
}

function asStoreFailure(error: unknown, description: string): Error {
  if (error instanceof ApplicationFailure) return error;
  const why = isNativeError(error) ? error.message : String(error);
  return failure(
    'Store.Unavailable',
    `the store ${description} cannot be used: ${why}. Look at its folder, free disk space and permissions.`,
    isNativeError(error) ? { cause: error } : {},
  );
}

function attempt<T>(wrap: (error: unknown) => Error, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw wrap(error);
  }
}
