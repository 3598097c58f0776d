// A message of a session becomes a run: with the agent's release of this moment, and with all that was said in the session before it. Its id
// follows from the message, so whoever asks again finds the run again.
import { z } from 'zod';
import type { UserMessage } from '../../workflows/contract/message';
import { sessionWorkflowId } from '../../workflows/contract/names';
import type { FoundQueue } from '../../workflows/contract/queue';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { BeginSessionRunInput, BeginSessionRunResult } from '../../workflows/contract/session';
import { failure } from '../failure';
import { allRefs } from '../store/all-refs';
import { createRunRecord } from '../store/create-run-record';
import type { ChainEntry } from '../store/conversation';
import { forkChains } from '../store/fork-chains';
import type { ContentStore } from '../store/port';
import { partOf, readQueueSettings } from '../store/queue-settings';
import { chainsOf, mailName, openRunName, runRecordName } from '../store/ref-names';
import { runEntryName } from '../store/run-index';
import { closeRun, recordUnrecordedEnd } from '../unrecorded-end';
import type { ControlDeps } from './control-deps';
import { endedOf, readRun } from './find-run-end';
import { pickForSession, pinned, type PickedForSession } from './pick-for-session';
import { saidIn } from './session-conversation';
import { sessionInputOf, type SessionBeginning } from './session-input';
import { sessionRecordWrite } from './session-record';
import { cannotBeStarted } from './unstartable';

/** Repeating it finds what the first has begun. @throws ApplicationFailure `Store.*` */
export async function beginSessionRun(deps: ControlDeps, input: BeginSessionRunInput): Promise<BeginSessionRunResult> {
  const { store } = deps;
  const { mail } = input;
  const known = (await readRun(store, mail.run))?.record;
  if (known && !isOf(known, input)) return await answeredElsewhere(deps, input, known);
  const message = await saidBy(deps, mail.message);
  const entries = await saidIn(deps.conversation, input.session, input.from);
  const picked = known
    ? await pinned(deps, known.release)
    : await pickForSession(deps, input, { message, said: entries.map((entry) => entry.message) });
  const queue = known ? undefined : await queueOf(deps, picked.manifest, mail.run);
  const record = known ?? (await recordBegin(deps, input, { ...picked, entries, queue }));
  const { session: plan } = picked.manifest;
  const begun = { kind: 'begun' as const, release: record.release, ...(plan ? { plan } : {}) };
  const ended = endedOf(record);
  const beginning = { manifest: picked.manifest, message, entries };
  const otherwise = ended ? undefined : await start(deps, record, beginning);
  if (otherwise?.kind === 'full') return otherwise;
  await store.deleteRef(mailName(input.session, mail.id));
  if (otherwise) return otherwise;
  if (ended) return { ...begun, ended };
  return { ...begun, ...(record.queue ? { queue: record.queue.workflow } : {}) };
}

/** Undefined where its runs begin at once. */
async function queueOf(
  { store, taskQueue }: ControlDeps,
  { queue }: ReleaseManifest,
  run: string,
): Promise<FoundQueue | undefined> {
  const settings = queue === undefined ? undefined : await readQueueSettings(store, taskQueue, queue);
  // Its workers publish queues before releases: one that is not there was taken away since.
  return queue === undefined || !settings ? undefined : partOf(taskQueue, { name: queue, settings }, run);
}

type NotBegun = Extract<BeginSessionRunResult, { kind: 'full' | 'refused' }>;

/** @returns where its queue has no room for it, and it is not recorded any more; or it can be begun by nobody, and its record says so */
async function start(deps: ControlDeps, record: RunRecord, beginning: SessionBeginning): Promise<NotBegun | undefined> {
  const { id, tenant, queue, question } = record;
  const settings = queue && (await readQueueSettings(deps.store, deps.taskQueue, queue.name));
  if (!queue || !settings) {
    try {
      await deps.executions.start({ id, question, input: sessionInputOf(record, beginning) });
      return undefined;
    } catch (error) {
      return await refusedBy(deps, id, error);
    }
  }
  const { name, workflow } = queue;
  const shard = Number(workflow.slice(workflow.lastIndexOf('/') + 1));
  const answer = await deps.executions.enqueue(
    { name, workflow, shard, settings },
    { run: id, tenant, priority: 'normal' },
  );
  if (answer.kind !== 'full') return undefined;
  await takeBackRecord(deps.store, id);
  return { kind: 'full', queue: name, retryAfterMs: answer.retryAfterMs };
}

