// The state of a session and its named changes. Plain data and pure functions: no Temporal, no clock, no I/O.
import { REASON_CHARS } from '../contract/limits';
import type {
  BeginSessionRunResult,
  LifecycleRequest,
  Mail,
  Reached,
  SessionInput,
  SessionState,
} from '../contract/session';
import type { RunEnded } from '../contract/run-ended';

const NOTHING_SAID: Reached = { head: null, length: 0 };

export const newSession = ({ plan, from = NOTHING_SAID, answered = 0 }: SessionInput, now: number): SessionState => ({
  schemaVersion: 1,
  plan,
  reached: from,
  waiting: [],
  later: [],
  recent: [],
  answered,
  activeAt: now,
});

const reasonOf = (request: LifecycleRequest | undefined, otherwise: string): string => {
  const given: unknown = request?.reason;
  return typeof given === 'string' && given.trim() !== '' ? given.slice(0, REASON_CHARS) : otherwise;
};

/** What is being answered goes on; nothing new is begun. */
export function pauseSession(state: SessionState, request?: LifecycleRequest): void {
  state.paused = { reason: reasonOf(request, state.paused?.reason ?? 'asked to pause') };
}

/** The time of a pause is no silence: an idle time begins anew. */
export function resumeSession(state: SessionState, now: number): void {
  if (!state.paused) return;
  delete state.paused;
  state.activeAt = now;
}

/** It cannot be taken back. */
export function retireSession(state: SessionState, request?: LifecycleRequest): void {
  state.retiring ??= { reason: reasonOf(request, 'asked to retire') };
}

/** Its workflow ends; the next message begins it again, where it was. */
export function cancelSession(state: SessionState): void {
  state.cancelled ??= { reason: 'the session was cancelled' };
}

/** Messages whose time has come stand behind those that wait already. */
export function takeDue(state: SessionState, now: number): void {
  const due = state.later.filter(({ dueAt = 0 }) => dueAt <= now);
  if (due.length === 0) return;
  state.later = state.later.filter((mail) => !due.includes(mail));
  state.waiting = [...state.waiting, ...due];
  if (state.plan.onBusy === 'interrupt' && state.current) state.current.interruptedBy ??= due[0]?.id ?? '';
}

/** The first that waits is being answered from now on. */
export function takeNext(state: SessionState): Mail | undefined {
  const [mail, ...others] = state.waiting;
  if (!mail) return undefined;
  state.waiting = others;
  state.current = { mail, looks: 0 };
  return mail;
}

/** What came of the beginning of a run. The plan of its release holds from now on. */
export function takeBegun(state: SessionState, result: BeginSessionRunResult, now: number): void {
  if (!state.current) return;
  delete state.full;
  if (result.kind === 'full') {
    putBack(state);
    state.full = { queue: result.queue, until: now + result.retryAfterMs };
    return;
  }
  state.activeAt = now;
  if (result.kind === 'begun') {
    state.current.begunAt = now;
    state.current.release = result.release;
    if (result.queue !== undefined) state.current.queue = result.queue;
    if (result.plan) state.plan = result.plan;
    if (result.ended) state.current.ended ??= result.ended;
    return;
  }
  delete state.current;
  state.answered += 1;
}

/** What could not be begun waits again, before all others. */
export function putBack(state: SessionState): void {
  const { current } = state;
  if (!current || current.begunAt !== undefined) return;
  state.waiting = [current.mail, ...state.waiting];
  delete state.current;
}

/** Of a run that this session does not follow it means nothing, nor does a signal of nothing. */
export function takeEnd({ current }: SessionState, ended: RunEnded | undefined): void {
  if (current && current.mail.run === ended?.run) current.ended ??= ended;
}

/** The conversation goes on from there. */
export function settle(state: SessionState, reached: Reached, now: number): void {
  state.reached = reached;
  state.answered += 1;
  state.activeAt = now;
  delete state.current;
}

/** Those that are answered by nobody. */
export function dropAll(state: SessionState): Mail[] {
  const dropped = [...state.waiting, ...state.later];
  state.waiting = [];
  state.later = [];
  state.answered += dropped.length;
  return dropped;
}
