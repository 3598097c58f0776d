// The end of a run, written where it outlives the history: the last checkpoint and the run record.
import type { EndRunInput, EndRunResult } from '../workflows/contract/activities';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import type { ActivityDeps, Attempt, CountedRun } from './deps';
import { lastWords } from './last-words';
import type { RefWrite } from './store/port';
import { withKnownCost } from './store/run-calls';
import { withdrawRequests } from './withdraw-requests';
import { wantedAtEnd } from './store/wanted-shadows';
import { chainName, headName, openRunName, runRecordName } from './store/ref-names';

/** Repeating it changes nothing: the same result is put under the same names. */
export async function endRun(deps: ActivityDeps, input: EndRunInput, attempt: Attempt): Promise<EndRunResult> {
  const extended = deps.conversation.extend(input.base, input.append);
  const { result } = input;
  const { achieved, objects } = await lastWords(deps, input, attempt);
  const ended: NonNullable<RunRecord['ended']> = {
    at: deps.now(),
    outcome: result.outcome,
    ...(result.failure ? { failure: result.failure } : {}),
    ...(result.output ? { output: result.output } : {}),
    ...(achieved ? { achieved } : {}),
    head: extended.head,
    length: result.length,
    firstRunId: input.key.run,
    // A call that Temporal gave up had been sent, and could not say what it took.
    totals: result.failure?.type === 'Model.Timeout' ? result.totals : withKnownCost(result.totals),
    ...(input.limits ? { limits: input.limits } : {}),
  };
  // The call that stored a head has indexed it.
  const isIndexed = input.append.length === 0;
  const index = isIndexed
    ? { objects: [], refs: [] }
    : await deps.conversation.index(input.base, input.append, chainName(attempt.workflowId));
  const written = await recordEnd(deps, input, attempt, ended, {
    objects: [...extended.objects, ...index.objects, ...objects],
    refs: [
      ...index.refs,
      {
        op: 'put',
        name: headName(attempt.workflowId, attempt.runId),
        value: { head: extended.head, length: result.length, at: deps.now() },
      },
    ],
  });
  // At once: what fails below is done again, and then the end is there already.
  if (written.first) deps.metrics.runEnded(countedRun(input, attempt, written.record));
  // Only an execution that began the run can say for all of it that nothing was asked: a reset begins the count anew.
  if (input.asked !== false || attempt.runId !== input.key.run) await withdrawRequests(deps, attempt.workflowId);
  // After the record, not with it: whoever reads the list looks at the record too.
  await deps.store.deleteRef(openRunName(attempt.workflowId));
  return { head: extended.head, ...(achieved ? { achieved } : {}) };
}

/**
 * Writes the end over the record that was read, and over no other: a run that was terminated may have been erased by now, and this
 * attempt outlived it. A tombstone stays as it is, and nothing is written beside it.
 * @returns whether it is the first to write it: not where an attempt before it has, and not of a tombstone
 */
async function recordEnd(
  deps: ActivityDeps,
  input: EndRunInput,
  attempt: Attempt,
  ended: NonNullable<RunRecord['ended']>,
  { objects, refs }: { objects: readonly Uint8Array[]; refs: readonly RefWrite[] },
): Promise<{ record: RunRecord; first: boolean }> {
  const name = runRecordName(attempt.workflowId);
  for (;;) {
    const ref = await deps.store.readRef(name);
    const started = runRecordSchema.safeParse(ref?.value);
    if (started.data?.erased) return { record: started.data, first: false };
    const value: RunRecord = { ...(started.data ?? unrecorded(input, attempt, deps.now())), ended };
    const { conflicts } = await deps.store.commit({
      objects,
      refs: [
        ...refs,
        ...wantedAtEnd(value),
        ref ? { op: 'compare-and-set', name, version: ref.version, value } : { op: 'create', name, value },
      ],
    });
    if (conflicts.length === 0) return { record: value, first: !isSameEnd(started.data?.ended, ended) };
  }
}

/** A run that a reset let go on ends anew: that is another end. */
const isSameEnd = (before: RunRecord['ended'], now: NonNullable<RunRecord['ended']>): boolean =>
  before?.firstRunId === now.firstRunId &&
  before.head === now.head &&
  before.length === now.length &&
  before.outcome === now.outcome;

function countedRun(input: EndRunInput, { workflowId }: Attempt, record: RunRecord): CountedRun {
  const { agent, release, tenant, result, startedAt } = input;
  const begun = startedAt ?? record.startedAt;
  const endedAt = record.ended?.at ?? begun;
  return {
    ...{ agent, release, tenant, id: workflowId },
    ...{ outcome: result.outcome, failure: result.failure?.type ?? 'none', totals: result.totals },
    seconds: Math.max(0, endedAt - begun) / 1_000,
    ...(record.queue ? { queuedSeconds: Math.max(0, begun - record.startedAt) / 1_000 } : {}),
  };
}

/** A run that was started without our client, by a plain Temporal start, has no record yet. */
const unrecorded = (input: EndRunInput, attempt: Attempt, now: number): RunRecord => ({
  schemaVersion: 1,
  id: attempt.workflowId,
  agent: input.agent,
  release: input.release,
  tenant: input.tenant,
  ...(input.user === undefined ? {} : { user: input.user }),
  ...(input.session === undefined ? {} : { session: input.session }),
  tags: [],
  // A run that was started before these were sent on has only its end to go by.
  input: input.input ?? input.append[0] ?? '',
  question: '',
  startedAt: input.startedAt ?? now,
});
