// Starts runs and finds them again. A caller needs the agent's name and its type; the code stays with the workers.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { AgentInput, AgentOutput, AnyAgent } from '../activities/define/agent';
import { limitedTo } from '../activities/define/limited-to';
import { readFile } from '../activities/store';
import type { NewRun } from '../activities/store/pick-release';
import type { ContentStore } from '../activities/store/port';
import { AGENT_PREFIX } from '../activities/store/ref-names';
import { takenAgain } from '../activities/store/taken-again';
import type { TextReader } from '../activities/stream/port';
import type { FileRef } from '../workflows/contract/message';
import type { ReleaseManifest } from '../workflows/contract/release';
import type { RunRecord } from '../workflows/contract/schemas/run-record';
import { agentPointerSchema } from '../workflows/contract/schemas/traffic';
import { answerWithin, type Answered } from './answer-within';
import { ClientError } from './errors';
import { firstMessage } from './first-message';
import { forkRun, type ForkOptions } from './fork-run';
import { createQueueClient, type QueueClient } from './queue-client';
import { readManifest, releaseFor } from './releases';
import { createRunHandle, type RunHandle, type RunHandleOptions } from './run-handle';
import type { Signer } from './run-requests';
import { checkedLabels, newRunId, type StartOptions } from './run-labels';
import { startQueued, type QueuedStart } from './start-queued';
import { createSessionHandle, type SessionHandle, type SessionHandleOptions } from './session-handle';
import { recordStart, startWorkflow } from './start-workflow';
import { isTemporalGone } from './temporal-gone';
import { requireWebhook, watchRun } from './watch-run';
import { tracedStart, traceOf } from './traced-start';
import { putFile, type FileAbout } from './stored-file';

export interface AgentClientOptions {
  temporal: Client;
  store: ContentStore;
  taskQueue: string;
  tenant: string;
  user?: string;
  /** Signs what is decided through this client. */
  signer?: Signer;
  /** Closed with the client. @default answers are not shown while they come */
  texts?: TextReader;
}

export interface AgentHandle<A extends AnyAgent> {
  readonly name: string;
  /**
   * Returns once Temporal has the run, or the agent's queue has taken it: then `queued` says where it stands. It goes on whatever happens to
   * the caller.
   * @throws ClientError `unknown-agent`, `invalid-input`, `id-in-use`, `queue-full`, `no-worker`, `temporal-unreachable`
   */
  start(input: AgentInput<A>, options?: StartOptions): Promise<RunHandle<AgentOutput<A>>>;
  /**
   * Of an agent of mode `sync`: its answer, or, where that takes longer than `sync.within`, the run that goes on as a job.
   * @throws ClientError as `start`; `invalid-input` for an agent of another mode
   */
  run(input: AgentInput<A>, options?: StartOptions): Promise<Answered<AgentOutput<A>>>;
  /**
   * Of an agent of mode `session`: one conversation, by an id of the caller's own. Nothing is checked but the id until it is used.
   * @throws ClientError `invalid-input`
   */
  session(id: string, options?: SessionHandleOptions): SessionHandle<A>;
}

export interface AgentClient {
  agent<A extends AnyAgent>(name: A['name']): AgentHandle<A>;
  /** As `agent(name).session(id)`. */
  session<A extends AnyAgent>(agent: A['name'], id: string, options?: SessionHandleOptions): SessionHandle<A>;
  /** Of a run that exists; nothing is checked until it is used. */
  run<Output = unknown>(id: string): RunHandle<Output>;
  /**
   * A new run that begins with what another had said and done up to a step, and goes on by itself: its calls are new. The other one
   * is left as it is, whether it goes on or has ended.
   * @throws ClientError `run-not-found`, `invalid-input`, `unknown-agent`, `id-in-use`, `erased`, `queue-full`, `no-worker`, `temporal-unreachable`
   */
  fork(run: string, options?: ForkOptions): Promise<RunHandle<unknown>>;
  /** Agents that workers have published, by name. */
  agents(): Promise<ReleaseManifest[]>;
  /**
   * Stores bytes that an input refers to.
   * @throws ClientError `invalid-input` when media type or name cannot be stored
   */
  putFile(bytes: Uint8Array, about: FileAbout): Promise<FileRef>;
  /** The bytes of a reference, for example in a result. @throws ApplicationFailure `Store.ObjectMissing`, `Store.ObjectCorrupt` */
  readFile(ref: FileRef): Promise<Uint8Array>;
  close(): Promise<void>;
}

export function createAgentClient(options: AgentClientOptions): AgentClient {
  const { temporal, store } = options;
  const starter: Starter = { ...options, queues: createQueueClient(options) };
  const session = <A extends AnyAgent>(agent: A['name'], id: string, of: SessionHandleOptions = {}): SessionHandle<A> =>
    createSessionHandle<A>(
      {
        ...{ temporal, store, taskQueue: options.taskQueue, tenant: of.tenant ?? options.tenant },
        ...withUser(of.user ?? options.user),
        runOf: (run) => createRunHandle({ temporal, store, id: run, ...handed(options) }),
      },
      { session: id, agent },
    );
  return {
    agent: <A extends AnyAgent>(name: A['name']) => ({
      name,
      start: (input: AgentInput<A>, start: StartOptions = {}) => startRun<AgentOutput<A>>(starter, name, input, start),
      run: (input: AgentInput<A>, start: StartOptions = {}) => callAgent<AgentOutput<A>>(starter, name, input, start),
      session: (id: string, of?: SessionHandleOptions) => session<A>(name, id, of),
    }),
    session,
    run: (id) => createRunHandle({ temporal, store, id, ...handed(options) }),
    fork: (run, fork = {}) => forkRun(starter, run, fork),
    agents: async () => {
      const refs = await store.listRefs(AGENT_PREFIX);
      // A release that this version cannot read is no reason to know nothing of the others; starting it says what is wrong.
      const found = await Promise.allSettled(
        refs.map(async (ref) => await readManifest(store, agentPointerSchema.parse(ref.value).release)),
      );
      return found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    },
    putFile: (bytes, about) => putFile(store.of(options.tenant), bytes, about),
    readFile: (ref) => readFile(store, ref),
    close: async () => {
      await options.texts?.close();
      await store.close();
      await temporal.connection.close();
    },
  };
}

