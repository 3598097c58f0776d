// What a run waits for: events and times, and the end of all waits when it is cancelled.
import type { SpentDetails } from '../../workflows/contract/cost';
import type { VirtualClock } from './virtual-clock';

/** What a cancelled call or wait rejects with. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
  /** @param spent what a model call had cost by then */
  constructor(readonly spent?: SpentDetails) {
    super('cancelled');
  }
}

export interface Waits {
  /** Resolves with true once `holds`, with false after `timeoutMs`. @throws Cancelled, unless it is shielded from that */
  until(holds: () => boolean, timeoutMs: number, shielded: boolean): Promise<boolean>;
  /** Looks again at all waits, and tells whoever listens for a change. */
  wake(): void;
  any(): boolean;
  /** When the first wait is over, in milliseconds since the epoch; Infinity when all are for an event. */
  nextTimer(): number;
  /** The next wake, or the next wait that begins. */
  changed(): Promise<void>;
}

interface Wait {
  holds: () => boolean;
  until: number;
  shielded: boolean;
  end(result: boolean): void;
  fail(error: Error): void;
}

export function createWaits(clock: VirtualClock, cancellation: AbortSignal): Waits {
  const waits = new Set<Wait>();
  let listeners: (() => void)[] = [];
  const isCancelled = (shielded: boolean): boolean => cancellation.aborted && !shielded;
  const tell = (): void => {
    const told = listeners;
    listeners = [];
    told.forEach((listener) => listener());
  };
  return {
    until: (holds, timeoutMs, shielded) => {
      if (holds()) return Promise.resolve(true);
      if (isCancelled(shielded)) return Promise.reject(new Cancelled());
      if (timeoutMs <= 0) return Promise.resolve(false);
      return new Promise<boolean>((end, fail) => {
        waits.add({ holds, until: clock.now() + timeoutMs, shielded, end, fail });
        tell();
      });
    },
    wake: () => {
      for (const wait of waits) {
        if (isCancelled(wait.shielded)) wait.fail(new Cancelled());
        else if (wait.holds()) wait.end(true);
        else if (clock.now() >= wait.until) wait.end(false);
        else continue;
        waits.delete(wait);
      }
      tell();
    },
    any: () => waits.size > 0,
    nextTimer: () => Math.min(Infinity, ...[...waits].map((wait) => wait.until)),
    changed: () => new Promise((resolve) => listeners.push(resolve)),
  };
}
