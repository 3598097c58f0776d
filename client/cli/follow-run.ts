// A run's events for as long as it takes: a worker that goes away is waited for, because the run outlives it.
import { setTimeout as after } from 'node:timers/promises';
import { ClientError } from '../errors';
import type { RunEvent } from '../run-events';
import type { RunHandle } from '../run-handle';

const RETRY_MS = 1_000;

/** Each step as it begins and ends, once. `onUnanswered` is told why, once for each time that nobody answers. */
export async function* followRun(
  run: RunHandle<unknown>,
  onUnanswered: (why: ClientError) => void,
): AsyncGenerator<RunEvent> {
  const seen = new Set<string>();
  let told = false;
  for (;;) {
    try {
      for await (const event of run.events()) {
        told = false;
        const name = event.type === 'step' ? `${event.step.seq} ${event.step.state}` : undefined;
        if (name !== undefined && seen.has(name)) continue;
        if (name !== undefined) seen.add(name);
        yield event;
      }
      return;
    } catch (error) {
      if (!ClientError.isInstance(error) || (error.code !== 'no-worker' && error.code !== 'stuck')) throw error;
      // Terminated, say: its end is known without a worker, and no worker may ever come.
      if ((await run.describe()).status.name !== 'RUNNING') return;
      if (!told) onUnanswered(error);
      told = true;
      await after(RETRY_MS);
    }
  }
}
