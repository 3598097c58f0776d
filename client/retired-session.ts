// A session that is over takes no message; who sends one again that it took is still told of its run.
import type { ContentStore } from '../activities/store/port';
import { runRecordName } from '../activities/store/ref-names';
import { sessionRunId } from '../workflows/contract/names';
import { runRecordSchema } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';
import type { SessionOf } from './session-record';

export const retired = (session: string): ClientError =>
  new ClientError('refused', `session ${session} is retired: it takes no message.`, { failure: 'Session.Retired' });

/**
 * By the record of the message's run: its workflow is gone. A message that a run under way was told has none.
 * @throws ClientError `refused` where the session never took the message, or took another one under its id
 */
export async function requireAnswered(
  store: ContentStore,
  { session, agent }: SessionOf,
  { id, tenant, message }: { id: string; tenant: string; message: string },
): Promise<void> {
  const ref = await store.readRef(runRecordName(sessionRunId(session, id)));
  const record = runRecordSchema.safeParse(ref?.value).data;
  if (record?.session !== session || record.agent !== agent || record.tenant !== tenant) throw retired(session);
  if (record.input === message) return;
  const text = `session ${session}: message "${id}" was sent before and said something else; and it is retired, so it takes no other.`;
  throw new ClientError('refused', text, { failure: 'Session.MessageChanged' });
}
