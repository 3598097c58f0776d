// What a session's workflow answers: whose it is, what it is doing, what waits.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { QUERY_NAMES, sessionWorkflowId } from '../workflows/contract/names';
import type { SessionView } from '../workflows/contract/session';
import { ClientError } from './errors';
import { isUnanswered } from './unanswered';

/** How long a worker may take to answer: one that has just died keeps a session's tasks for half a second, and its activities for longer. */
const ANSWER_MS = 15_000;

/** @returns undefined where Temporal has none @throws ClientError `no-worker` */
export const sessionView = (temporal: Client, session: string): Promise<SessionView | undefined> =>
  answered(temporal, session, () =>
    temporal.workflow
      .getHandle(sessionWorkflowId(session))
      .query<SessionView>(QUERY_NAMES.session)
      .catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return undefined;
        throw error;
      }),
  );

/** @throws ClientError `no-worker` */
export async function answered<T>(temporal: Client, session: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await temporal.connection.withDeadline(Date.now() + ANSWER_MS, ask);
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    const message = `no worker answered for session "${session}". Start one: "longhaul dev" or "longhaul worker".`;
    throw new ClientError('no-worker', message, { cause: error });
  }
}
