// Whether what differs between a run and its shadow may be told of their releases: not where one of them was given something that the other
// could not be given.
import type { RunRecord } from '../../workflows/contract/schemas/run-record';

type EndedRun = RunRecord & { ended: NonNullable<RunRecord['ended']> };

/** @returns why it may not; null where it may */
export function unfairness(run: EndedRun, shadow: EndedRun): string | null {
  if (shadow.ended.firstRunId === '') return 'the shadow never began';
  // By whoever looks after shadows, after an hour, or by hand.
  if (shadow.ended.outcome === 'cancelled') return 'the shadow was ended from outside, as one is after an hour';
  if (run.degraded) return 'the run began with less than its release says, for the load of its queue';
  if (run.moved) return 'the run was moved to another release on its way';
  const { reusedCalls, cachedCalls } = run.ended.totals;
  if (reusedCalls > 0) return 'the run went on from its records, as after a reset';
  if (cachedCalls) return "the run was given others' answers from the cache, and a shadow is not";
  return null;
}