interface Starter extends AgentClientOptions {
  queues: QueueClient;
}

async function callAgent<Output>(
  options: Starter,
  agent: string,
  input: unknown,
  start: StartOptions,
): Promise<Answered<Output>> {
  const id = start.id ?? newRunId();
  const { manifest } = await releaseFor(options.store, agent, newRun(options, id, start));
  if (!manifest.sync)
    throw new ClientError(
      'invalid-input',
      `agent ${agent} answers no calls: its mode is not "sync". Start it instead.`,
    );
  const run = await startRun<Output>(options, agent, input, { ...start, id });
  // Under load nobody is kept waiting for what will not come in time.
  if (run.queued?.degraded?.sync === 'async') return { kind: 'job', run };
  return await answerWithin(options.temporal, run, manifest.sync.withinMs);
}

const newRun = ({ tenant }: Starter, run: string, start: StartOptions): NewRun => ({
  tenant: start.tenant ?? tenant,
  session: start.session,
  run,
});

async function startRun<Output>(
  options: Starter,
  agent: string,
  input: unknown,
  start: StartOptions,
): Promise<RunHandle<Output>> {
  const id = start.id ?? newRunId();
  const { webhook } = start;
  requireWebhook(webhook);
  const about = { agent, id, conversation: start.session };
  const run = await tracedStart(about, () => begin<Output>(options, { agent, input, id }, start));
  if (webhook) await watchRun(options, { watch: id, run: id, target: webhook });
  return run;
}

async function begin<Output>(
  options: Starter,
  { agent, input, id }: { agent: string; input: unknown; id: string },
  start: StartOptions,
): Promise<RunHandle<Output>> {
  const tags = checkedLabels(id, start);
  const { manifest, release, rollout, shadow } = await releaseFor(options.store, agent, newRun(options, id, start));
  const tenant = start.tenant ?? options.tenant;
  const store = options.store.of(tenant);
  const message = firstMessage(store, manifest, input);
  const user = start.user ?? options.user;
  const record: RunRecord = {
    schemaVersion: 1,
    id,
    agent,
    release,
    tenant,
    ...(user === undefined ? {} : { user }),
    ...(start.session === undefined ? {} : { session: start.session }),
    tags,
    input: message.head.hash,
    question: message.title,
    startedAt: Date.now(),
    ...traceOf(start.traceparent),
    ...(rollout ? { rollout } : {}),
    ...(shadow ? { shadow } : {}),
    ...(start.webhook ? { isWatched: true } : {}),
  };
  const { temporal } = options;
  const objects = [message.bytes];
  const queued =
    manifest.queue === undefined ? undefined : await queue(options, { record, objects, start }, manifest.queue);
  if (queued && !(queued.kind === 'begun' && queued.started)) {
    const place = queued.kind === 'waiting' ? { queued: queued.place } : {};
    return createRunHandle({ temporal, store, id, ...place, ...handed(options) });
  }
  const known = await recordStart(store, record, { objects });
  // Temporal forgets an ended run after its retention, and would start it once more.
  if (known?.ended) return createRunHandle({ temporal, store, id, ...handed(options) });
  // Recorded before and maybe never started: with what it was pinned to then, unless that was taken back since.
  const again = known && (await takenAgain(store, known, () => isKnown(temporal, id)));
  const pinned = again?.record ?? known;
  const plan = pinned ? (await readManifest(store, pinned.release)).plan : manifest.plan;
  const handle = await startWorkflow(options, {
    record: pinned ?? record,
    plan: { ...plan, limits: limitedTo(plan.limits, start.limits) },
    input: message.head,
    inspect: start.inspect ?? false,
    ...(start.priority === undefined ? {} : { priority: start.priority }),
  });
  return createRunHandle({ temporal, store, id, execution: handle, ...handed(options) });
}

async function isKnown(temporal: Client, id: string): Promise<boolean> {
  try {
    await temporal.workflow.getHandle(id).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

const withUser = (user: string | undefined): { user?: string } => (user === undefined ? {} : { user });

async function queue(
  options: Starter,
  { record, objects, start }: { record: RunRecord; objects: readonly Uint8Array[]; start: StartOptions },
  name: string,
): Promise<QueuedStart> {
  const { queues } = options;
  const store = options.store.of(record.tenant);
  try {
    const found = await queues.find(name, record.id);
    const waiting = {
      ...{ name, workflow: found.workflow, asked: 1 },
      ...(start.priority === undefined ? {} : { priority: start.priority }),
      ...(start.inspect ? { inspect: true as const } : {}),
      ...(start.limits ? { limits: start.limits } : {}),
    };
    return await startQueued({ store, queues }, { ...record, queue: waiting }, { objects, found });
  } catch (error) {
    if (!isTemporalGone(error)) throw error;
    const message = `Temporal does not answer; run ${record.id} may wait in its queue: start it again by this id.`;
    throw new ClientError('temporal-unreachable', message, { cause: error });
  }
}

const handed = ({ signer, texts }: AgentClientOptions): Pick<RunHandleOptions, 'signer' | 'texts'> => ({
  ...(signer ? { signer } : {}),
  ...(texts ? { texts } : {}),
});
