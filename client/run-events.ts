// A run's progress as a stream: asked again and again, until Temporal says that the run has ended.
import { setTimeout as after } from 'node:timers/promises';
import { WorkflowFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import type { RunProgress, Step } from '../workflows/contract/run';

/** A person sees what happens within this; a query costs no history, and a worker answers it in about a millisecond. */
const POLL_MS = 250;

export type RunEvent = { type: 'step'; step: Step } | { type: 'status'; progress: RunProgress };

export interface EventsOptions {
  temporal: Client;
  handle: WorkflowHandle;
  progress(): Promise<RunProgress>;
  signal?: AbortSignal;
}

/** @throws what `progress` throws, and what keeps Temporal from telling the end */
export async function* eventsOf({ temporal, handle, progress, signal }: EventsOptions): AsyncGenerator<RunEvent> {
  // A poll for the end outlives its reader by a minute, and a server has room for so many.
  const over = new AbortController();
  const stop = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  const end = temporal.connection.withAbortSignal(stop, () => untilEnd(handle));
  let ended = false;
  const told = end.then(() => (ended = true));
  told.catch(() => undefined);
  const seen = new Map<number, Step['state']>();
  let status: string | undefined;
  try {
    while (!stop.aborted) {
      const last = ended;
      const now = await progress();
      for (const step of now.steps) {
        if (seen.get(step.seq) === step.state) continue;
        seen.set(step.seq, step.state);
        yield { type: 'step', step };
      }
      const asked = now.requests?.map(({ number, subRun }) => `${subRun?.id ?? ''} ${number}`).join() ?? '';
      const current = `${now.status} ${now.reason ?? ''} ${asked}`;
      if (current !== status) yield { type: 'status', progress: now };
      status = current;
      if (last) return;
      await Promise.race([told, after(POLL_MS, undefined, { signal: stop })]).catch((error: unknown) => {
        if (!stop.aborted) throw error;
      });
    }
  } finally {
    over.abort();
  }
}

/** Every other error than the run's own says nothing about the run. */
async function untilEnd(handle: WorkflowHandle): Promise<void> {
  await handle.result().catch((error: unknown) => {
    if (!(error instanceof WorkflowFailedError)) throw error;
  });
}
