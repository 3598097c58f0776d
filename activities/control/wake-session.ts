// A message that a schedule sends. Whether the session takes it is the session's to say: what it refuses is a failed execution of the schedule.
import type { SendAnswer, SessionWakeInput } from '../../workflows/contract/session';
import { DEFAULT_SESSION_PLAN } from '../../workflows/contract/limits';
import { sessionRunId } from '../../workflows/contract/names';
import { failure } from '../failure';
import { manifestOf } from './manifest-of';
import { readSessionRecord } from './session-record';
import type { ControlDeps } from './control-deps';

/** Repeating it is the same message. @throws ApplicationFailure `Session.*`, `Store.*` */
export async function wakeSession(
  { store, executions }: ControlDeps,
  { session, agent, tenant, user, message, preview, release, id }: SessionWakeInput & { id: string },
): Promise<SendAnswer> {
  const known = await readSessionRecord(store, session);
  if (known?.status === 'retired')
    throw failure('Session.Retired', `session ${session} is retired: delete what wakes it.`);
  const { session: plan = DEFAULT_SESSION_PLAN } = await manifestOf(store, release);
  return await executions.send(
    {
      ...{ schemaVersion: 1, session, agent, tenant, plan },
      ...(known ? { from: { head: known.head, length: known.length }, answered: known.answered } : {}),
    },
    {
      ...{ id, run: sessionRunId(session, id), agent, tenant, message, preview, release },
      ...(user === undefined ? {} : { user }),
    },
  );
}
