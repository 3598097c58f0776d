// What a session does next, of what it knows now. The workflow does it, and asks again.
import type { RunEnded } from '../contract/run-ended';
import type { CurrentRun, SessionState } from '../contract/session';

export type NextStep =
  /** Answer the first that waits. */
  | { do: 'begin' }
  /** End the run under way: a newer message does not wait for it. */
  | { do: 'stop'; run: string; reason: string }
  /** Wait for the end of the run under way. */
  | { do: 'follow'; run: string; withinMs: number }
  /** Go on from where it came to. */
  | { do: 'settle'; ended: RunEnded }
  /** Nobody answers what is left. */
  | { do: 'drop'; reason: string }
  | { do: 'end'; as: 'retired' | 'asleep' }
  /** Wait for a message, or a time. */
  | { do: 'rest'; withinMs: number };

/** A run tells its end. One that could not, because it was terminated, is found by looking: soon at first, then ever more seldom. */
const FIRST_LOOK_MS = 30_000;
const LAST_LOOK_MS = 3_600_000;
export const lookAfterMs = (looks: number): number => Math.min(LAST_LOOK_MS, FIRST_LOOK_MS * 2 ** Math.min(looks, 10));

export function nextStep(state: SessionState, now: number): NextStep {
  const { current, waiting, later, paused, retiring, cancelled } = state;
  if (current) return ofCurrent(current, cancelled?.reason);
  if (cancelled) {
    if (waiting.length + later.length > 0)
      return { do: 'drop', reason: `${cancelled.reason}: send it again, by another id` };
    return { do: 'end', as: retiring ? 'retired' : 'asleep' };
  }
  if (waiting.length > 0 && !paused) {
    const isFor = (state.full?.until ?? 0) - now;
    return isFor > 0 ? { do: 'rest', withinMs: isFor } : { do: 'begin' };
  }
  if (retiring) {
    // A pause is not ended by this, so nothing that waits behind it is ever answered; nor is what is for a later time.
    if (waiting.length + later.length > 0) return { do: 'drop', reason: `the session is retired: ${retiring.reason}` };
    return { do: 'end', as: 'retired' };
  }
  const [soonest] = later;
  const untilDue = soonest ? Math.max(0, (soonest.dueAt ?? 0) - now) : Infinity;
  if (paused || soonest) return { do: 'rest', withinMs: untilDue };
  const left = state.activeAt + state.plan.idleMs - now;
  return left <= 0 ? { do: 'end', as: 'asleep' } : { do: 'rest', withinMs: left };
}

function ofCurrent(
  { mail, ended, interruptedBy, isStopping, looks }: CurrentRun,
  cancelled: string | undefined,
): NextStep {
  if (ended) return { do: 'settle', ended };
  const reason =
    cancelled ?? (interruptedBy === undefined ? undefined : `a newer message of its session came: ${interruptedBy}`);
  if (reason !== undefined && !isStopping) return { do: 'stop', run: mail.run, reason };
  return { do: 'follow', run: mail.run, withinMs: lookAfterMs(looks) };
}
