// A run may be held to less than its release says, and never to more.
import { LIMIT_NAMES } from '../../workflows/contract/limits';
import type { RunLimits } from '../../workflows/contract/run';

/** Of each limit the smallest that anybody has set. */
export const limitedTo = (limits: RunLimits, ...given: readonly (Partial<RunLimits> | undefined)[]): RunLimits =>
  given.reduce<RunLimits>(
    (least, more = {}) =>
      LIMIT_NAMES.reduce<RunLimits>((held, name) => {
        const most = more[name];
        return most === undefined ? held : { ...held, [name]: Math.min(most, held[name] ?? Infinity) };
      }, least),
    limits,
  );
