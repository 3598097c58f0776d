// A call of an agent of mode `sync`: its answer, or, where that takes longer than it may, the run that goes on as a job.
import type { Client } from '@temporalio/client';
import type { RunHandle } from './run-handle';
import type { RunResult } from './run-result';
import { waitUnder } from './wait-under';

export type Answered<Output> =
  /** It ended in time, however it did. */
  | { kind: 'result'; run: RunHandle<Output>; result: RunResult<Output> }
  /** It goes on: its result is fetched later, by the run's id. */
  | { kind: 'job'; run: RunHandle<Output> };

/** @param withinMs from now on */
export async function answerWithin<Output>(
  temporal: { readonly connection: Pick<Client['connection'], 'withAbortSignal'> },
  run: RunHandle<Output>,
  withinMs: number,
): Promise<Answered<Output>> {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const job = new Promise<Answered<Output>>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'job', run }), withinMs);
  });
  // A poll for the end would outlive its caller by a minute, and a server has room for so many.
  const result = waitUnder(temporal.connection, over.signal, () => run.result()).then((ended): Answered<Output> => ({
    kind: 'result',
    run,
    result: ended,
  }));
  try {
    return await Promise.race([result, job]);
  } finally {
    clearTimeout(timer);
    result.catch(() => undefined);
    over.abort();
  }
}
