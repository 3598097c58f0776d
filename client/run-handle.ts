// One run, as a caller holds it: its result, its events, its conversation, and the ways to intervene.
import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import { encodeMessage } from '../activities/store';
import type { ContentStore } from '../activities/store/port';
import type { TextPosition, TextReader } from '../activities/stream/port';
import { runRecordName } from '../activities/store/ref-names';
import { executionEnd, type ExecutionEnd } from '../infra/temporal/execution-end';
import type { PersonRequest } from '../workflows/contract/approval';
import type { Message } from '../workflows/contract/message';
import { STEER_CHARS } from '../workflows/contract/limits';
import { QUERY_NAMES, SIGNAL_NAMES, UPDATE_NAMES } from '../workflows/contract/names';
import type { QueuePlace } from '../workflows/contract/queue';
import type { ExtendRequest, RunProgress, RunTotals, SteerRequest } from '../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import type { Score } from '../workflows/contract/schemas/score';
import { cancelRun } from './cancel-run';
import { ClientError } from './errors';
import { recordedResult } from './recorded-result';
import { createRunRequests, type RunRequests, type Signer } from './run-requests';
import { eventsOf, type RunEvent } from './run-events';
import type { RunResult } from './run-result';
import { scoreRun, scoresOfRun, type GivenScore } from './scores/score-run';
import { tracedResult } from './traced-start';
import { sharedProgress } from './shared-progress';
import { transcriptOf } from './run-transcript';
import { problemsOf } from './stuck-run';
import { askedBelow } from './sub-runs';
import { isUnanswered } from './unanswered';
import { waitUnder } from './wait-under';
import { createWaitingRun } from './waiting-run';

/** How long a query may wait for a worker: one that has just died keeps a run's tasks for five seconds. */
const QUERY_TIMEOUT_MS = 15_000;

export interface RunHandle<Output> extends RunRequests {
  readonly id: string;
  /** Set by a start whose run waits for a place: where it stood then. */
  readonly queued?: QueuePlace;
  /** Where it stands in its queue now. Undefined where it does not wait. @throws ClientError `no-worker` */
  place(): Promise<QueuePlace | undefined>;
  /**
   * Waits for the end. Throws only when Temporal or the store cannot be reached, or the wait was given up: every outcome is a value.
   * @param options.signal gives up the wait; the run goes on
   */
  result(options?: { signal?: AbortSignal }): Promise<RunResult<Output>>;
  /**
   * Steps as they begin and end, changes of status, and what the model says while it says it, until the run has ended.
   * @param options.after the last text event that was seen, to go on behind it
   */
  events(options?: { signal?: AbortSignal; after?: TextPosition }): AsyncIterable<RunEvent>;
  /** @throws ClientError `stuck` when its workflow tasks fail, `no-worker` when no worker answered for another reason */
  progress(): Promise<RunProgress>;
  /** The whole conversation up to the last checkpoint, in full. */
  transcript(): Promise<Message[]>;
  /** What was recorded when it was started and when it ended; outlives Temporal's retention. */
  record(): Promise<RunRecord>;
  /** Temporal's view of it. */
  describe(): Promise<WorkflowExecutionDescription>;
  pause(reason?: string): Promise<void>;
  resume(): Promise<void>;
  /**
   * Closes the provider's socket and stops running tools. Needs no worker: without one the run ends when the next one comes. One that waits in
   * a queue leaves it, which takes a worker that answers.
   * @returns whether the reason was kept, which takes a worker that answers
   * @throws ClientError `refused` when it has ended, or is being cancelled already
   */
  cancel(reason?: string): Promise<{ reasonKept: boolean }>;
  /**
   * Says something to the model, which hears it when its next turn begins, and answers it before the run ends. Kept in the store; the history
   * has its first 120 characters.
   * @param text at most STEER_CHARS characters
   * @param options.once see `extend`
   * @throws ClientError `refused` when the run has ended, is about to, or has no turn left; `invalid-input`
   */
  steer(text: string, options?: { once?: string }): Promise<void>;
  /**
   * Lets the run use more than its limits: what is given is added to them, and counts from now on.
   * @param added whole numbers from 1, `wallMs` in milliseconds
   * @param options.once names this one: said again by the same name, after an answer that was lost, it is taken once, by each execution of the run
   * @throws ClientError `refused` when the run has ended, or has no such limit
   */
  extend(added: ExtendRequest, options?: { once?: string }): Promise<void>;
  /**
   * Says what somebody thinks of it, or of one of its calls. The same name of the same call by the same judge takes the place of what was said
   * before.
   * @throws ClientError `invalid-input`, `run-not-found`, `erased`
   */
  score(given: GivenScore): Promise<Score>;
  /** In the order in which they were given. */
  scores(): Promise<Score[]>;
}

