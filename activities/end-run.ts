// The end of a run, written where it outlives the history: the last checkpoint and the run record.
import type { EndRunInput, EndRunResult } from '../workflows/contract/activities';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import type { ActivityDeps, Attempt } from './deps';
import { chainName, headName, openRunName, runRecordName } from './store/ref-names';

/** Repeating it changes nothing: the same result is put under the same names. */
export async function endRun(deps: ActivityDeps, input: EndRunInput, attempt: Attempt): Promise<EndRunResult> {
  const extended = deps.conversation.extend(input.base, input.append);
  const { result } = input;
  const name = runRecordName(attempt.workflowId);
  const started = runRecordSchema.safeParse((await deps.store.readRef(name))?.value);
  const record: RunRecord = {
    ...(started.success ? started.data : unrecorded(input, attempt, deps.now())),
    ended: {
      at: deps.now(),
      outcome: result.outcome,
      ...(result.failure ? { failure: result.failure } : {}),
      ...(result.output ? { output: result.output } : {}),
      head: extended.head,
      length: result.length,
      firstRunId: input.key.run,
      totals: result.totals,
    },
  };
  // The call that stored a head has indexed it.
  const isIndexed = input.append.length === 0;
  const index = isIndexed
    ? { objects: [], refs: [] }
    : await deps.conversation.index(input.base, input.append, chainName(attempt.workflowId));
  await deps.store.commit({
    objects: [...extended.objects, ...index.objects],
    refs: [
      ...index.refs,
      { op: 'put', name, value: record },
      {
        op: 'put',
        name: headName(attempt.workflowId, attempt.runId),
        value: { head: extended.head, length: result.length, at: deps.now() },
      },
    ],
  });
  // After the record, not with it: whoever reads the list looks at the record too.
  await deps.store.deleteRef(openRunName(attempt.workflowId));
  deps.metrics.runEnded({ agent: input.agent, outcome: result.outcome, failure: result.failure?.type ?? 'none' });
  return { head: extended.head };
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
