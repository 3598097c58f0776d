// One call, persisted with: retries are Temporal's, but what comes after the last one is decided here, by the failure's type.
import { consequenceOf, type RunFailure } from '../contract/failures';
import type { Step } from '../contract/run';
import type { Run } from './environment';
import { wallLeftMs } from './limits';
import { beginStep, endStep, note, pause } from './run-state';

/** Thrown inside the core to end a run; caught in `runAgent` alone. */
export class RunEnd extends Error {
  override readonly name = 'RunEnd';
  constructor(readonly end: { outcome: 'cancelled'; reason: string } | { outcome: 'failed'; failure: RunFailure }) {
    super(end.outcome === 'failed' ? end.failure.message : end.reason);
  }
}

/**
 * Makes a call as a step of the run. A failure whose type says `pause` waits for a person and tries again: nothing is lost by
 * waiting. Any other is returned. Cancellation ends the run; an error that is no failure is a bug and is thrown on.
 */
export async function step<T>(
  run: Run,
  about: Pick<Step, 'kind' | 'label'>,
  call: () => Promise<T>,
  previewOf: (result: T) => string | undefined,
): Promise<{ result: T } | { failure: RunFailure }> {
  const { state, environment } = run;
  for (;;) {
    const seq = beginStep(state, about, environment.now());
    try {
      const result = await call();
      const preview = previewOf(result);
      endStep(state, seq, { state: 'done', ...(preview === undefined ? {} : { preview }) }, environment.now());
      return { result };
    } catch (error) {
      const meaning = environment.meaningOf(error);
      if (meaning === undefined) throw error;
      endStep(
        state,
        seq,
        { state: 'failed', preview: meaning === 'cancelled' ? meaning : meaning.type },
        environment.now(),
      );
      if (meaning === 'cancelled') throw cancelled(run);
      if (consequenceOf(meaning.type) !== 'pause') return { failure: meaning };
      pause(state, `${meaning.type}: ${meaning.message}`);
      note(state, { kind: 'pause', label: `paused: ${meaning.type}`, preview: meaning.message }, environment.now());
      await untilResumed(run);
    }
  }
}

/** Returns at once when the run is not paused. A pause counts against the run's wall time. */
export async function untilResumed(run: Run): Promise<void> {
  if (!run.state.kept.paused) return;
  await wait(run, () => !run.state.kept.paused, Infinity, 'paused');
}

/** Waits until `holds`, at most `timeoutMs` and never past the run's wall time; the run shows `reason` meanwhile. */
export async function wait(run: Run, holds: () => boolean, timeoutMs: number, reason: string): Promise<void> {
  const { state, environment, input } = run;
  state.waiting = reason;
  try {
    const left = wallLeftMs(state.kept, input.plan.limits, environment.now());
    await environment.until(holds, Math.max(0, Math.min(timeoutMs, left)), reason);
  } catch (error) {
    if (environment.meaningOf(error) === 'cancelled') throw cancelled(run);
    throw error;
  } finally {
    delete state.waiting;
  }
}

export const cancelled = (run: Run): RunEnd =>
  new RunEnd({ outcome: 'cancelled', reason: run.state.cancel?.reason ?? 'not given' });
