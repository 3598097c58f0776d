// A wait for a run's end, for minutes or for weeks, until its caller gives it up.
import type { Client } from '@temporalio/client';
import { isUnanswered } from './unanswered';

/** Temporal is asked again every 20 seconds; Node warns of eleven who listen to one signal. */
const ROUND_MS = 2 * 60_000;

/**
 * The SDK's requests listen to the signal that they are made under and never leave it: those of each two minutes have one of their own, or what a
 * long wait holds would grow for as long as it lasts.
 * @param wait begun again each time: it asks for what does not change
 */
export async function waitUnder<T>(
  connection: Pick<Client['connection'], 'withAbortSignal'>,
  signal: AbortSignal,
  wait: () => Promise<T>,
  roundMs = ROUND_MS,
): Promise<T> {
  for (;;) {
    const round = new AbortController();
    const end = (): void => round.abort();
    const timer = setTimeout(end, roundMs);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      return await connection.withAbortSignal(round.signal, wait);
    } catch (error) {
      if (signal.aborted || !round.signal.aborted || !isUnanswered(error)) throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
  }
}