export interface RunHandleOptions {
  temporal: Client;
  store: ContentStore;
  id: string;
  execution?: WorkflowHandle;
  queued?: QueuePlace;
  /** @default answers are not shown while they come */
  texts?: TextReader;
  /** Signs what is decided. */
  signer?: Signer;
}

export function createRunHandle<Output>({
  temporal,
  store,
  id,
  execution,
  queued,
  texts,
  signer,
}: RunHandleOptions): RunHandle<Output> {
  const handle = execution ?? temporal.workflow.getHandle(id);
  const waiting = createWaitingRun({ temporal, store, id });
  const record = async (): Promise<RunRecord> => {
    const ref = await store.readRef(runRecordName(id));
    if (!ref) throw new ClientError('run-not-found', `there is no run "${id}".`);
    return runRecordSchema.parse(ref.value);
  };
  const below = (): Promise<PersonRequest[]> => askedBelow(store, id);
  const begun = <T>(work: () => Promise<T>): Promise<T> =>
    found(id, work).catch(async (error: unknown) => {
      throw await waiting.explain(error);
    });
  const progress = async (): Promise<RunProgress> => {
    const own = await begun(() => queryProgress(temporal, handle, id));
    // Where it calls none, what it says needs no store.
    return own.result || !own.callsAgents ? own : withAskedBelow(own, await below());
  };
  /** A run that has ended is retained, and hears nothing. */
  const acting = <T>(work: () => Promise<T>): Promise<T> =>
    begun(work).catch(async (error: unknown) => {
      const ended = ClientError.isInstance(error) && error.code === 'run-not-found' && (await record()).ended;
      if (!ended) throw error;
      throw new ClientError('refused', `run "${id}" has ended already: ${ended.outcome}.`, { cause: error });
    });
  const update = <T>(name: string, request: T, { once }: { once?: string } = {}): Promise<void> =>
    acting(async () => {
      const options = { args: [request] as [T], ...(once === undefined ? {} : { updateId: once }) };
      const work = (): Promise<void> => taken(() => handle.executeUpdate<void, [T]>(name, options));
      await answered(temporal, handle, id, work).catch(mayBeTaken);
    });
  const requests = createRunRequests({
    ...{ temporal, handle, store, signer, about: record },
    ask: (work) => found(id, () => answered(temporal, handle, id, work)),
    below,
    of: (run) =>
      createRunHandle({ temporal, store, id: run, ...(texts ? { texts } : {}), ...(signer ? { signer } : {}) }),
  });
  return {
    ...requests,
    id,
    ...(queued ? { queued } : {}),
    place: () => waiting.place(),
    record,
    progress,
    describe: () => found(id, () => handle.describe()),
    result: ({ signal } = {}) => {
      const begins = execution ? Promise.resolve(true) : waiting.untilBegun(signal);
      const wait = () => begins.then(() => resultOf<Output>({ store, handle, id, record, signal }));
      return tracedResult(id, () => (signal ? waitUnder(temporal.connection, signal, wait) : wait()));
    },
    events: ({ signal, after } = {}) =>
      eventsOf({
        ...{ temporal, handle, progress: sharedProgress(temporal, id, progress) },
        ...(execution ? {} : { places: (stop) => waiting.places(stop) }),
        ...(texts ? { texts: (stop) => texts.read(id, { signal: stop, ...(after ? { after } : {}) }) } : {}),
        ...(signal ? { signal } : {}),
      }),
    transcript: async () => transcriptOf(store, await record(), progress),
    pause: (reason) => acting(() => handle.signal(SIGNAL_NAMES.pause, ...(reason === undefined ? [] : [{ reason }]))),
    resume: () => acting(() => handle.signal(SIGNAL_NAMES.resume)),
    cancel: async (reason) =>
      (await waiting.withdraw(reason)) ? { reasonKept: true } : await acting(() => cancelRun(temporal, handle, reason)),
    steer: async (text, options) => {
      const { tenant } = await record();
      const message = await stored(store.of(tenant), text);
      await update<SteerRequest>(UPDATE_NAMES.steer, { message }, options);
    },
    extend: (added, options) => update<ExtendRequest>(UPDATE_NAMES.extend, added, options),
    score: (given) => scoreRun(store, id, given),
    scores: () => scoresOfRun(store, id),
  };
}

