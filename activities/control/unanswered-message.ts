// A message that no run answers: the record of its run says so, to whoever waits for that.
import type { RunFailure } from '../../workflows/contract/failures';
import type { Outcome } from '../../workflows/contract/run';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { Mail, SessionContext } from '../../workflows/contract/session';
import type { RefWrite } from '../store/port';
import { runRecordName } from '../store/ref-names';

export const NO_TOTALS = {
  ...{ turns: 0, modelCalls: 0, toolCalls: 0, reusedCalls: 0 },
  usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
};

/** Where there is a record already, that one says more. */
export function unansweredRun(
  { session, agent, tenant }: SessionContext,
  { run, message, preview, release, user, sentAt }: Mail,
  { at, outcome, failure }: { at: number; outcome: Outcome; failure: RunFailure },
): RefWrite {
  const value: RunRecord = {
    ...{ schemaVersion: 1, id: run, agent, release, tenant, session, tags: [] },
    ...(user === undefined ? {} : { user }),
    ...{ input: message, question: preview, startedAt: sentAt },
    ended: {
      ...{ at, outcome, failure, head: null, length: 0, firstRunId: '' },
      totals: { ...NO_TOTALS, cost: { nanoUsd: 0 } },
    },
  };
  return { op: 'create', name: runRecordName(run), value };
}
