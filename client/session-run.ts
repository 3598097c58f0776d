// The run that answers a message of a session: it may not have begun yet, because others are answered before it.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { ContentStore } from '../activities/store/port';
import { runRecordName } from '../activities/store/ref-names';
import { sessionWorkflowId } from '../workflows/contract/names';
import { runRecordSchema } from '../workflows/contract/schemas/run-record';
import type { SentState } from '../workflows/contract/session';
import { ClientError } from './errors';
import type { RunHandle } from './run-handle';

export interface SessionRun<Output> extends RunHandle<Output> {
  /** The caller's id of the message. */
  readonly message: string;
  /** Where it stood when it was sent. */
  readonly state: SentState;
  /** Messages that were to be answered before it. */
  readonly position: number;
  /** It had been sent before, and was not sent again. */
  readonly repeated: boolean;
}

/** What a caller is told of a message beside its run. */
export type Sent = Pick<SessionRun<unknown>, 'message' | 'state' | 'position' | 'repeated'>;

/** The store is asked ever more seldom: a message may wait for days. */
const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 1_000;
/** So often, of those looks, Temporal is asked whether the session is still there. */
const SESSION_LOOKS = 10;

export interface Beginning {
  temporal: Client;
  store: ContentStore;
  session: string;
  run: string;
}

/**
 * Resolves once the run has begun, or has ended without.
 * @throws ClientError `refused` where its session is over and nobody answers the message
 */
export async function untilBegun({ temporal, store, session, run }: Beginning, signal?: AbortSignal): Promise<void> {
  for (let looks = 1; !signal?.aborted; looks += 1) {
    const record = runRecordSchema.safeParse((await store.readRef(runRecordName(run)))?.value).data;
    if (record?.ended) return;
    // Whoever waits for it waits for its place, too.
    if (record?.queue) return;
    // Recorded a moment before it is started.
    if (record && (await isKnown(temporal, run))) return;
    if (!record && looks % SESSION_LOOKS === 0 && !(await isOpen(temporal, session))) {
      if (await store.readRef(runRecordName(run))) continue;
      throw new ClientError('refused', `session ${session} ended before it answered; send the message again.`);
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(LAST_LOOK_MS, FIRST_LOOK_MS * looks)));
  }
}

async function isKnown(temporal: Client, run: string): Promise<boolean> {
  return await ifFound(async () => {
    await temporal.workflow.getHandle(run).describe();
    return true;
  });
}

const isOpen = (temporal: Client, session: string): Promise<boolean> =>
  ifFound(async () => {
    const { status } = await temporal.workflow.getHandle(sessionWorkflowId(session)).describe();
    return status.name === 'RUNNING';
  });

async function ifFound(ask: () => Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** What waits for the run waits for its beginning first. */
export const withBeginning = <Output>(
  handle: RunHandle<Output>,
  beginning: Beginning,
  sent: Sent,
): SessionRun<Output> => ({ ...waitForBeginning(handle, beginning), ...sent });

export function waitForBeginning<Output>(handle: RunHandle<Output>, beginning: Beginning): RunHandle<Output> {
  return {
    ...handle,
    result: async (options = {}) => {
      await untilBegun(beginning, options.signal);
      return await handle.result(options);
    },
    events: async function* (options = {}) {
      await untilBegun(beginning, options.signal);
      if (!options.signal?.aborted) yield* handle.events(options);
    },
  };
}
