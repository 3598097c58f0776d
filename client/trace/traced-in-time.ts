// A run as far as it can be traced now: where Temporal does not answer in time, what the store tells.
import { setMaxListeners } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { subRunsUnder } from '../sub-runs';
import { isTemporalGone } from '../temporal-gone';
import { tracedRun, type TracedRun, type TraceSources } from './traced-run';

/** A history of a thousand calls is read in less than a second. */
const HISTORY_MS = 5_000;

export interface TraceWithin {
  /** For Temporal's part of it. @default 5 s, which nobody who waits for a page finds too long */
  withinMs?: number;
}

/** @throws what keeps the store from telling */
export async function tracedInTime(
  sources: TraceSources,
  record: RunRecord,
  { withinMs = HISTORY_MS }: TraceWithin = {},
): Promise<TracedRun> {
  const { store, temporal } = sources;
  const read = async (from: TraceSources): Promise<TracedRun> =>
    await tracedRun(from, record, await subRunsUnder(store, record));
  if (!temporal) return await read({ store });
  const late = new AbortController();
  // Of the many requests of a long history each listens.
  setMaxListeners(0, late.signal);
  const over = new AbortController();
  const whole = temporal.connection
    .withAbortSignal(late.signal, () => read(sources))
    .catch((error: unknown) => {
      if (!late.signal.aborted && !isTemporalGone(error)) throw error;
      return undefined;
    });
  // A connection that is only being made is not given up by the signal.
  const timeout = after(withinMs, undefined, { ref: false, signal: over.signal }).then(
    () => late.abort(),
    () => undefined,
  );
  const found = await Promise.race([whole, timeout]).finally(() => over.abort());
  return found ?? (await read({ store }));
}
