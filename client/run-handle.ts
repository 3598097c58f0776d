// One run, as a caller holds it: its result, its events, its conversation, and the ways to intervene.
import {
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { createConversation } from '../activities/store';
import type { ContentStore } from '../activities/store/port';
import { chainName, runRecordName } from '../activities/store/ref-names';
import type { RunFailure } from '../workflows/contract/failures';
import type { Message } from '../workflows/contract/message';
import { QUERY_NAMES, SIGNAL_NAMES, UPDATE_NAMES } from '../workflows/contract/names';
import type { RunProgress, RunTotals, Step } from '../workflows/contract/run';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';
import { recordedResult } from './recorded-result';
import type { RunResult } from './run-result';

/** A person sees what happens within this; a query costs no history, and a worker answers it in about a millisecond. */
const POLL_MS = 250;
/** How long a query may wait for a worker: one that has just died keeps a run's tasks for five seconds. */
const QUERY_TIMEOUT_MS = 15_000;

export type RunEvent = { type: 'step'; step: Step } | { type: 'status'; progress: RunProgress };

export interface RunHandle<Output> {
  readonly id: string;
  /** Waits for the end. Throws only when Temporal or the store cannot be reached: every outcome is a value. */
  result(): Promise<RunResult<Output>>;
  /** Steps as they begin and end, and changes of status, until the run has ended. */
  events(options?: { signal?: AbortSignal }): AsyncIterable<RunEvent>;
  /** @throws ClientError `no-worker` when no worker is there to answer */
  progress(): Promise<RunProgress>;
  /** The whole conversation up to the last checkpoint, in full. */
  transcript(): Promise<Message[]>;
  /** What was recorded when it was started and when it ended; outlives Temporal's retention. */
  record(): Promise<RunRecord>;
  /** Temporal's view of it. */
  describe(): Promise<WorkflowExecutionDescription>;
  pause(reason?: string): Promise<void>;
  resume(): Promise<void>;
  /** Closes the provider's socket and stops running tools. */
  cancel(reason?: string): Promise<void>;
}

export interface RunHandleOptions {
  temporal: Client;
  store: ContentStore;
  id: string;
  execution?: WorkflowHandle;
}

export function createRunHandle<Output>({ temporal, store, id, execution }: RunHandleOptions): RunHandle<Output> {
  const handle = execution ?? temporal.workflow.getHandle(id);
  const record = async (): Promise<RunRecord> => {
    const ref = await store.readRef(runRecordName(id));
    if (!ref) throw new ClientError('run-not-found', `there is no run "${id}".`);
    return runRecordSchema.parse(ref.value);
  };
  const progress = (): Promise<RunProgress> => found(id, () => queryProgress(temporal, handle, id));
  return {
    id,
    record,
    progress,
    describe: () => found(id, () => handle.describe()),
    result: () => resultOf<Output>(store, handle, id, record),
    events: (options = {}) => eventsOf(progress, handle, options.signal),
    transcript: async () => {
      const head = (await record()).ended?.head ?? (await progress()).head;
      return head === null ? [] : (await createConversation(store).load(head, chainName(id))).map((entry) => entry.message);
    },
    pause: (reason) =>
      found(id, () => handle.signal(SIGNAL_NAMES.pause, ...(reason === undefined ? [] : [{ reason }]))),
    resume: () => found(id, () => handle.signal(SIGNAL_NAMES.resume)),
    cancel: (reason) => found(id, () => cancelRun(handle, reason)),
  };
}

async function found<T>(id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw new ClientError('run-not-found', `Temporal has no running or retained run "${id}".`, { cause: error });
  }
}

async function queryProgress(temporal: Client, handle: WorkflowHandle, id: string): Promise<RunProgress> {
  try {
    return await temporal.connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () =>
      handle.query<RunProgress>(QUERY_NAMES.progress),
    );
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new ClientError(
      'no-worker',
      `no worker answered for run "${id}". Start one: "longhaul dev" or "longhaul worker".`,
      { cause: error },
    );
  }
}

const GRPC_DEADLINE_EXCEEDED = 4;
const GRPC_FAILED_PRECONDITION = 9;
function isTimeout(error: unknown): boolean {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return code === GRPC_DEADLINE_EXCEEDED || code === GRPC_FAILED_PRECONDITION;
}

async function cancelRun(handle: WorkflowHandle, reason: string | undefined): Promise<void> {
  if (reason !== undefined) {
    try {
      await handle.executeUpdate<void, [{ reason: string }]>(UPDATE_NAMES.cancel, { args: [{ reason }] });
    } catch (error) {
      if (!(error instanceof WorkflowUpdateFailedError)) throw error;
      throw new ClientError('refused', error.cause?.message ?? error.message, { cause: error });
    }
  }
  // The reason is an update; Temporal's own cancel makes the execution end as Cancelled. It may have ended in between.
  await handle.cancel().catch((error: unknown) => {
    if (reason === undefined || !(error instanceof WorkflowNotFoundError)) throw error;
  });
}

async function resultOf<Output>(
  store: ContentStore,
  handle: WorkflowHandle,
  id: string,
  record: () => Promise<RunRecord>,
): Promise<RunResult<Output>> {
  const failure = await waitForEnd(handle);
  const recorded = await recordedResult<Output>(store, await record());
  if (recorded) return recorded;
  return {
    runId: id,
    ...WITHOUT_RECORD,
    outcome: failure ? outcomeOf(failure) : 'failed',
    failure: failure ?? NO_RECORD,
  };
}

const NO_TOTALS: RunTotals = {
  turns: 0,
  modelCalls: 0,
  toolCalls: 0,
  reusedCalls: 0,
  usage: { input: 0, cachedInput: 0, output: 0, reasoning: 0 },
};
const WITHOUT_RECORD = { checkpoint: null, length: 0, totals: NO_TOTALS };
const NO_RECORD: RunFailure = { type: 'Runtime.Unexpected', message: 'the run ended without a record.' };
const outcomeOf = ({ type }: RunFailure): 'cancelled' | 'failed' => (type === 'Run.Cancelled' ? 'cancelled' : 'failed');

/** Undefined when it completed, or when Temporal no longer knows it and only the record can tell. */
async function waitForEnd(handle: WorkflowHandle): Promise<RunFailure | undefined> {
  try {
    await handle.result();
    return undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    if (cause instanceof TerminatedFailure) return { type: 'Run.Cancelled', message: `terminated: ${cause.message}` };
    if (cause instanceof CancelledFailure) return { type: 'Run.Cancelled', message: cause.message };
    if (cause instanceof TimeoutFailure)
      return { type: 'Budget.WallTimeExhausted', message: 'the execution timed out.' };
    return { type: 'Runtime.Unexpected', message: cause instanceof ApplicationFailure ? cause.message : error.message };
  }
}

async function* eventsOf(
  progress: () => Promise<RunProgress>,
  handle: WorkflowHandle,
  signal?: AbortSignal,
): AsyncGenerator<RunEvent> {
  const seen = new Map<number, Step['state']>();
  let status: string | undefined;
  let ended = false;
  const end = handle.result().then(
    () => (ended = true),
    () => (ended = true),
  );
  for (;;) {
    const last = ended;
    const now = await progress();
    for (const step of now.steps) {
      if (seen.get(step.seq) === step.state) continue;
      seen.set(step.seq, step.state);
      yield { type: 'step', step };
    }
    const current = `${now.status} ${now.reason ?? ''}`;
    if (current !== status) yield { type: 'status', progress: now };
    status = current;
    if (last || signal?.aborted) return;
    await Promise.race([end, pause(POLL_MS)]);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
