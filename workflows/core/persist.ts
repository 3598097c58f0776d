// One call, persisted with: retries are Temporal's, but what comes after the last one is decided here, by the failure's type.
import { consequenceOf, type RunFailure } from '../contract/failures';
import type { Step } from '../contract/run';
import { awayDelayMs } from './backoff';
import type { Run } from './environment';
import { exhaustedWall, limitsOf, wallLeftMs } from './limits';
import { beginStep, beginWait, endStep, endWait, note, pause, takeSpent } from './run-state';

/** Thrown inside the core to end a run; caught in `runAgent` alone. */
export class RunEnd extends Error {
  override readonly name = 'RunEnd';
  constructor(readonly end: { outcome: 'cancelled'; reason: string } | { outcome: 'failed'; failure: RunFailure }) {
    super(end.outcome === 'failed' ? end.failure.message : end.reason);
  }
}

export interface StepOptions {
  /** What a failure means for this call, where that is not what its type says. */
  known?(failure: RunFailure): RunFailure;
  /** Asked after each wait for what is away: whether the rest is left to the next execution. @default it never is */
  leaves?(): boolean;
}

export type StepEnd<T> = { result: T } | { failure: RunFailure };
type Shown<T> = (result: T) => Pick<Step, 'preview' | 'unanswered'> & { failed?: boolean };

/**
 * Makes a call as a step of the run. A failure whose type says `pause` waits for a person and tries again, one that says `wait` tries
 * again by itself: nothing is lost by waiting. Any other is returned. Cancellation ends the run; an error that is no failure is a bug and is thrown on.
 * @param shown what a result shows, and whether it is of a step that failed
 */
export async function step<T>(
  run: Run,
  about: Pick<Step, 'kind' | 'label'>,
  call: () => Promise<T>,
  shown: Shown<T>,
  options?: Omit<StepOptions, 'leaves'>,
): Promise<StepEnd<T>>;
export async function step<T>(
  run: Run,
  about: Pick<Step, 'kind' | 'label'>,
  call: () => Promise<T>,
  shown: Shown<T>,
  options: StepOptions,
): Promise<StepEnd<T> | { left: true }>;
export async function step<T>(
  run: Run,
  about: Pick<Step, 'kind' | 'label'>,
  call: () => Promise<T>,
  shown: Shown<T>,
  { known = (failure) => failure, leaves = () => false }: StepOptions = {},
): Promise<StepEnd<T> | { left: true }> {
  const { state, environment } = run;
  for (let round = 1; ; round += 1) {
    const seq = beginStep(state, about, environment.now());
    try {
      const result = await call();
      const { failed = false, ...rest } = shown(result);
      endStep(state, seq, { state: failed ? 'failed' : 'done', ...rest }, environment.now());
      return { result };
    } catch (error) {
      if (error instanceof RunEnd)
        endStep(state, seq, { state: 'failed', preview: error.end.outcome }, environment.now());
      const spent = environment.spentBy(error);
      if (spent) takeSpent(state, spent);
      const told = environment.meaningOf(error);
      if (told === undefined) throw error;
      const meaning = told === 'cancelled' ? told : known(told);
      endStep(
        state,
        seq,
        { state: 'failed', preview: meaning === 'cancelled' ? meaning : meaning.type },
        environment.now(),
      );
      if (meaning === 'cancelled') throw cancelled(run);
      const then = consequenceOf(meaning.type);
      if (then !== 'pause' && then !== 'wait') return { failure: meaning };
      if (then === 'wait' && environment.waitsByItself()) {
        await sitOut(run, meaning, round);
        if (leaves()) return { left: true };
        continue;
      }
      pause(state, `${meaning.type}: ${meaning.message}`);
      note(state, { kind: 'pause', label: `paused: ${meaning.type}`, preview: meaning.message }, environment.now());
      await untilResumed(run);
    }
  }
}

async function sitOut(run: Run, { type, message }: RunFailure, round: number): Promise<void> {
  const { state, environment } = run;
  note(state, { kind: 'wait', label: `waiting: ${type}`, preview: message }, environment.now());
  const waitUntil = environment.now() + awayDelayMs(round);
  await sleepUntil(run, { waitUntil, reason: `${type}: ${message} It is tried again by itself.` });
}

/** A worker's clock may be behind the server's: what asked for patience is not asked again at once. */
const MIN_WAIT_MS = 1_000;

/**
 * Slept in the workflow, so that it holds neither a slot nor an attempt.
 * @param isOver ends it before its time
 * @throws RunEnd as `wait` does
 */
export async function sleepUntil(
  run: Run,
  { waitUntil, reason }: { waitUntil: number; reason: string },
  isOver = (): boolean => false,
): Promise<void> {
  await wait(run, isOver, Math.max(MIN_WAIT_MS, waitUntil - run.environment.now()), reason);
  await untilResumed(run);
}

/** Whether a wait for what is away is long enough to be left to the next execution. */
export const leavesWhileAway = ({ environment }: Run): boolean =>
  environment.shouldContinueWhileWaiting() && environment.leavesAtRest();

/** Returns at once when the run is not paused. @throws RunEnd as `wait` does: a pause counts against the run's wall time */
export const untilResumed = (run: Run): Promise<void> => (run.state.kept.paused ? pauseOf(run) : AT_ONCE);

/** One for all that need not wait. They take a turn of the microtasks all the same: see `followed-by.ts`. */
const AT_ONCE = Promise.resolve();

async function pauseOf(run: Run): Promise<void> {
  const { kept } = run.state;
  while (kept.paused) await wait(run, () => !kept.paused, Infinity, kept.paused.reason);
}

/**
 * Waits until `holds`, at most `timeoutMs`; the run shows `reason` meanwhile.
 * @throws RunEnd when the run is cancelled, or its wall time has passed before it could go on
 */
export async function wait(run: Run, holds: () => boolean, timeoutMs: number, reason: string): Promise<void> {
  const { state, environment } = run;
  const until = environment.now() + timeoutMs;
  beginWait(state, reason);
  try {
    for (;;) {
      const limits = limitsOf(run);
      const left = state.ending ? Infinity : wallLeftMs(state.kept, limits, environment.now());
      const own = until - environment.now();
      if (await environment.until(holds, Math.max(0, Math.min(own, left)), reason)) return;
      const exhausted = state.ending ? undefined : exhaustedWall(state.kept, limitsOf(run), environment.now());
      if (exhausted) throw new RunEnd({ outcome: 'failed', failure: exhausted });
      // The run's own time was the shorter one, and has been extended meanwhile.
      if (own <= left || limitsOf(run).wallMs === limits.wallMs) return;
    }
  } catch (error) {
    if (environment.meaningOf(error) === 'cancelled') throw cancelled(run);
    throw error;
  } finally {
    endWait(state, reason);
  }
}

export const cancelled = (run: Run): RunEnd =>
  new RunEnd({ outcome: 'cancelled', reason: run.state.cancel?.reason ?? 'no reason was given' });