async function stored(store: ContentStore, text: string): Promise<string> {
  if (typeof text !== 'string' || text.trim() === '' || text.length > STEER_CHARS)
    throw new ClientError('invalid-input', `what is said to a run has 1 to ${STEER_CHARS} characters.`);
  const { hashes } = await store.commit({
    objects: [encodeMessage({ role: 'user', parts: [{ type: 'text', text }] })],
  });
  return hashes[0] ?? '';
}

/** The server keeps what it was sent for whichever worker comes soon. */
function mayBeTaken(error: unknown): never {
  if (!(error instanceof ClientError) || (error.code !== 'no-worker' && error.code !== 'stuck')) throw error;
  const message = `${error.message} It may still be taken: look before you say it again.`;
  throw new ClientError(error.code, message, { cause: error });
}

/** @throws ClientError `refused`, with the run's own words */
async function taken(update: () => Promise<void>): Promise<void> {
  try {
    await update();
  } catch (error) {
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    throw new ClientError('refused', `${error.cause?.message ?? error.message}.`, { cause: error });
  }
}

async function found<T>(id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw new ClientError('run-not-found', `Temporal has no running or retained run "${id}".`, { cause: error });
  }
}

/** A run that waits for a sub-agent which asks somebody asks them too. */
function withAskedBelow(own: RunProgress, asked: readonly PersonRequest[]): RunProgress {
  const [first] = asked;
  if (!first) return own;
  const { id = '', agent = '' } = first.subRun ?? {};
  const busy = own.status === 'running' || own.status === 'waiting';
  return {
    ...own,
    ...(busy
      ? { status: 'asking', reason: `a person (${id} ${first.number}): its ${agent} asks about ${first.tool}` }
      : {}),
    requests: [...(own.requests ?? []), ...asked],
  };
}

const queryProgress = (temporal: Client, handle: WorkflowHandle, id: string): Promise<RunProgress> =>
  answered(temporal, handle, id, () => handle.query<RunProgress>(QUERY_NAMES.progress));

/** @throws ClientError `stuck`, `no-worker` where no worker answers */
async function answered<T>(temporal: Client, handle: WorkflowHandle, id: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await temporal.connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, ask);
  } catch (error) {
    if (!isUnanswered(error)) throw error;
    const problems = problemsOf(await handle.describe());
    if (problems.length > 0)
      throw new ClientError('stuck', `run "${id}" is stuck: ${problems.join('; ')}.`, { cause: error });
    throw new ClientError(
      'no-worker',
      `no worker answered for run "${id}". Start one: "longhaul dev" or "longhaul worker".`,
      { cause: error },
    );
  }
}

interface Ending {
  store: ContentStore;
  handle: WorkflowHandle;
  id: string;
  record(): Promise<RunRecord>;
  signal: AbortSignal | undefined;
}

async function resultOf<Output>({ store, handle, id, record, signal }: Ending): Promise<RunResult<Output>> {
  // A wait that was given up has come to no end: Temporal may not know the run yet.
  signal?.throwIfAborted();
  const end = await executionEnd(handle);
  // The caller named the type, with the agent: this is the one place that takes its word for it.
  const recorded = (await recordedResult(store, await record())) as RunResult<Output> | undefined;
  return recorded ?? { runId: id, ...WITHOUT_RECORD, ...(end ?? NO_RECORD) };
}

const NO_TOTALS: RunTotals = {
  turns: 0,
  modelCalls: 0,
  toolCalls: 0,
  reusedCalls: 0,
  usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
};
const WITHOUT_RECORD = { checkpoint: null, length: 0, totals: NO_TOTALS };
const NO_RECORD: ExecutionEnd = {
  outcome: 'failed',
  failure: { type: 'Runtime.Unexpected', message: 'the run ended without a record.' },
};
