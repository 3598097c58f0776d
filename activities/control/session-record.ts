// Where a session is kept beside its workflow. One writer: the workflow, one activity after the other.
import type { SessionContext, SessionPlan, Reached } from '../../workflows/contract/session';
import { sessionRecordSchema, type SessionRecord } from '../../workflows/contract/schemas/session-record';
import type { ContentStore, RefWrite } from '../store/port';
import { sessionRecordName } from '../store/ref-names';

export async function readSessionRecord(
  store: Pick<ContentStore, 'readRef'>,
  session: string,
): Promise<SessionRecord | undefined> {
  const ref = await store.readRef(sessionRecordName(session));
  return ref && sessionRecordSchema.parse(ref.value);
}

export interface SessionStanding {
  status: SessionRecord['status'];
  plan: SessionPlan;
  reached: Reached;
  answered: number;
  at: number;
  /** As of the record. */
  release?: string;
  stays?: NonNullable<SessionRecord['stays']>;
  trial?: NonNullable<SessionRecord['trial']>;
}

export function sessionRecordWrite(
  { session, agent, tenant }: SessionContext,
  { status, plan, reached, answered, at, release, stays, trial }: SessionStanding,
): RefWrite {
  const value: SessionRecord = {
    ...{ schemaVersion: 1, id: session, agent, tenant, status, plan },
    ...{ head: reached.head, length: reached.length, answered, at },
    ...(release === undefined ? {} : { release }),
    ...(stays ? { stays } : {}),
    ...(trial ? { trial } : {}),
  };
  return { op: 'put', name: sessionRecordName(session), value };
}
