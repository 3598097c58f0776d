// What a worker will probably need soon, from what came lately: leased ahead, so that a request need not wait for a round trip.
import { NOTHING, add, times } from '../../../workflows/contract/amounts';
import { AHEAD_CLASS, type Amounts, type WaitingShare } from '../../../workflows/contract/quota';

const PERIOD_MS = 1_000;
/** Two renewals' worth. */
const AHEAD_PERIODS = 1.2;

interface Period {
  from: number;
  count: number;
  amounts: Amounts;
}

export interface Arrivals {
  note(amounts: Amounts, now: number): void;
  /** Requests within the time of two renewals, if they go on coming as they did. */
  expected(now: number): number;
  /** @param held requests that are held already */
  ahead(now: number, held: number): WaitingShare | undefined;
}

export function createArrivals(): Arrivals {
  const fresh = (from: number): Period => ({ from, count: 0, amounts: NOTHING });
  let current = fresh(-Infinity);
  let last = fresh(-Infinity);
  const turn = (now: number): void => {
    if (now - current.from < PERIOD_MS) return;
    last = now - current.from < 2 * PERIOD_MS ? current : fresh(now);
    current = fresh(now);
  };
  const expected = (now: number): number => {
    turn(now);
    const count = last.count + current.count;
    // One alone says nothing of a next one.
    return count < 2 ? 0 : Math.ceil((count * AHEAD_PERIODS * PERIOD_MS) / Math.max(PERIOD_MS, now - last.from));
  };
  return {
    note(amounts, now) {
      turn(now);
      if (current.from === -Infinity) current = fresh(now);
      current.count += 1;
      current.amounts = add(current.amounts, amounts);
    },
    expected,
    ahead(now, held) {
      const count = expected(now) - held;
      if (count <= 0) return undefined;
      const seen = last.count + current.count;
      const [, ...others] = times(add(current.amounts, last.amounts), 1 / seen);
      const one = [1, ...others];
      return {
        class: AHEAD_CLASS,
        tenant: '',
        weight: 1,
        count,
        first: one,
        all: times(one, count),
        ageMs: 0,
      };
    },
  };
}
