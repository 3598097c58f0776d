// Deletes what a run said and did, from the store and from Temporal's history. Its record stays as a tombstone: that it was, what it
// cost, who erased it and why.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { ContentStore } from '../../activities/store';
import { runRecordName } from '../../activities/store/ref-names';
import { hasCode } from '../../infra/temporal/error-reason';
import { quoted } from '../../infra/temporal/quoted';
import { runRecordSchema, type RunRecord } from '../../workflows/contract/schemas/run-record';
import { ClientError } from '../errors';
import { deleteRunRefs } from './run-refs';
import { shellWord } from '../shell-word';

export interface Erasure {
  by: string;
  reason?: string;
  /** Milliseconds since the epoch. */
  at: number;
}

/**
 * Content that no other run names is garbage afterwards, and goes with the collections that follow. Repeating it finishes what an
 * earlier one did not, and leaves its tombstone as it is.
 * @returns how many refs were deleted, and how many executions Temporal was asked to delete: it does so within a minute or so
 * @throws ClientError `run-not-found`; `refused` for one that has not ended
 */
export async function eraseRun(
  { store, temporal }: { store: ContentStore; temporal: Client },
  id: string,
  erasure: Erasure,
): Promise<{ refs: number; executions: number }> {
  const refs = await eraseStored(store, id, erasure);
  return { refs, executions: await deleteExecutions(temporal, id) };
}

/** The store's half. The tombstone comes first: what an activity of the run stores after it is known to be left over. */
export async function eraseStored(store: ContentStore, id: string, erasure: Erasure): Promise<number> {
  return await deleteRunRefs(store, await buried(store, id, erasure));
}

async function buried(store: ContentStore, id: string, { by, reason, at }: Erasure): Promise<RunRecord> {
  for (;;) {
    const name = runRecordName(id);
    const ref = await store.readRef(name);
    if (!ref) throw new ClientError('run-not-found', `there is no run "${id}" in this store.`);
    const record = runRecordSchema.parse(ref.value);
    if (record.erased) return record;
    if (!record.ended)
      throw new ClientError('refused', `run ${id} has not ended; cancel it first: longhaul cancel ${shellWord(id)}`);
    const tombstone = tombstoneOf(record, { at, by, ...(reason === undefined ? {} : { reason }) });
    const { conflicts } = await store.commit({
      refs: [{ op: 'compare-and-set', name, version: ref.version, value: tombstone }],
    });
    if (conflicts.length === 0) return tombstone;
  }
}

/** Without anything that a person said or that says who a person is. Its origin stays: by it the forks of that one's forks are found, and whose shadow it was. */
function tombstoneOf(
  { schemaVersion, id, agent, release, tenant, startedAt, ended, forkedFrom, parent, rollout, shadowOf }: RunRecord,
  erased: NonNullable<RunRecord['erased']>,
): RunRecord {
  const about = {
    ...{ schemaVersion, id, agent, release, tenant, tags: [], input: '', question: '', startedAt, erased },
    ...(parent ? { parent } : {}),
    ...(rollout ? { rollout } : {}),
    ...(shadowOf ? { shadowOf: { run: shadowOf.run, reads: shadowOf.reads } } : {}),
    ...(forkedFrom ? { forkedFrom: { run: forkedFrom.run, step: forkedFrom.step, base: null, append: [] } } : {}),
  };
  if (!ended) return about;
  const { at, outcome, failure, firstRunId, totals } = ended;
  return {
    ...about,
    ended: {
      ...{ at, outcome, firstRunId, totals, head: null, length: 0 },
      ...(failure ? { failure: { type: failure.type, message: 'erased' } } : {}),
    },
  };
}

/** All of the chain, by the workflow's own id. @returns how many Temporal was asked to delete */
export async function deleteExecutions(temporal: Client, id: string): Promise<number> {
  const runIds = new Set<string>();
  for await (const { runId } of temporal.workflow.list({ query: `WorkflowId = ${quoted(id)}` })) runIds.add(runId);
  // The listing lags behind; the last of the chain is known at once.
  const last = await ifKnown(() => temporal.workflow.getHandle(id).describe());
  if (last) runIds.add(last.runId);
  const { namespace } = temporal.options;
  const deleted = await Promise.all(
    Array.from(runIds, async (runId) => {
      const workflowExecution = { workflowId: id, runId };
      const asked = await ifKnown(() =>
        temporal.workflowService.deleteWorkflowExecution({ namespace, workflowExecution }),
      );
      return asked !== undefined;
    }),
  );
  return deleted.filter(Boolean).length;
}

/** gRPC's NOT_FOUND. */
const NOT_FOUND = 5;

async function ifKnown<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || hasCode(error, NOT_FOUND)) return undefined;
    throw error;
  }
}