/** A session would wait for ever for a run that Temporal does not take. @throws the error, where it means something else */
async function refusedBy(deps: ControlDeps, id: string, error: unknown): Promise<NotBegun> {
  const refusal = cannotBeStarted(error);
  const found = refusal?.type === 'Run.Unstartable' ? await readRun(deps.store, id) : undefined;
  if (!refusal || !found) throw error;
  const end = { at: deps.now(), outcome: 'failed' as const, failure: refusal, firstRunId: '' };
  // Where somebody else has written the record in between, the activity is tried again, and reads that.
  if (!found.record.ended && !(await recordUnrecordedEnd(deps.store, found, end)))
    throw failure('Store.Unavailable', `the record of run ${id} is being written by somebody else.`);
  await closeRun(deps, id);
  return { kind: 'refused', failure: refusal };
}

async function takeBackRecord(store: ContentStore, id: string): Promise<void> {
  const found = await readRun(store, id);
  if (!found || found.record.ended) return;
  if (!(await store.deleteRef(runRecordName(id), found.version))) return;
  for (const { name } of await allRefs(store, chainsOf(id))) await store.deleteRef(name);
  await store.deleteRef(openRunName(id));
  await store.deleteRef(runEntryName(found.record));
}

/** The very run that is to be begun now: begun before by an attempt that could not say so, or by an execution before a reset. */
const isOf = (known: RunRecord, input: BeginSessionRunInput): boolean =>
  isAnswer(known, input) && known.goesOnFrom?.base === input.from.head;

/** Whoever starts a run chooses its id, and the session that it is said to be of: none of those goes on from anything. */
const isAnswer = ({ session, agent, tenant, input, goesOnFrom }: RunRecord, of: BeginSessionRunInput): boolean =>
  goesOnFrom !== undefined &&
  session === of.session &&
  agent === of.agent &&
  tenant === of.tenant &&
  input === of.mail.message;

/** By a run that the session has left behind: it has forgotten the message's id since, and was sent it again. */
async function answeredElsewhere(
  { store }: ControlDeps,
  input: BeginSessionRunInput,
  known: RunRecord,
): Promise<BeginSessionRunResult> {
  const { session, mail } = input;
  await store.deleteRef(mailName(session, mail.id));
  if (isAnswer(known, input)) return { kind: 'repeated' };
  const message = `the id of run ${mail.run} was taken, by another input: nobody answers the message.`;
  return { kind: 'refused', failure: { type: 'Session.MessageChanged', message } };
}

async function saidBy({ conversation }: ControlDeps, hash: string): Promise<UserMessage> {
  const [message] = await conversation.messages([hash]);
  if (message?.role === 'user') return message;
  throw failure('Store.ObjectCorrupt', `object ${hash} is no message that could be said to a session.`);
}

const sentSchema = z.object({ traceparent: z.string().exactOptional() });

/** Of whoever sent the message: it stands beside that in the store, and in no history. */
async function traceOf(store: ContentStore, session: string, message: string): Promise<{ traceparent?: string }> {
  const { traceparent } = sentSchema.safeParse((await store.readRef(mailName(session, message)))?.value).data ?? {};
  return traceparent === undefined ? {} : { traceparent };
}

async function recordBegin(
  { store, conversation, now }: ControlDeps,
  input: BeginSessionRunInput,
  {
    release,
    rollout,
    shadow,
    manifest,
    entries,
    queue,
    stays,
    trial,
  }: PickedForSession & { entries: readonly ChainEntry[]; queue: FoundQueue | undefined },
): Promise<RunRecord> {
  const { session, agent, tenant, mail, from, answered } = input;
  const record: RunRecord = {
    ...{ schemaVersion: 1, id: mail.run, agent, release, tenant, session, tags: [] },
    ...(mail.user === undefined ? {} : { user: mail.user }),
    ...{ input: mail.message, question: mail.preview, startedAt: now() },
    goesOnFrom: { base: from.head, length: from.length },
    ...(await traceOf(store, session, mail.id)),
    ...(rollout ? { rollout } : {}),
    ...(shadow ? { shadow } : {}),
    ...(mail.isWatched ? { isWatched: true } : {}),
    ...(queue ? { queue: { name: queue.name, workflow: queue.workflow, asked: 1 } } : {}),
  };
  const chains =
    entries.length === 0
      ? { objects: [], refs: [] }
      : await forkChains(conversation, { from: sessionWorkflowId(session), to: mail.run }, entries);
  const standing = {
    status: 'open' as const,
    plan: manifest.session ?? input.plan,
    ...{ reached: from, answered, at: now(), release },
    ...(stays ? { stays } : {}),
    ...(trial ? { trial } : {}),
  };
  const known = await createRunRecord(store, record, {
    objects: chains.objects,
    refs: [...chains.refs, sessionRecordWrite(input, standing)],
  });
  return known ?? record;
}
