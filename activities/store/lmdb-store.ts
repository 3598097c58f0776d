// The embedded store: one folder, any number of processes at once, durable when `commit` resolves.
import { join, resolve } from 'node:path';
import { isNativeError } from 'node:util/types';
import { ApplicationFailure } from '@temporalio/common';
import { failure } from '../failure';
import type { BackendRef, StoreBackend } from './backend';
import { openLargeObjects, type LargeObjects } from './large-objects';
import { shareLmdbTables, type LmdbTables } from './lmdb-database';
import { lmdbObjects } from './lmdb-objects';
import { LmdbDamage } from './lmdb-pages';
import {
  applyDeleteExpired,
  applyDeleteRef,
  listExpiredRefs,
  listLiveRefs,
  liveIn,
  liveRef,
} from './lmdb-transactions';
import { createTransactor } from './lmdb-transactor';

export interface LmdbStoreOptions {
  /** A folder; made when it is not there. Not on a network file system: LMDB's locks are for one machine. */
  path: string;
  /** Address space to start with, in bytes. Grows by itself. @default 128 KB, lmdb-js's own */
  mapSize?: number;
}

/** Refs in one transaction that deletes: other writers wait for it. */
const DELETE_MAX = 1_000;

/** @throws ApplicationFailure `Store.Unavailable` when the folder or the database cannot be opened */
export function openLmdbBackend({ path, mapSize }: LmdbStoreOptions): StoreBackend {
  const folder = resolve(path);
  const description = `lmdb:${folder}`;
  const unavailable = (error: unknown): Error => asStoreFailure(error, description);
  const { tables, files } = attempt(unavailable, () => openParts(folder, mapSize));
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
      // With damage a run waits for a person, and not for a better hour.
      throw isDamage(error) ? damaged(error, description) : unavailable(error);
    } finally {
      underWay.delete(working);
    }
  }

  const fresh = <T>(work: () => T): Promise<T> => use(() => tables.fresh(work));

  function readRef(name: string): BackendRef | undefined {
    const now = Date.now();
    // That it is not there is believed of whole pages alone: a call whose record is not found is made again.
    return liveRef(tables, name, now) ?? liveIn(tables.pages.find('refs', Buffer.from(name, 'latin1')), name, now);
  }

  async function deleteExpiredRefs(): Promise<number> {
    const names = await fresh(() => listExpiredRefs(tables));
    let deleted = 0;
    for (let at = 0; at < names.length; at += DELETE_MAX) {
      const some = names.slice(at, at + DELETE_MAX);
      deleted += await use(() => transactor.transact((now) => applyDeleteExpired(tables, some, now)));
    }
    return deleted;
  }

  /** What is under way may have files to write or to read before and after its transaction. */
  async function close(): Promise<void> {
    await Promise.allSettled(underWay);
    await transactor.idle();
    await tables.close();
  }

  return {
    description,
    commit: (request) => use(() => objects.commit(request)),
    get: (names) => use(() => objects.get(names)),
    has: (names) => use(() => objects.has(names)),
    readRef: (name) => fresh(() => readRef(name)),
    listRefs: (prefix, { after = '', limit }) => fresh(() => listLiveRefs(tables, prefix, after, limit)),
    deleteRef: (name, version) => use(() => transactor.transact((now) => applyDeleteRef(tables, name, version, now))),
    deleteExpiredRefs,
    listObjects: (options) => use(() => objects.listObjects(options)),
    deleteObjects: (names, putBefore) => use(() => objects.deleteObjects(names, putBefore)),
    close: () => (closing ??= close()),
  };
}

function openParts(folder: string, mapSize: number | undefined): { tables: LmdbTables; files: LargeObjects } {
  const tables = shareLmdbTables(folder, mapSize);
  try {
    return { tables, files: openLargeObjects(join(folder, 'large')) };
  } catch (error) {
    void tables.close();
    throw error;
  }
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

/** Of LMDB's own: a page is not found, or of the wrong kind, or leads nowhere. */
const DAMAGE_CODES: readonly unknown[] = [-30_797, -30_796, -30_779];
const isDamage = (error: unknown): error is Error =>
  error instanceof LmdbDamage || (isNativeError(error) && 'code' in error && DAMAGE_CODES.includes(error.code));

const damaged = (error: Error, description: string): Error =>
  failure(
    'Store.ObjectCorrupt',
    `the store ${description} is damaged: ${error.message}. Put a copy of its folder in its place.`,
  );

function attempt<T>(wrap: (error: unknown) => Error, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw wrap(error);
  }
}
