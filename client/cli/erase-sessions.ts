// Deletes what sessions keep beside their runs: where each had come to, what waited, and the workflow, whose history shows how each message
// began. Their runs are erased as any.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { allRefs, type ContentStore } from '../../activities/store';
import {
  SESSION_PREFIX,
  chainsOf,
  mailsOf,
  sessionHoldName,
  sessionRecordName,
  webhookName,
} from '../../activities/store/ref-names';
import { sessionRunId, sessionWorkflowId } from '../../workflows/contract/names';
import { sessionRecordSchema, type SessionRecord } from '../../workflows/contract/schemas/session-record';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { deleteExecutions } from './erase-run';

export async function sessionsOf(store: ContentStore, tenant: string): Promise<SessionRecord[]> {
  const records = (await allRefs(store, SESSION_PREFIX)).map(({ value }) => sessionRecordSchema.parse(value));
  return records.filter((record) => record.tenant === tenant);
}

/** The ids of those that go on with what these runs have said. */
export const sessionsWith = (records: readonly RunRecord[]): string[] => [
  ...new Set(records.flatMap(({ session, goesOnFrom }) => (session !== undefined && goesOnFrom ? [session] : []))),
];

/** Ended first, so that it writes nothing any more. Repeating it finishes what an earlier one did not. */
export async function eraseSession(
  { store, temporal }: { store: ContentStore; temporal: Client },
  session: string,
): Promise<{ refs: number; executions: number }> {
  const id = sessionWorkflowId(session);
  await temporal.workflow
    .getHandle(id)
    .terminate('erased')
    .catch((error: unknown) => {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    });
  const found = await Promise.all([
    allRefs(store, chainsOf(id)),
    allRefs(store, mailsOf(session)),
    // Of messages that a run under way took: it has another id.
    allRefs(store, webhookName(sessionRunId(session, ''))),
  ]);
  const names = [...found.flat().map(({ name }) => name), sessionRecordName(session), sessionHoldName(session)];
  const gone = await Promise.all(names.map((name) => store.deleteRef(name)));
  return { refs: gone.filter(Boolean).length, executions: await deleteExecutions(temporal, id) };
}
