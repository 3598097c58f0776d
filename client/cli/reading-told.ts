// Whoever looks at many records on a terminal is told how far it has come. What is read is read through the store, so it is counted there.
import type { ContentStore } from '../../activities/store';
import { counted } from '../format';

/** From when on somebody who waits is told, and how often. Milliseconds. */
const TOLD_FROM_MS = 1_000;
const TOLD_EVERY_MS = 250;

/** @returns a store as it is, whose reading is told of once it takes longer than a second */
export function readingTold(
  tell: (text: string) => void,
  now: () => number = () => performance.now(),
): (store: ContentStore) => ContentStore {
  let since: number | undefined;
  let told = 0;
  let read = 0;
  const took = (records: number): void => {
    const at = now();
    since ??= at;
    read += records;
    if (at - since < TOLD_FROM_MS || at - told < TOLD_EVERY_MS) return;
    told = at;
    tell(`${counted(read, 'record')} read`);
  };
  return (store) => ({
    ...store,
    listRefs: async (...asked) => {
      since ??= now();
      const refs = await store.listRefs(...asked);
      took(refs.length);
      return refs;
    },
    readRef: async (name) => {
      const ref = await store.readRef(name);
      took(1);
      return ref;
    },
    get: async (hashes) => {
      const objects = await store.get(hashes);
      took(objects.length);
      return objects;
    },
  });
}
