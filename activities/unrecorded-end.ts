// The end of a run that could not record it itself: it was terminated, its time was up, or it was never started. Whoever knows writes it.
import type { RunFailure } from '../workflows/contract/failures';
import type { Outcome } from '../workflows/contract/run';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { safeText } from './redact';
import type { ContentStore } from './store';
import { lastCheckpoint } from './store/last-checkpoint';
import { openRunName, runRecordName } from './store/ref-names';
import { callsOf, totalsOf, withKnownCost } from './store/run-calls';
import { wantedAtEnd } from './store/wanted-shadows';
import { withdrawRequests, type WithdrawDeps } from './withdraw-requests';

export interface UnrecordedEnd {
  /** Milliseconds since the epoch. */
  at: number;
  outcome: Outcome;
  failure: RunFailure;
  /** Under it its calls are found. Empty where it has none. */
  firstRunId: string;
}

/**
 * Written over the record that was read, and over no other: somebody else may do the same now.
 * @param store that keeps an ended run's entry, see store/run-index.ts
 * @param version of the record's ref, as it was read
 * @returns undefined where the record is another by now
 */
export async function recordUnrecordedEnd(
  store: ContentStore,
  { record, version }: { record: RunRecord; version: number },
  { at, outcome, failure, firstRunId }: UnrecordedEnd,
): Promise<RunRecord | undefined> {
  const { calls } = await callsOf(store, firstRunId);
  const recorded = totalsOf(calls);
  // What was under way at that moment nobody has counted. Of one that never began that is nothing.
  const totals = firstRunId === '' ? withKnownCost(recorded) : recorded;
  const ended: RunRecord['ended'] = {
    ...{ at, outcome, failure: { ...failure, message: safeText(failure.message) } },
    ...(await lastCheckpoint(store, record)),
    ...{ firstRunId, totals: { ...totals, reusedCalls: 0 } },
  };
  const value = { ...record, ended };
  const { conflicts } = await store.commit({
    refs: [{ op: 'compare-and-set', name: runRecordName(record.id), version, value }, ...wantedAtEnd(value)],
  });
  return conflicts.length === 0 ? value : undefined;
}

/** After the record, not with it: whoever reads the lists looks at the record too. Repeating it changes nothing. */
export async function closeRun(deps: WithdrawDeps, id: string): Promise<void> {
  await withdrawRequests(deps, id);
  await deps.store.deleteRef(openRunName(id));
}
