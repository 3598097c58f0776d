// Answers of a model that were received and could not be stored: the next attempt on this worker stores them, instead of paying once more.
import { LRUCache } from 'lru-cache';

/** A store that is away or full holds up no more calls than a worker has slots; what is beyond this is paid again. */
const KEPT_BYTES = 64 * 1024 * 1024;
/** An entry beside its objects: an estimate on the safe side. */
const ENTRY_BYTES = 4_096;

export interface UnsavedAnswers<T extends object> {
  /** Of one store, as a tenant sees it: names of two are not each other's. By the call and all that it was asked. */
  of(store: object): Pick<LRUCache<string, T>, 'get' | 'set' | 'delete'>;
}

export function createUnsavedAnswers<T extends { objects: readonly Uint8Array[] }>(): UnsavedAnswers<T> {
  const byStore = new WeakMap<object, LRUCache<string, T>>();
  return {
    of: (store) => {
      const kept =
        byStore.get(store) ??
        new LRUCache<string, T>({
          maxSize: KEPT_BYTES,
          sizeCalculation: ({ objects }) => objects.reduce((sum, { length }) => sum + length, ENTRY_BYTES),
        });
      byStore.set(store, kept);
      return kept;
    },
  };
}
