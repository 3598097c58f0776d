// Answers of a model that were received and could not be stored: the next attempt on this worker stores them, instead of paying once more.
import { LRUCache } from 'lru-cache';
import type { CallKey } from '../workflows/contract/activities';
import type { Received } from './store-answer';
import { callRecordName } from './store/ref-names';

/** A store that is away or full holds up no more calls than a worker has slots; what is beyond this is paid again. */
const KEPT_BYTES = 64 * 1024 * 1024;
/**
 * Many times the longest wait between two attempts, each of which begins it anew. What is not asked for again was answered by another
 * worker, cancelled or erased, and must not stay in clear text.
 */
const KEPT_MS = 60 * 60 * 1_000;
/** An entry beside what it holds: an estimate on the safe side. */
const ENTRY_BYTES = 4_096;
/** A character of a text in V8, at most. */
const CHARACTER_BYTES = 2;

export interface UnsavedAnswers<R> {
  /**
   * By the call and all that it was asked.
   * @param worker what the views of all tenants share: they share the room too
   */
  of(worker: object): Pick<LRUCache<string, Received<R>>, 'get' | 'set' | 'delete' | 'size'>;
}

export function createUnsavedAnswers<R>(): UnsavedAnswers<R> {
  const byWorker = new WeakMap<object, LRUCache<string, Received<R>>>();
  return {
    of: (worker) => {
      const kept =
        byWorker.get(worker) ??
        new LRUCache<string, Received<R>>({
          maxSize: KEPT_BYTES,
          sizeCalculation: sizeOf,
          ttl: KEPT_MS,
          // By timers, which keep no process alive: nobody asks for what has to go.
          ttlAutopurge: true,
        });
      byWorker.set(worker, kept);
      return kept;
    },
  };
}

const sizeOf = <R>({ objects, record, chains }: Received<R>): number =>
  objects.reduce(
    (sum, { length }) => sum + length,
    ENTRY_BYTES + JSON.stringify([record, chains]).length * CHARACTER_BYTES,
  );

export const unsavedName = ({
  key,
  base,
  append,
}: {
  key: CallKey;
  base: string | null;
  append: readonly string[];
}): string => `${callRecordName(key)} ${base} ${append.join()}`;
