// A run's events for as long as it takes: a worker that goes away is waited for, because the run outlives it.
import { setTimeout as pause } from 'node:timers/promises';
import type { TextPosition } from '../activities/stream/port';
import { ClientError } from './errors';
import type { RunEvent } from './run-events';

const RETRY_MS = 1_000;
/** For so long a run that was started is asked for again: a server on its way up or down has been seen not to know one that it has. */
const NOT_FOUND_MS = 10_000;

/** What of a run's handle it takes. */
export interface FollowedRun {
  events(options?: { after?: TextPosition }): AsyncIterable<RunEvent>;
  describe(): Promise<{ status: { name: string } }>;
}

/** Each step as it begins and ends, once. `onUnanswered` is told why, once for each time that nobody answers. */
export async function* followRun(
  run: FollowedRun,
  onUnanswered: (why: ClientError) => void,
  after?: TextPosition,
): AsyncGenerator<RunEvent> {
  const seen = new Set<string>();
  let read = after;
  let told = false;
  let missingSince: number | undefined;
  for (;;) {
    try {
      for await (const event of run.events(read ? { after: read } : {})) {
        told = false;
        missingSince = undefined;
        const name = event.type === 'step' ? `${event.step.seq} ${event.step.state}` : undefined;
        if (name !== undefined && seen.has(name)) continue;
        if (name !== undefined) seen.add(name);
        if (event.type === 'text') read = event;
        yield event;
      }
      return;
    } catch (error) {
      const why = await reasonToWait(run, error);
      if (why === undefined) return;
      if (why.code === 'run-not-found') {
        missingSince ??= Date.now();
        if (Date.now() - missingSince > NOT_FOUND_MS) throw why;
      } else if (!told) {
        onUnanswered(why);
        told = true;
      }
      await pause(RETRY_MS);
    }
  }
}

/**
 * @returns undefined when the run has ended: terminated, say. Its end is known without a worker, and no worker may ever come.
 * @throws `error`, where waiting is no use
 */
async function reasonToWait(run: FollowedRun, error: unknown): Promise<ClientError | undefined> {
  if (!ClientError.isInstance(error)) throw error;
  if (error.code === 'run-not-found') return error;
  if (error.code !== 'no-worker' && error.code !== 'stuck') throw error;
  try {
    return (await run.describe()).status.name === 'RUNNING' ? error : undefined;
  } catch (second) {
    if (ClientError.isInstance(second) && second.code === 'run-not-found') return second;
    throw second;
  }
}
