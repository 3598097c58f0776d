// Messages that callers have stored and whose sessions have never heard of them: a caller was cut off between the two. Nobody answers them.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { z } from 'zod';
import { allRefs, type ContentStore } from '../../activities/store';
import { MAIL_PREFIX, WAKE_MAIL, runRecordName, sessionRecordName } from '../../activities/store/ref-names';
import { QUERY_NAMES, sessionRunId, sessionWorkflowId } from '../../workflows/contract/names';
import type { SessionView } from '../../workflows/contract/session';
import { sessionRecordSchema } from '../../workflows/contract/schemas/session-record';

/** A worker answers in milliseconds. */
const ASK_MS = 6_000;

export interface Unsent {
  /** Names of the refs of messages that nobody answers. */
  names: string[];
  /** Messages of which only a session could tell, and none could be asked. */
  unknown: number;
}

interface Mail {
  name: string;
  session: string;
  id: string;
  at: number;
}

/**
 * @param storedBefore milliseconds since the epoch: what is newer may be on its way
 * @param connect to Temporal, where it is there; asked for only where something turns on it
 */
export async function unsentMessages(
  store: ContentStore,
  storedBefore: number,
  connect: () => Promise<Client | undefined>,
): Promise<Unsent> {
  const unsent: Unsent = { names: [], unknown: 0 };
  const bySession = new Map<string, Mail[]>();
  for (const mail of await mailsBefore(store, storedBefore)) {
    if (await isOver(store, mail)) unsent.names.push(mail.name);
    else bySession.set(mail.session, [...(bySession.get(mail.session) ?? []), mail]);
  }
  const temporal = bySession.size === 0 ? undefined : await connect();
  for (const [session, mails] of bySession) {
    const known = temporal && (await knownTo(temporal, session));
    if (known) unsent.names.push(...mails.filter(({ id }) => !known.has(id)).map(({ name }) => name));
    else unsent.unknown += mails.length;
  }
  return unsent;
}

const mailSchema = z.object({ at: z.number() });

async function mailsBefore(store: ContentStore, before: number): Promise<Mail[]> {
  return (await allRefs(store, MAIL_PREFIX)).flatMap(({ name, value }) => {
    const { data } = mailSchema.safeParse(value);
    const [session = '', id = ''] = name.slice(MAIL_PREFIX.length).split('/').map(decodeURIComponent);
    // What a schedule says is kept for as long as the schedule is.
    return data && data.at < before && !id.startsWith(WAKE_MAIL) ? [{ name, session, id, at: data.at }] : [];
  });
}

/** Whether the store alone says that nobody waits for it. */
async function isOver(store: ContentStore, { session, id, at }: Mail): Promise<boolean> {
  if (await store.readRef(runRecordName(sessionRunId(session, id)))) return true;
  const { data } = sessionRecordSchema.safeParse((await store.readRef(sessionRecordName(session)))?.value);
  // Nothing waits in a session that has fallen asleep, or is retired.
  return data !== undefined && data.status !== 'open' && at < data.at;
}

/** Ids of the messages that a session is to answer. Undefined where nobody tells. */
async function knownTo(temporal: Client, session: string): Promise<Set<string> | undefined> {
  try {
    const { answering, waiting, later } = await temporal.connection.withDeadline(Date.now() + ASK_MS, () =>
      temporal.workflow.getHandle(sessionWorkflowId(session)).query<SessionView>(QUERY_NAMES.session),
    );
    return new Set([...(answering ? [answering] : []), ...waiting, ...later].map(({ id }) => id));
  } catch (error) {
    return error instanceof WorkflowNotFoundError ? new Set() : undefined;
  }
}
