// A message of a session becomes a run: with the agent's release of this moment, and with all that was said in the session before it. Its id
// follows from the message, so whoever asks again finds the run again.
import { z } from 'zod';
import { MESSAGES_SHOWN } from '../../workflows/contract/limits';
import type { UserMessage } from '../../workflows/contract/message';
import { sessionWorkflowId, webhookWorkflowId } from '../../workflows/contract/names';
import type { ReleaseManifest } from '../../workflows/contract/release';
import type { AgentRunInput, CarriedState } from '../../workflows/contract/run';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import type { BeginSessionRunInput, BeginSessionRunResult } from '../../workflows/contract/session';
import { failure } from '../failure';
import { createRunRecord } from '../store/create-run-record';
import type { ChainEntry } from '../store/conversation';
import { forkChains } from '../store/fork-chains';
import { previewOf } from '../store/preview';
import { mailName } from '../store/ref-names';
import type { ControlDeps } from './control-deps';
import { endedOf, readRun } from './find-run-end';
import { currentReleaseOf, manifestOf } from './manifest-of';
import { newestOf, saidIn } from './session-conversation';
import { sessionRecordWrite } from './session-record';
import { NO_TOTALS } from './unanswered-message';

/** Repeating it finds what the first has begun. @throws ApplicationFailure `Store.*` */
export async function beginSessionRun(deps: ControlDeps, input: BeginSessionRunInput): Promise<BeginSessionRunResult> {
  const { store } = deps;
  const { mail } = input;
  const known = (await readRun(store, mail.run))?.record;
  if (known && !isOf(known, input)) return await answeredElsewhere(deps, input, known);
  const message = await saidBy(deps, mail.message);
  const picked = known ? await pinned(deps, known.release) : await pick(deps, input, message);
  const entries = await saidIn(deps.conversation, input.session, input.from);
  const record = known ?? (await recordBegin(deps, input, picked, entries));
  await store.deleteRef(mailName(input.session, mail.id));
  const { session: plan } = picked.manifest;
  const begun = { kind: 'begun' as const, release: record.release, ...(plan ? { plan } : {}) };
  const ended = endedOf(record);
  if (ended) return { ...begun, ended };
  await deps.executions.start({
    id: record.id,
    question: record.question,
    input: runInput(input, { record, manifest: picked.manifest, message, entries }),
  });
  return begun;
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

interface Picked {
  release: string;
  manifest: ReleaseManifest;
}

const pinned = async ({ store }: ControlDeps, release: string): Promise<Picked> => ({
  release,
  manifest: await manifestOf(store, release),
});

/** What new runs take, unless the message does not fit that: then the one that it was checked against. */
async function pick(deps: ControlDeps, { agent, mail }: BeginSessionRunInput, message: UserMessage): Promise<Picked> {
  const current = await currentReleaseOf(deps.store, agent);
  if (current === undefined || current === mail.release) return await pinned(deps, mail.release);
  const newest = await pinned(deps, current);
  return isInput(newest.manifest, message) ? newest : await pinned(deps, mail.release);
}

function isInput({ input }: ReleaseManifest, { parts }: UserMessage): boolean {
  if (!input) return true;
  const [text] = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  try {
    return z.fromJSONSchema(input).safeParse(JSON.parse(text ?? '')).success;
  } catch {
    return false;
  }
}

async function recordBegin(
  { store, conversation, now }: ControlDeps,
  input: BeginSessionRunInput,
  { release, manifest }: Picked,
  entries: readonly ChainEntry[],
): Promise<RunRecord> {
  const { session, agent, tenant, mail, from, answered } = input;
  const record: RunRecord = {
    ...{ schemaVersion: 1, id: mail.run, agent, release, tenant, session, tags: [] },
    ...(mail.user === undefined ? {} : { user: mail.user }),
    ...{ input: mail.message, question: mail.preview, startedAt: now() },
    goesOnFrom: { base: from.head, length: from.length },
    ...(mail.isWatched ? { isWatched: true } : {}),
  };
  const chains =
    entries.length === 0
      ? { objects: [], refs: [] }
      : await forkChains(conversation, { from: sessionWorkflowId(session), to: mail.run }, entries);
  const standing = {
    status: 'open' as const,
    plan: manifest.session ?? input.plan,
    reached: from,
    answered,
    at: now(),
  };
  const known = await createRunRecord(store, record, {
    objects: chains.objects,
    refs: [...chains.refs, sessionRecordWrite(input, standing)],
  });
  return known ?? record;
}

interface ToStart {
  record: RunRecord;
  manifest: ReleaseManifest;
  message: UserMessage;
  entries: readonly ChainEntry[];
}

function runInput(
  { mail, from, session }: BeginSessionRunInput,
  { record, manifest, message, entries }: ToStart,
): AgentRunInput {
  const { agent, release, tenant, user, startedAt } = record;
  const head = { hash: mail.message, role: message.role, preview: previewOf(message) };
  const carried: CarriedState = {
    ...{ schemaVersion: 1, startedAt, turn: 0, badAnswersInARow: 0, totals: NO_TOTALS },
    ...{ head: from.head, length: from.length, append: [head] },
    steps: [
      { seq: 1, kind: 'note', label: `goes on with session ${session}`, state: 'done', startedAt, endedAt: startedAt },
    ],
    lastSeq: 1,
    messages: [...newestOf(entries), { ...head, position: from.length }].slice(-MESSAGES_SHOWN),
  };
  return {
    ...{ schemaVersion: 1, agent, release, tenant, session, tags: [] },
    ...(user === undefined ? {} : { user }),
    ...{ input: head, plan: manifest.plan, tells: sessionWorkflowId(session) },
    ...(record.isWatched ? { watchedBy: webhookWorkflowId(record.id) } : {}),
    ...(from.head === null ? {} : { carried }),
  };
}
