// A session as its record in the store tells it, to those whose it is.
import type { Client } from '@temporalio/client';
import type { ContentStore } from '../activities/store/port';
import { readPointer } from '../activities/store/pick-release';
import { sessionRecordName } from '../activities/store/ref-names';
import { holdsNow, readSessionHold } from '../activities/store/session-hold';
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
  /** Of its newest run. */
  release?: string;
  /** Set where that stayed behind what new runs took: which that was, and what of its conversation does not fit it. */
  stays?: { insteadOf: string; why: string[] };
  /** Somebody keeps it at a release. `isPassedOver`: that one was taken back since. */
  held?: { release: string; why: string; by: string; at: number; isPassedOver?: true };
};

/** Of its release, beside what its workflow tells. */
export async function releaseInfo(
  { store }: Pick<SessionMaker, 'store'>,
  { session, agent }: SessionOf,
): Promise<Pick<SessionInfo, 'release' | 'stays' | 'held'>> {
  const [ref, hold, found] = await Promise.all([
    store.readRef(sessionRecordName(session)),
    readSessionHold(store, session),
    readPointer(store, agent),
  ]);
  const { release, stays } = (ref && sessionRecordSchema.parse(ref.value)) ?? {};
  const isPassedOver = hold !== undefined && found !== undefined && !holdsNow(hold, found.pointer);
  return {
    ...(release === undefined ? {} : { release }),
    ...(stays ? { stays } : {}),
    ...(hold
      ? {
          held: {
            ...{ release: hold.release, why: hold.why, by: hold.by, at: hold.at },
            ...(isPassedOver ? { isPassedOver: true as const } : {}),
          },
        }
      : {}),
  };
}

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
