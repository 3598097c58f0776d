// One session, as a caller holds it: messages in, the run that answers each, its life.
import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { AgentInput, AgentOutput, AnyAgent } from '../activities/define/agent';
import type { WebhookTarget } from '../activities/define/webhook';
import type { Duration } from '../activities/define/duration';
import { createConversation } from '../activities/store';
import { mailName, runRecordName } from '../activities/store/ref-names';
import { sendMessage, sessionStart } from '../infra/temporal/send-message';
import { isFailureType } from '../workflows/contract/failures';
import type { Message } from '../workflows/contract/message';
import { SIGNAL_NAMES, WORKFLOW_TYPES, sessionRunId, sessionWorkflowId } from '../workflows/contract/names';
import type {
  LifecycleRequest,
  SendAnswer,
  SendRequest,
  SessionInput,
  SessionView,
} from '../workflows/contract/session';
import type { SessionRecord } from '../workflows/contract/schemas/session-record';
import { ClientError } from './errors';
import { firstMessage } from './first-message';
import { releaseForSession } from './releases';
import type { RunHandle } from './run-handle';
import { newMessageId, requireMessageId, requireSessionId } from './session-ids';
import {
  infoOf,
  notFound,
  readRecord,
  releaseInfo,
  requireRecord,
  type SessionInfo,
  type SessionMaker,
  type SessionOf,
} from './session-record';
import { requireAnswered, retired } from './retired-session';
import { timeOf } from './session-times';
import { withBeginning, type Sent, type SessionRun } from './session-run';
import { answered, sessionView } from './session-view';
import { tracedSend, traceOf } from './traced-start';
import { requireWebhook, watchRun } from './watch-run';
import { createSessionWakes, type SessionWakes } from './session-wakes';

export interface SendOptions {
  /** The same id is the same message: sent twice it is answered once. @default a new one */
  id?: string;
  /** @default the client's */
  user?: string;
  /** It is answered no sooner than at this time. */
  at?: Date;
  /** It is answered no sooner than after so long. */
  after?: Duration;
  /** Told when the run that answers it ends, and when that asks people. */
  webhook?: WebhookTarget;
  /** Of the caller's span: the spans of the run that answers it belong into that trace. @default as of `start` */
  traceparent?: string;
}

export interface SessionHandle<A extends AnyAgent> extends SessionWakes<A> {
  readonly id: string;
  /**
   * Returns once the message is accepted; it is answered whatever happens to the caller. The first message begins the session.
   * @throws ClientError `busy` where it is refused for the moment; `refused`, where it is retired or the id was another message's;
   * `session-not-found` where the id is another agent's or tenant's; `unknown-agent`, `invalid-input`, `no-worker`, `temporal-unreachable`
   */
  send(input: AgentInput<A>, options?: SendOptions): Promise<SessionRun<AgentOutput<A>>>;
  /** @throws ClientError `session-not-found`, `no-worker` */
  info(): Promise<SessionInfo>;
  /** All that was said up to the last run that ended. @throws ClientError `session-not-found` */
  transcript(): Promise<Message[]>;
  /** What is being answered goes on; nothing more is answered until it is resumed. @throws ClientError `session-not-found`, `refused` */
  pause(reason?: string): Promise<void>;
  resume(): Promise<void>;
  /** For ever: it takes no message any more, answers those that it has taken, except for those of a later time, and ends. */
  retire(reason?: string): Promise<void>;
}

export interface SessionHandleOptions {
  /** @default the client's */
  tenant?: string;
  /** @default the client's */
  user?: string;
}

/** @throws ClientError `invalid-input` for an id that cannot be one */
export function createSessionHandle<A extends AnyAgent>(maker: SessionMaker, of: SessionOf): SessionHandle<A> {
  requireSessionId(of.session);
  const { temporal, taskQueue } = maker;
  const { session } = of;
  const handle = temporal.workflow.getHandle(sessionWorkflowId(session));
  const view = async (): Promise<SessionView | undefined> => {
    const seen = await sessionView(temporal, session);
    return seen && seen.agent === of.agent && seen.tenant === maker.tenant ? seen : undefined;
  };
  const signal = async (name: string, reason?: string): Promise<void> => {
    const record = await readRecord(maker, of);
    const request: LifecycleRequest[] = reason === undefined ? [] : [{ reason }];
    if (!record) {
      // Its first message is on its way.
      if (!(await view())) throw notFound(of);
      return await handle.signal<LifecycleRequest[]>(name, ...request);
    }
    if (record.status === 'retired') throw retired(session);
    // One that sleeps is woken for it: nobody else could keep it in mind.
    await temporal.workflow.signalWithStart(WORKFLOW_TYPES.agentSession, {
      ...sessionStart(taskQueue, inputOf(maker, of, record.plan, record)),
      signal: name,
      signalArgs: request,
    });
  };
  const standing = async (): Promise<SessionInfo> => {
    const record = await readRecord(maker, of);
    if (record?.status === 'retired') return infoOf(record);
    // One that was woken to be paused has written nothing into its record since.
    if (record?.status === 'asleep' && !(await isOpen(handle))) return infoOf(record);
    const seen = await view();
    if (seen) return await withPlace(maker, seen);
    if (record) return infoOf(record);
    throw notFound(of);
  };
  return {
    id: session,
    send: async (input, options = {}) => {
      const id = options.id ?? newMessageId();
      requireMessageId(id);
      const about = { ...of, run: sessionRunId(session, id) };
      return await tracedSend(about, () => send<A>(maker, of, input, { ...options, id }));
    },
    info: async () => ({ ...(await standing()), ...(await releaseInfo(maker, of)) }),
    transcript: async () => {
      const { head } = await requireRecord(maker, of);
      if (head === null) return [];
      const conversation = createConversation(maker.store.of(maker.tenant));
      const entries = await conversation.originals(head, sessionWorkflowId(session));
      return entries.map(({ message }) => message);
    },
    pause: (reason) => signal(SIGNAL_NAMES.pause, reason),
    resume: () => signal(SIGNAL_NAMES.resume),
    retire: (reason) => signal(SIGNAL_NAMES.retire, reason),
    ...createSessionWakes<A>(maker, of),
  };
}

