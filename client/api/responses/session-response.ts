// Responses of an agent whose mode is `session`: each is a message of a session, and has the id of the run that answers it. That run may not
// have begun yet, because others are answered before it.
import { allRefs, type ContentStore } from '../../../activities/store';
import { mailName, RUN_PREFIX, runRecordName } from '../../../activities/store/ref-names';
import { sessionRunId } from '../../../workflows/contract/names';
import { runRecordSchema, type RunRecord } from '../../../workflows/contract/schemas/run-record';
import type { MailView } from '../../../workflows/contract/session';
import type { SessionInfo } from '../../session-record';
import { maySee, recordOf } from '../known-run';
import { seenSession } from '../known-session';
import { Problem } from '../problem';
import type { ApiRequest } from '../route';

type Asking = Pick<ApiRequest<unknown, unknown, unknown>, 'caller' | 'deps' | 'client'>;

/** A message that has no run yet. */
export interface WaitingResponse {
  id: string;
  agent: string;
  tenant: string;
  /** Of the session. */
  session: string;
  sentAt: number;
}
export type KnownResponse = { record: RunRecord; waits?: never } | { waits: WaitingResponse; record?: never };

export type SessionRunRecord = RunRecord & { session: string };

/** What was forked from one is none of them: its session knows nothing of it. */
export const isOfSession = (record: RunRecord): record is SessionRunRecord =>
  record.goesOnFrom !== undefined && record.session !== undefined;

/** @throws Problem `Run.NotFound` */
export async function knownResponse(asking: Asking, id: string): Promise<KnownResponse> {
  const { caller, deps } = asking;
  const run = await recordOf(deps.store, id);
  if (run && (await maySee(caller, deps.store, run))) return { record: run };
  const waits = run ? undefined : await waitingResponse(asking, id);
  if (waits) return { waits };
  // It may have begun in between.
  const begun = run ? undefined : await recordOf(deps.store, id);
  if (begun && (await maySee(caller, deps.store, begun))) return { record: begun };
  throw new Problem('Run.NotFound', `there is no run "${id.slice(0, 80)}".`);
}

async function waitingResponse(asking: Asking, id: string): Promise<WaitingResponse | undefined> {
  const at = id.indexOf('/');
  if (at < 1) return undefined;
  const session = id.slice(0, at);
  const known = await seenSession(asking, session);
  if (!known) return undefined;
  const mail = mailsIn(await known.handle.info()).find(({ run }) => run === id);
  return mail && { id, agent: known.agent, tenant: known.tenant, session, sentAt: mail.sentAt };
}

/** In the order in which they are answered. */
const mailsIn = ({ answering, waiting, later }: SessionInfo): MailView[] => [
  ...(answering ? [answering] : []),
  ...waiting,
  ...later,
];

/** Where the next message of a session goes: behind its newest. What goes on from an older one is said elsewhere. */
export async function isNewest(asking: Asking, session: string, run: string): Promise<boolean> {
  const known = await seenSession(asking, session);
  if (!known) return false;
  const { answering, waiting } = await known.handle.info();
  const waits = waiting.at(-1) ?? answering;
  return (waits?.run ?? (await runsIn(asking.deps.store, session)).at(-1)?.id) === run;
}

/** Whether a message was said to it before: whoever asks again, with the same Idempotency-Key, goes on with that. */
export async function wasSaid(store: ContentStore, session: string, message: string): Promise<boolean> {
  const names = [runRecordName(sessionRunId(session, message)), mailName(session, message)];
  return (await Promise.all(names.map((name) => store.readRef(name)))).some((ref) => ref !== undefined);
}

/** What was answered before it. */
export async function previousOf(store: ContentStore, record: RunRecord): Promise<string | undefined> {
  if (record.forkedFrom) return record.forkedFrom.run;
  if (!isOfSession(record) || record.goesOnFrom?.base === null) return undefined;
  const runs = await runsIn(store, record.session);
  return runs[runs.findIndex(({ id }) => id === record.id) - 1]?.id;
}

/** One after the other, as it has answered. */
async function runsIn(store: ContentStore, session: string): Promise<RunRecord[]> {
  const refs = await allRefs(store, `${RUN_PREFIX}${encodeURIComponent(`${session}/`)}`);
  return refs
    .flatMap(({ value }) => {
      const record = runRecordSchema.safeParse(value).data;
      return record && isOfSession(record) ? [record] : [];
    })
    .sort((one, other) => one.startedAt - other.startedAt);
}
