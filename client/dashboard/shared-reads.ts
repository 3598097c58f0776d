// What pages are made of is read once for all who look at them again: an open page asks every few seconds, for as long as somebody leaves
// it open, and ten of them are to cost what one does.
import { LRUCache } from 'lru-cache';

/** A page looks again after two seconds at the soonest. */
const AGE_MS = 1_900;
/** Of different things; what is older than its age is gone from memory too. */
const KEPT_MOST = 500;

export interface ReadAsked {
  /** Names what is read, and whatever it depends on: who may see what. */
  key: string;
  /** Whoever opens a page is told what is read now; who looks at it again what somebody was told a moment ago. */
  isAgain: boolean;
  /** How long ago that may have been, in milliseconds. @default 1900 */
  ageMs?: number;
}

export interface SharedReads {
  read<T>(asked: ReadAsked, read: () => Promise<T>): Promise<T>;
  /** Somebody has done something: what was read before is not true any more. */
  forget(): void;
}

/** @param now milliseconds */
export function createSharedReads(now: () => number = () => performance.now()): SharedReads {
  const kept = new LRUCache<string, { told: Promise<unknown> }>({ max: KEPT_MOST, ttlAutopurge: true, perf: { now } });
  return {
    read: async <T>({ key, isAgain, ageMs = AGE_MS }: ReadAsked, read: () => Promise<T>): Promise<T> => {
      const before = isAgain ? kept.get(key) : undefined;
      if (before) return (await before.told) as T;
      const entry = { told: read() };
      kept.set(key, entry);
      // Meanwhile somebody may have done something, or have opened the page anew.
      const isNewest = (): boolean => kept.peek(key) === entry;
      try {
        const told = await entry.told;
        if (isNewest()) kept.set(key, entry, { ttl: ageMs });
        return told;
      } catch (error) {
        // What went wrong is tried again by the next.
        if (isNewest()) kept.delete(key);
        throw error;
      }
    },
    forget: () => kept.clear(),
  };
}
