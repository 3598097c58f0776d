// Looks at what others ask, for all who wait in this process: one look for each question at a time, however many wait for its answer.
import { LRUCache } from 'lru-cache';
import type { ContentStore, Ref } from '../../store/port';

export interface FlightWatch {
  read(name: string): Promise<Ref | undefined>;
  /** For how long this process has seen nothing newer, in milliseconds of its own steady clock: no other clock is believed. */
  unchangedMs(ref: Ref): number;
  /**
   * Resolves with what is there once it is another version than this one, or after `ms` with whatever is there.
   * @throws the signal's reason
   */
  changed(ref: Ref, ms: number, signal: AbortSignal): Promise<Ref | undefined>;
  /** It was changed by this process. */
  wake(name: string): void;
}

/** Between two looks: the first soon, since many answers are quick; later ones cost a store less than they are late. */
const FIRST_LOOK_MS = 20;
const LOOK_FACTOR = 1.5;
const LAST_LOOK_MS = 250;
/** Questions whose claims a process remembers having seen: some 200 bytes each. */
const SEEN_QUESTIONS = 20_000;

interface Waiter {
  version: number;
  tell(ref: Ref | undefined): void;
  fail(error: unknown): void;
}

interface Watched {
  waiters: Set<Waiter>;
  last: Ref | undefined;
  delayMs: number;
  timer?: NodeJS.Timeout;
  /** Woken while it looked: what it finds may be older. */
  isLooking: boolean;
  again: boolean;
}

export function createFlightWatch(store: Pick<ContentStore, 'readRef'>, steadyMs: () => number): FlightWatch {
  const seen = new LRUCache<string, { version: number; at: number }>({ max: SEEN_QUESTIONS });
  const watched = new Map<string, Watched>();

  function note(name: string, ref: Ref | undefined): void {
    if (!ref) seen.delete(name);
    else if (seen.get(name)?.version !== ref.version) seen.set(name, { version: ref.version, at: steadyMs() });
  }

  async function read(name: string): Promise<Ref | undefined> {
    const ref = await store.readRef(name);
    note(name, ref);
    return ref;
  }

  async function look(name: string, one: Watched): Promise<void> {
    clearTimeout(one.timer);
    if (one.isLooking) {
      one.again = true;
      return;
    }
    one.isLooking = true;
    try {
      const ref = await read(name);
      one.last = ref;
      for (const waiter of [...one.waiters]) if (waiter.version !== ref?.version) waiter.tell(ref);
    } catch (error) {
      for (const waiter of [...one.waiters]) waiter.fail(error);
    }
    one.isLooking = false;
    if (one.waiters.size === 0) {
      watched.delete(name);
      return;
    }
    const delayMs = one.again ? 0 : one.delayMs;
    one.again = false;
    one.delayMs = Math.min(LAST_LOOK_MS, one.delayMs * LOOK_FACTOR);
    one.timer = setTimeout(() => void look(name, one), delayMs);
  }

  function watch(ref: Ref): Watched {
    const known = watched.get(ref.name);
    if (known) return known;
    const one: Watched = { waiters: new Set(), last: ref, delayMs: FIRST_LOOK_MS, isLooking: false, again: false };
    watched.set(ref.name, one);
    one.timer = setTimeout(() => void look(ref.name, one), FIRST_LOOK_MS);
    return one;
  }

  function changed(ref: Ref, ms: number, signal: AbortSignal): Promise<Ref | undefined> {
    signal.throwIfAborted();
    const one = watch(ref);
    return waitIn(one.waiters, ref, { ms, signal, newest: () => (one.last?.version === ref.version ? one.last : ref) });
  }

  return {
    read,
    unchangedMs: ({ name, version }) => {
      const first = seen.get(name);
      return first?.version === version ? steadyMs() - first.at : 0;
    },
    changed,
    wake: (name) => {
      const one = watched.get(name);
      if (one) void look(name, one);
    },
  };
}

/** Until it is told, the time is up, or the signal says so. */
function waitIn(
  waiters: Set<Waiter>,
  { version }: Ref,
  { ms, signal, newest }: { ms: number; signal: AbortSignal; newest(): Ref },
): Promise<Ref | undefined> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      waiters.delete(waiter);
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
    const waiter: Waiter = {
      version,
      tell: (found) => {
        end();
        resolve(found);
      },
      fail: (error) => {
        end();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    };
    const abort = (): void => waiter.fail(signal.reason);
    const timer = setTimeout(() => waiter.tell(newest()), ms);
    signal.addEventListener('abort', abort, { once: true });
    waiters.add(waiter);
  });
}
