// A run's progress as a stream: asked again and again, until Temporal says that the run has ended; and between two times what its model says
// meanwhile.
import { WorkflowFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import { createBell, type Bell } from '../activities/stream/bell';
import type { TextEvent } from '../activities/stream/port';
import type { QueuePlace } from '../workflows/contract/queue';
import type { RunProgress, Step } from '../workflows/contract/run';
import { waitUnder } from './wait-under';

/** A person sees what happens within this; a query costs no history, and a worker answers it in about a millisecond. */
const POLL_MS = 250;

export type RunEvent =
  /** It waits for a place: where it stands, whenever that changes. */
  | { type: 'queued'; place: QueuePlace }
  | { type: 'step'; step: Step }
  | { type: 'status'; progress: RunProgress }
  /** A piece of an answer that is under way; the whole of it is kept with its step. */
  | ({ type: 'text' } & TextEvent);

export interface EventsOptions {
  temporal: { readonly connection: Pick<Client['connection'], 'withAbortSignal'> };
  handle: Pick<WorkflowHandle, 'result'>;
  progress(): Promise<RunProgress>;
  /** While it waits in a queue. @returns whether it has begun. @default it has */
  places?: (stop: AbortSignal) => AsyncGenerator<QueuePlace, boolean>;
  /** @default none */
  texts?: (stop: AbortSignal) => AsyncIterator<TextEvent, void>;
  signal?: AbortSignal;
}

/** @throws what `progress` throws, and what keeps Temporal from telling the end */
export async function* eventsOf(options: EventsOptions): AsyncGenerator<RunEvent> {
  const { temporal, handle, progress, signal } = options;
  // A poll for the end outlives its reader by a minute, and a server has room for so many.
  const over = new AbortController();
  const stop = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  if (options.places && !(yield* queued(options.places(stop)))) return;
  const bell = createBell();
  stop.addEventListener('abort', bell.ring);
  const run = { ended: false, failed: undefined as { error: unknown } | undefined };
  waitUnder(temporal.connection, stop, () => untilEnd(handle))
    .then(() => (run.ended = true))
    .catch((error: unknown) => (run.failed = { error }))
    .finally(bell.ring);
  const texts = options.texts && pulled(options.texts(stop), bell);
  const seen = new Map<number, Step['state']>();
  let status: string | undefined;
  let answeredAt = 0;
  /** What is said until then. */
  async function* said(isOver: () => boolean): AsyncGenerator<RunEvent> {
    while (!stop.aborted && !isOver()) {
      const text = texts?.take();
      // Both by the clock of Temporal's server. Of an answer that is whole its step has told.
      if (text && text.begunAt >= answeredAt) yield { type: 'text', ...text };
      if (!text) await bell.rung();
    }
  }
  try {
    while (!stop.aborted) {
      const last = run.ended;
      const asking = progress();
      let isAnswered = false;
      const answered = (): void => {
        isAnswered = true;
        bell.ring();
      };
      asking.then(answered, answered);
      // A worker that is busy, or gone, answers late: what is said does not wait for it.
      yield* said(() => isAnswered);
      if (stop.aborted) return;
      const now = await asking;
      for (const step of now.steps) {
        if (seen.get(step.seq) === step.state) continue;
        seen.set(step.seq, step.state);
        if (step.kind === 'model') answeredAt = Math.max(answeredAt, step.endedAt ?? 0);
        yield { type: 'step', step };
      }
      const asked = now.requests?.map(({ number, subRun }) => `${subRun?.id ?? ''} ${number}`).join() ?? '';
      const current = `${now.status} ${now.reason ?? ''} ${asked}`;
      if (current !== status) yield { type: 'status', progress: now };
      status = current;
      if (last) return;
      let isDue = false;
      // The clock is not asked: a timer may come a millisecond before the time that it was set for, and comes once.
      const timer = setTimeout(() => {
        isDue = true;
        bell.ring();
      }, POLL_MS);
      yield* said(() => run.ended || run.failed !== undefined || isDue);
      clearTimeout(timer);
      if (run.failed) throw run.failed.error;
    }
  } finally {
    over.abort();
  }
}

async function* queued(places: AsyncGenerator<QueuePlace, boolean>): AsyncGenerator<RunEvent, boolean> {
  for (;;) {
    const { done, value } = await places.next();
    if (done) return value;
    yield { type: 'queued', place: value };
  }
}

/** The next one is asked for when one was taken: who is slow is given more at once. */
function pulled(texts: AsyncIterator<TextEvent, void>, bell: Bell): { take(): TextEvent | undefined } {
  let next: TextEvent | undefined;
  const pull = (): void => {
    texts
      .next()
      .then(({ value }) => (next = value ?? undefined))
      // Nobody who follows a run is told that its answers cannot be watched.
      .catch(() => undefined)
      .finally(bell.ring);
  };
  pull();
  return {
    take: () => {
      const taken = next;
      next = undefined;
      if (taken) pull();
      return taken;
    },
  };
}

/** Every other error than the run's own says nothing about the run. */
async function untilEnd(handle: Pick<WorkflowHandle, 'result'>): Promise<void> {
  await handle.result().catch((error: unknown) => {
    if (!(error instanceof WorkflowFailedError)) throw error;
  });
}
