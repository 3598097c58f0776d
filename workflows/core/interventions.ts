// What a person or a program may do to a run from outside, as named changes of its state. The handlers bind these to Temporal.
import type { CancelRequest, PauseRequest } from '../contract/run';
import type { Run } from './environment';
import { note, pause, resume } from './run-state';

/** A reason is shown on one line and kept in the history for ever. */
export const REASON_CHARS = 500;

/**
 * Calls under way finish; nothing new is begun. Without effect on a run that has ended. A run that is paused already keeps its
 * reason unless a new one is given.
 */
export function pauseRun({ state, environment }: Run, request?: PauseRequest): void {
  if (state.result) return;
  const given = typeof request?.reason === 'string' ? request.reason.slice(0, REASON_CHARS) : undefined;
  const reason = given ?? state.kept.paused?.reason ?? 'asked to pause';
  pause(state, reason);
  note(state, { kind: 'pause', label: `paused: ${reason}` }, environment.now());
}

/** Ends a pause, whoever or whatever began it. Without effect on a run that is not paused. */
export function resumeRun({ state, environment }: Run): void {
  if (!state.kept.paused) return;
  resume(state);
  note(state, { kind: 'resume', label: 'resumed' }, environment.now());
}

/** Records why; the cancellation itself is the caller's to start. */
export function markCancelled({ state, environment }: Run, { reason }: CancelRequest): void {
  state.cancel = { reason };
  note(state, { kind: 'note', label: `cancelling: ${reason}` }, environment.now());
}

/** @returns why a request to cancel is refused, undefined when it is not */
export function cancelRefusal({ state }: Run, request: CancelRequest): string | undefined {
  if (state.result) return `the run has ended: ${state.result.outcome}`;
  if (state.cancel) return `the run is being cancelled already: ${state.cancel.reason}`;
  const { reason }: { reason?: unknown } = request ?? {};
  if (typeof reason === 'string' && reason.trim() !== '' && reason.length <= REASON_CHARS) return undefined;
  return `give a reason of 1 to ${REASON_CHARS} characters: {"reason": "..."}`;
}
