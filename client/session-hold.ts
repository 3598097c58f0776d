// Keeps a session at a release, and lets it go with new runs again. In the store alone: its next message reads it.
import { readPointer } from '../activities/store/pick-release';
import type { ContentStore } from '../activities/store/port';
import { sessionHoldName, sessionRecordName } from '../activities/store/ref-names';
import { readSessionHold } from '../activities/store/session-hold';
import {
  sessionRecordSchema,
  type SessionHold,
  type SessionRecord,
} from '../workflows/contract/schemas/session-record';
import { ClientError } from './errors';
import { retired } from './retired-session';
import { currentRelease, releaseOf } from './releases';
import { isSessionId } from './session-ids';

export interface HeldSession {
  session: string;
  tenant: string;
}

/**
 * What is being answered ends as it began; the next message is answered by the release, whatever new runs take by then.
 * @param release its name, its hash or the beginning of it, or `current`
 * @throws ClientError `session-not-found`; `refused` where it is retired, or the release was taken back; `invalid-input` where that is none
 */
export async function holdSession(
  store: ContentStore,
  of: HeldSession,
  { release: given, why, by }: { release: string; why: string; by: string },
): Promise<SessionHold> {
  const { agent, status } = await recordOf(store, of);
  if (status === 'retired') throw retired(of.session);
  const { release, manifest } =
    given === 'current' ? await currentRelease(store, agent) : await releaseOf(store, agent, given);
  const { pointer } = (await readPointer(store, agent)) ?? {};
  if (pointer?.withdrawn?.includes(release))
    throw new ClientError(
      'refused',
      `release ${release.slice(0, 12)} of ${agent} was taken back: no run begins on it any more.`,
    );
  if (!manifest.session)
    throw new ClientError(
      'refused',
      `release ${release.slice(0, 12)} of ${agent} holds no sessions: its mode is another.`,
    );
  const hold: SessionHold = { schemaVersion: 1, session: of.session, agent, release, why, by, at: Date.now() };
  await store.commit({ refs: [{ op: 'put', name: sessionHoldName(of.session), value: hold }] });
  return hold;
}

/** @returns what held it; undefined where nothing did @throws ClientError `session-not-found` */
export async function unholdSession(store: ContentStore, of: HeldSession): Promise<SessionHold | undefined> {
  await recordOf(store, of);
  const hold = await readSessionHold(store, of.session);
  await store.deleteRef(sessionHoldName(of.session));
  return hold;
}

async function recordOf(store: ContentStore, { session, tenant }: HeldSession): Promise<SessionRecord> {
  const ref = isSessionId(session) ? await store.readRef(sessionRecordName(session)) : undefined;
  const record = ref && sessionRecordSchema.parse(ref.value);
  // Of another tenant's nobody is told more than of one that is not there.
  if (record?.tenant === tenant) return record;
  throw new ClientError('session-not-found', `there is no session "${session.slice(0, 40)}".`);
}
