// A run that is recorded and waits in a queue: Temporal does not know it yet.
import { WorkflowNotFoundError, type Client, type WorkflowHandle } from '@temporalio/client';
import type { ContentStore } from '../activities/store/port';
import { mailName, runRecordName } from '../activities/store/ref-names';
import { REASON_CHARS } from '../workflows/contract/limits';
import { QUERY_NAMES, UPDATE_NAMES } from '../workflows/contract/names';
import type { QueuePlace, WithdrawAnswer, WithdrawRequest } from '../workflows/contract/queue';
import { runRecordSchema, type RunRecord } from '../workflows/contract/schemas/run-record';
import { ClientError } from './errors';
import { isUnanswered } from './unanswered';

/** A begin is seen within this at first, and the longer a run waits the more seldom it is looked for. */
const LOOK_MS = 150;
const LOOK_MOST_MS = 2_000;
const SLOWER = 1.25;
/** A worker answers in milliseconds, and takes over from one that has just died within a second or two. */
const ASK_MS = 10_000;
/** From its place in the queue to its workflow. */
const STARTING_MS = 5_000;

export interface WaitingRun {
  /** Undefined where it does not wait: it has begun, has ended, or never came to a queue. @throws ClientError `no-worker` */
  place(): Promise<QueuePlace | undefined>;
  /** Resolves once it does not wait any more: whether it has begun. True at once where it never came to a queue. */
  untilBegun(signal?: AbortSignal): Promise<boolean>;
  /** Where it stands, whenever that changes, until it does not wait any more. @returns whether it has begun */
  places(signal: AbortSignal): AsyncGenerator<QueuePlace, boolean>;
  /** @returns whether it has left the queue, without having begun. @throws ClientError `no-worker` */
  withdraw(reason: string | undefined): Promise<boolean>;
  /** What to say instead of `run-not-found`, where it is because the run waits. */
  explain(error: unknown): Promise<unknown>;
}

type Queue = NonNullable<RunRecord['queue']>;

interface Waiter {
  temporal: Client;
  store: ContentStore;
  id: string;
}

export function createWaitingRun(waiter: Waiter): WaitingRun {
  return {
    place: async () => {
      const queue = await queueOf(waiter);
      return queue && (await placeIn(waiter, queue));
    },
    untilBegun: async (signal) => {
      const looked = looks(waiter, signal);
      for (;;) {
        const { done, value } = await looked.next();
        if (done) return value;
      }
    },
    places: async function* (signal) {
      const looked = looks(waiter, signal);
      for (let told: number | undefined; ;) {
        const { done, value } = await looked.next();
        if (done) return value;
        // Without a worker nobody knows; it is asked again.
        const place = await placeIn(waiter, value).catch(() => undefined);
        if (place && place.position !== told) yield place;
        told = place?.position ?? told;
      }
    },
    withdraw: (reason) => withdraw(waiter, reason),
    explain: async (error) => {
      if (!ClientError.isInstance(error) || error.code !== 'run-not-found') return error;
      const queue = await queueOf(waiter);
      const where = queue ? `the queue "${queue.name}"` : await sessionOf(waiter);
      if (where === undefined) return error;
      const message = `run "${waiter.id}" waits in ${where} and has not begun: it hears nothing yet.`;
      return new ClientError('refused', message, { cause: error });
    },
  };
}

const recordOf = async ({ store, id }: Waiter): Promise<RunRecord | undefined> =>
  runRecordSchema.safeParse((await store.readRef(runRecordName(id)))?.value).data;

/** Undefined where it does not wait; then whether it has ended without having begun cannot matter to whoever acts on it. */
async function queueOf(waiter: Waiter): Promise<Queue | undefined> {
  const record = await recordOf(waiter);
  if (!record?.queue || record.ended || record.erased) return undefined;
  return (await isKnown(waiter.temporal.workflow.getHandle(waiter.id))) ? undefined : record.queue;
}

/** Where it is a message's that its session has not come to, and so is no run yet. */
async function sessionOf({ store, id }: Waiter): Promise<string | undefined> {
  const [session = '', ...message] = id.split('/');
  if (message.length === 0 || !(await store.readRef(mailName(session, message.join('/'))))) return undefined;
  return `the mailbox of session "${session}"`;
}

/** Of one that does not wait any more. */
async function hasBegun(waiter: Waiter): Promise<boolean> {
  const record = await recordOf(waiter);
  return !record?.queue || !record.ended || record.ended.firstRunId !== '';
}

/** Looks again and again, the more seldom the longer it takes. @returns whether it has begun */
async function* looks(waiter: Waiter, signal?: AbortSignal): AsyncGenerator<Queue, boolean> {
  for (let delay = LOOK_MS; ; delay = Math.min(LOOK_MOST_MS, delay * SLOWER)) {
    const queue = signal?.aborted ? undefined : await queueOf(waiter);
    if (!queue) return signal?.aborted ? false : await hasBegun(waiter);
    yield queue;
    await pause(delay, signal);
  }
}

/** Undefined where there is no such queue any more. @throws ClientError `no-worker` */
async function asking<T>({ temporal }: Waiter, name: string, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await temporal.connection.withDeadline(Date.now() + ASK_MS, ask);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    if (!isUnanswered(error)) throw error;
    const message = `no worker answered for the queue "${name}". Start one: "longhaul dev" or "longhaul worker".`;
    throw new ClientError('no-worker', message, { cause: error });
  }
}

async function placeIn(waiter: Waiter, { name, workflow }: Queue): Promise<QueuePlace | undefined> {
  const line = waiter.temporal.workflow.getHandle(workflow);
  const place = await asking(waiter, name, () =>
    line.query<QueuePlace | null, [string, number]>(QUERY_NAMES.position, waiter.id, Date.now()),
  );
  return place && place.position > 0 ? place : undefined;
}

async function withdraw(waiter: Waiter, reason: string | undefined): Promise<boolean> {
  const queue = await queueOf(waiter);
  if (!queue) return false;
  const line = waiter.temporal.workflow.getHandle(queue.workflow);
  // Temporal ends a workflow that is told more at once than it takes, and with it everybody else's place.
  const message = (reason ?? 'cancelled while it waited.').slice(0, REASON_CHARS);
  const failure = { type: 'Run.Cancelled', message } as const;
  const answer = await asking(waiter, queue.name, () =>
    line.executeUpdate<WithdrawAnswer, [WithdrawRequest]>(UPDATE_NAMES.withdraw, {
      args: [{ run: waiter.id, failure }],
    }),
  );
  // It is being started at this moment.
  if (answer === 'begun') for await (const _ of looks(waiter, AbortSignal.timeout(STARTING_MS)));
  return answer === 'withdrawn';
}

async function isKnown(handle: WorkflowHandle): Promise<boolean> {
  try {
    await handle.describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal?.addEventListener('abort', over, { once: true });
  });
