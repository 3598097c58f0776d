import type { RunEnded } from '../../workflows/contract/run-ended';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';

/** The end of a run as its record has it. */
export const endedOf = (
  { id, startedAt }: Pick<RunRecord, 'id' | 'startedAt'>,
  { at, outcome, failure, head, length }: NonNullable<RunRecord['ended']>,
): RunEnded => ({
  run: id,
  outcome,
  ...(failure ? { failure: failure.type } : {}),
  ...{ head, length, startedAt, endedAt: at },
});
