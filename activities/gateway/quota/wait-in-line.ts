// A short wait for a lease, sat out here: until it is granted, refused, sent away or stopped.
import type { Amounts } from '../../../workflows/contract/quota';
import type { Caller } from '../ports';
import type { Clock } from './alarm';
import type { Spent } from './lease-pool';
import type { Lessor } from './lessor';
import type { Waiter } from './waiting-line';

interface Line {
  lessor: Pick<Lessor, 'wait' | 'leave'>;
  clock: Clock;
  shortWaitMs: number;
  /** Milliseconds since the epoch. */
  time(): number;
}

/** @throws what the waiter is refused with; the signal's reason */
export function waitInLine(
  { lessor, clock, shortWaitMs, time }: Line,
  { amounts, class: ofClass, caller }: { amounts: Amounts; class: number; caller: Caller },
): Promise<Spent> {
  const { signal, tenant, waitingSince, patienceMs } = caller;
  return new Promise((resolve, reject) => {
    const arrivedAt = clock.now();
    const before = waitingSince === undefined ? 0 : Math.max(0, time() - waitingSince);
    const over = (): void => signal.removeEventListener('abort', cancelled);
    const waiter: Waiter = {
      ...{ amounts, class: ofClass, tenant, since: arrivedAt - before, arrivedAt },
      ...(patienceMs === undefined
        ? { patienceMs: shortWaitMs }
        : { patienceMs: Math.min(shortWaitMs, patienceMs), goesElsewhere: true }),
      admit: (spent) => {
        over();
        resolve(spent);
      },
      refuse: (error) => {
        over();
        reject(error);
      },
    };
    const cancelled = (): void => {
      lessor.leave(waiter);
      waiter.refuse(reasonOf(signal));
    };
    if (signal.aborted) return reject(reasonOf(signal));
    signal.addEventListener('abort', cancelled, { once: true });
    lessor.wait(waiter);
  });
}

function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
