// A tool's own time: what it does with more of it, nobody waits for.
import type { ActivityDeps } from './deps';

export class ToolTimeout extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms.`);
  }
}

/** Node fires a longer timer at once. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * @returns what `run` answers
 * @throws ToolTimeout when the time is up; Error when the call is cancelled: whatever it does afterwards, nobody waits for it
 */
export async function withTimeout(
  timeoutMs: number,
  cancelled: AbortSignal,
  failpoint: ActivityDeps['failpoint'],
  run: (signal: AbortSignal) => unknown,
): Promise<unknown> {
  const timeUp = new AbortController();
  const signal = AbortSignal.any([cancelled, timeUp.signal]);
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener(
      'abort',
      () => reject(cancelled.aborted ? new Error('cancelled') : new ToolTimeout(timeoutMs)),
      {
        once: true,
      },
    );
  });
  // Where `run` throws at once nobody waits for it.
  stopped.catch(() => undefined);
  const timer = setTimeout(() => timeUp.abort(), timeoutMs);
  try {
    // Cancelled while its input was read: an effect must not begin after its run was told to stop.
    cancelled.throwIfAborted();
    const running = Promise.resolve(run(signal));
    // Awaited together, so that a tool that fails while a drill holds it is no unhandled rejection.
    const [output] = await Promise.race([Promise.all([running, failpoint('tool.during')]), stopped]);
    return output;
  } finally {
    clearTimeout(timer);
  }
}
