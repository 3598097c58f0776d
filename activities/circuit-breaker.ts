// Leaves an outside alone that fails: after so many failures in a row, of whichever runs, nothing is called for a while; then one call tries.
import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleType } from 'cockatiel';
import type { ToolboxLimits } from './define/toolbox-limits';

/** What an error says of the outside. Of `unknown` ones it is not known: they neither open a circuit nor close it. */
export type Verdict = 'failed' | 'answered' | 'unknown';

export interface CircuitBreaker {
  /** @throws CircuitOpen, with nothing done; otherwise what `work` throws */
  call<T>(work: () => Promise<T>, judge: (error: unknown) => Verdict): Promise<T>;
  /** Only while it is closed, and whatever comes of it counts for nothing. @throws as `call` */
  callUnseen<T>(work: () => Promise<T>): Promise<T>;
}

/** The outside is left alone, for so much longer. */
export class CircuitOpen extends Error {
  override readonly name = 'CircuitOpen';
  constructor(
    readonly retryAfterMs: number,
    why: string,
  ) {
    super(why);
  }
}

export type BreakerState = 'closed' | 'open' | 'trying';

export interface BreakerOptions {
  limits: NonNullable<ToolboxLimits['breaker']>;
  onState(state: BreakerState): void;
  onRefused(): void;
}

/** Of the time that a circuit is open: those that come while one call tries ask again after so much. */
const ASK_AGAIN = 1 / 4;

class Failed extends Error {
  constructor(readonly error: unknown) {
    super();
  }
}

export function createCircuitBreaker({ limits, onState, onRefused }: BreakerOptions): CircuitBreaker {
  const { failures, openForMs } = limits;
  const breaker = new ConsecutiveBreaker(failures);
  const policy = circuitBreaker(handleType(Failed), { halfOpenAfter: openForMs, breaker });
  let openedAt = 0;
  policy.onBreak(() => (openedAt = Date.now()));
  policy.onStateChange((state) => onState(STATES[state]));
  const openFor = (leftMs: number, why: string): CircuitOpen => new CircuitOpen(Math.max(1, Math.ceil(leftMs)), why);
  const refused = (leftMs: number, why: string): CircuitOpen => {
    onRefused();
    return openFor(leftMs, why);
  };
  const isTried = 'its calls kept failing, and one tries whether they go through again';
  const hasFailed = `its last ${failures} calls failed`;
  return {
    callUnseen: async (work) => {
      if (policy.state === CircuitState.Closed) return await work();
      // Past its time a call of a run tries.
      throw openFor(Math.max(openForMs * ASK_AGAIN, openedAt + openForMs - Date.now()), hasFailed);
    },
    call: async (work, judge) => {
      // The library would let them wait for the one that tries: in a slot, and on their own time.
      if (policy.state === CircuitState.HalfOpen) throw refused(openForMs * ASK_AGAIN, isTried);
      const tries = policy.state === CircuitState.Open;
      try {
        return await policy.execute(async () => {
          try {
            return await work();
          } catch (error) {
            const verdict = judge(error);
            if (verdict === 'failed' || (tries && verdict === 'unknown')) throw new Failed(error);
            throw error;
          }
        });
      } catch (error) {
        if (error instanceof Failed) throw error.error;
        if (!(error instanceof BrokenCircuitError)) throw error;
        throw refused(openedAt + openForMs - Date.now(), hasFailed);
      }
    },
  };
}

/** @param judge undefined of a call that must not move it */
export const guardedBy = <T>(
  breaker: CircuitBreaker | undefined,
  work: () => Promise<T>,
  judge: ((error: unknown) => Verdict) | undefined,
): Promise<T> => {
  if (!breaker) return work();
  return judge ? breaker.call(work, judge) : breaker.callUnseen(work);
};

const STATES: { readonly [state in CircuitState]: BreakerState } = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'trying',
  /** Nobody isolates one here. */
  [CircuitState.Isolated]: 'open',
};
