// A session as its record in the store tells it, to those whose it is.
import type { Client } from '@temporalio/client';
import type { ContentStore } from '../activities/store/port';
import { sessionRecordName } from '../activities/store/ref-names';
import type { QueuePlace } from '../workflows/contract/queue';
import type { SessionView } from '../workflows/contract/session';
import { sessionRecordSchema, type SessionRecord } from '../workflows/contract/schemas/session-record';
import { ClientError } from './errors';
import type { RunHandle } from './run-handle';
import { isSessionId } from './session-ids';
import { sessionView } from './session-view';

export interface SessionMaker {
  temporal: Client;
  store: ContentStore;
  taskQueue: string;
  tenant: string;
  user?: string;
  runOf(id: string): RunHandle<unknown>;
}

export interface SessionOf {
  session: string;
  agent: string;
}

export type SessionInfo = Omit<SessionView, 'status'> & {
  /** `asleep`: nothing was said for its idle time; the next message wakes it. */
  status: SessionView['status'] | 'asleep' | 'retired';
  /** Where the run under way waits for a place in its queue. */
  queued?: QueuePlace;
};

export async function readRecord(
  { store, tenant }: SessionMaker,
  { session, agent }: SessionOf,
): Promise<SessionRecord | undefined> {
  const ref = await store.readRef(sessionRecordName(session));
  if (!ref) return undefined;
  const record = sessionRecordSchema.parse(ref.value);
  // Of another tenant's nobody is told more than of one that is not there.
  if (record.tenant === tenant && record.agent === agent) return record;
  throw notFound({ session, agent });
}

export async function requireRecord(maker: SessionMaker, of: SessionOf): Promise<SessionRecord> {
  const record = await readRecord(maker, of);
  if (record) return record;
  throw notFound(of);
}

/** Whose it is, whoever asks. @returns undefined where there is none @throws ClientError `no-worker` where only one could tell */
export async function findSession(
  { store, temporal }: Pick<SessionMaker, 'store' | 'temporal'>,
  session: string,
): Promise<{ agent: string; tenant: string } | undefined> {
  if (!isSessionId(session)) return undefined;
  const ref = await store.readRef(sessionRecordName(session));
  // Its first message may be on its way.
  const { agent, tenant } = (ref ? sessionRecordSchema.parse(ref.value) : await sessionView(temporal, session)) ?? {};
  return agent === undefined || tenant === undefined ? undefined : { agent, tenant };
}

export const notFound = ({ session, agent }: SessionOf): ClientError =>
  new ClientError('session-not-found', `there is no session "${session}" of agent ${agent}.`);

export const infoOf = ({
  id,
  agent,
  tenant,
  status,
  plan,
  head,
  length,
  answered: count,
  at,
}: SessionRecord): SessionInfo => ({
  ...{ session: id, agent, tenant, plan, reached: { head, length } },
  ...{ status: status === 'open' ? 'idle' : status },
  ...{ waiting: [], later: [], answered: count, activeAt: at },
});