async function isOpen(handle: WorkflowHandle): Promise<boolean> {
  try {
    return (await handle.describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Without a worker for its queue nobody tells: then it is not shown. */
async function withPlace({ runOf }: SessionMaker, seen: SessionView): Promise<SessionInfo> {
  const queued = seen.run === undefined ? undefined : await runOf(seen.run).place();
  return { ...seen, ...(queued ? { queued } : {}) };
}

async function send<A extends AnyAgent>(
  maker: SessionMaker,
  of: SessionOf,
  input: AgentInput<A>,
  options: SendOptions & { id: string },
): Promise<SessionRun<AgentOutput<A>>> {
  const { temporal, taskQueue, tenant } = maker;
  const { session, agent } = of;
  const { id } = options;
  requireWebhook(options.webhook);
  const trace = traceOf(options.traceparent);
  const [record, { manifest, release }] = await Promise.all([
    readRecord(maker, of),
    releaseForSession(maker.store, agent, { tenant, session, run: sessionRunId(session, id) }),
  ]);
  const plan = manifest.session ?? record?.plan;
  if (!plan) throw new ClientError('invalid-input', `agent ${agent} has no sessions: its mode is not "session".`);
  const store = maker.store.of(tenant);
  const message = firstMessage(store, manifest, input);
  if (record?.status === 'retired') {
    await requireAnswered(store, of, { id, tenant, message: message.head.hash });
    return runOf<A>(
      maker,
      of,
      { message: id, state: 'answered', position: 0, repeated: true },
      sessionRunId(session, id),
    );
  }
  const user = options.user ?? maker.user;
  const request: SendRequest = {
    ...{ id, run: sessionRunId(session, id), agent, tenant, release },
    ...{ message: message.head.hash, preview: message.title },
    ...(user === undefined ? {} : { user }),
    ...(options.webhook ? { isWatched: true } : {}),
    ...timeOf(options),
  };
  const mail = mailName(session, id);
  // What a waiting message needs: itself, and the release that takes it whatever comes. And in whose trace its run will be.
  const value = { schemaVersion: 1, message: message.head.hash, release, at: Date.now(), ...trace };
  const { conflicts } = await store.commit({
    objects: [message.bytes],
    refs: [{ op: 'create', name: mail, value }],
  });
  const isOwn = conflicts.length === 0;
  const answer = await taken(
    temporal,
    session,
    () =>
      sendMessage(
        { temporal, taskQueue },
        async () => inputOf(maker, of, plan, await readRecordToGoOn(maker, of)),
        request,
      ),
    async () => void (isOwn && (await store.deleteRef(mail))),
  );
  // Of a repeat: the run's record names it by now, and the one that was told it has kept it itself.
  if (isOwn && (answer.state === 'joined' || (answer.repeated && (await store.readRef(runRecordName(answer.run))))))
    await store.deleteRef(mail);
  if (options.webhook) {
    const watch = sessionRunId(session, id);
    await watchRun(maker, { watch, run: answer.run, target: options.webhook });
  }
  const { state, position, repeated = false } = answer;
  return runOf<A>(maker, of, { message: id, state, position, repeated }, answer.run);
}

/** The caller named the agent's type: this is the place that takes its word for it. */
const runOf = <A extends AnyAgent>(
  { temporal, store, runOf: handleOf }: SessionMaker,
  { session }: SessionOf,
  sent: Sent,
  run: string,
): SessionRun<AgentOutput<A>> =>
  withBeginning(handleOf(run) as RunHandle<AgentOutput<A>>, { temporal, store, session, run }, sent);

const inputOf = (
  { tenant }: SessionMaker,
  { session, agent }: SessionOf,
  plan: SessionInput['plan'],
  record: SessionRecord | undefined,
): SessionInput => ({
  ...{ schemaVersion: 1, session, agent, tenant, plan },
  ...(record ? { from: { head: record.head, length: record.length }, answered: record.answered } : {}),
});

/** A session may have ended since its message was checked: one begun from an older record would forget what was said in between. */
async function readRecordToGoOn(maker: SessionMaker, of: SessionOf): Promise<SessionRecord | undefined> {
  const record = await readRecord(maker, of);
  if (record?.status === 'retired') throw retired(of.session);
  return record;
}

/** @param withdraw what was stored for the message @throws ClientError as `send` says */
async function taken(
  temporal: Client,
  session: string,
  ask: () => Promise<SendAnswer>,
  withdraw: () => Promise<void>,
): Promise<SendAnswer> {
  try {
    return await answered(temporal, session, ask);
  } catch (error) {
    if (ClientError.isInstance(error) && error.failure === 'Session.Retired') await withdraw();
    const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
    if (!(cause instanceof ApplicationFailure)) throw error;
    await withdraw();
    const code = CODES[cause.type ?? ''] ?? 'refused';
    const failure = isFailureType(cause.type) ? { failure: cause.type } : {};
    throw new ClientError(code, `session ${session}: ${cause.message}`, { cause: error, ...failure });
  }
}

const CODES: { readonly [type: string]: 'busy' | 'session-not-found' | 'invalid-input' } = {
  'Session.Busy': 'busy',
  'Session.MailboxFull': 'busy',
  'Session.NotFound': 'session-not-found',
  'Session.BadMessage': 'invalid-input',
};
