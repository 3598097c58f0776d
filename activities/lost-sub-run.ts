// The end of a sub-agent's run that could not record it itself: the run that waits for it tells it, by what Temporal has said.
import type { TakeSubRunInput } from '../workflows/contract/activities';
import { isBudgetFailure, type RunFailure } from '../workflows/contract/failures';
import type { Outcome } from '../workflows/contract/run';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import type { ActivityDeps } from './deps';
import { safeText } from './redact';
import { lastCheckpoint } from './store/last-checkpoint';
import { openRunName, runRecordName } from './store/ref-names';
import { callsOf, totalsOf } from './store/run-calls';
import { withdrawRequests } from './withdraw-requests';

/**
 * Writes the end over the record that was read, and over no other: somebody else may have written it, and the record is to be read again.
 * @param version of the record's ref
 */
export async function recordLost(
  deps: ActivityDeps,
  { record, version }: { record: RunRecord; version: number },
  { firstRunId = '', failure }: NonNullable<TakeSubRunInput['end']>,
): Promise<void> {
  const { store } = deps;
  const { calls } = await callsOf(store, firstRunId);
  const ended: RunRecord['ended'] = {
    at: deps.now(),
    outcome: outcomeOf(failure),
    failure: { ...failure, message: safeText(failure.message) },
    ...(await lastCheckpoint(store, record)),
    firstRunId,
    totals: { ...totalsOf(calls), reusedCalls: 0 },
  };
  const name = runRecordName(record.id);
  await store.commit({
    refs: [{ op: 'compare-and-set', name, version, value: { ...record, ended } }],
  });
}

/** After the record, not with it: whoever reads the lists looks at the record too. */
export async function closeLost(deps: ActivityDeps, { id }: RunRecord): Promise<void> {
  await withdrawRequests(deps, id);
  await deps.store.deleteRef(openRunName(id));
}

function outcomeOf({ type }: RunFailure): Outcome {
  if (type === 'Run.Cancelled') return 'cancelled';
  return isBudgetFailure(type) ? 'budget-exhausted' : 'failed';
}
