// What a person or a program may do to a run from outside, as named changes of its state. The handlers bind these to Temporal.
import { NANO_USD, usdText } from '../contract/cost';
import type { RunFailure } from '../contract/failures';
import { LIMIT_NAMES, REASON_CHARS, STEERED_MAX, STEER_TEXT_CHARS } from '../contract/limits';
import type { CancelRequest, ExtendRequest, PauseRequest, SteerRequest } from '../contract/run';
import type { Run } from './environment';
import { limitsOf } from './limits';
import { callContext } from './model-turn';
import { isHash } from './requests';
import { extend, note, pause, resume, steer } from './run-state';

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
  if (state.result) return ended(state.result);
  if (state.cancel) return `the run is being cancelled already: ${state.cancel.reason}`;
  const { reason }: { reason?: unknown } = request ?? {};
  if (typeof reason === 'string' && reason.trim() !== '' && reason.length <= REASON_CHARS) return undefined;
  return `give a reason of 1 to ${REASON_CHARS} characters: {"reason": "..."}`;
}

const ended = ({ outcome }: { outcome: string }): string => `the run has ended: ${outcome}`;

/** @returns why nothing can be said or given to a run any more */
export function over({ state }: Run): string | undefined {
  if (state.result) return ended(state.result);
  if (state.cancel) return `the run is being cancelled: ${state.cancel.reason}`;
  return state.ending ? 'the run is at its end' : undefined;
}

/** @returns why there is no turn any more in which the model could hear it */
function unheard(run: Run): string | undefined {
  const { turns } = limitsOf(run);
  if (run.state.kept.turn < turns) return over(run);
  return over(run) ?? `the last of its ${turns} turns has begun: let it have more first, with "extend"`;
}

/** @returns why a request to steer is refused, undefined when it is not */
export function steerRefusal(run: Run, request: SteerRequest): string | undefined {
  const refusal = unheard(run);
  if (refusal !== undefined) return refusal;
  if ((run.state.kept.steered ?? []).length >= STEERED_MAX)
    return `${STEERED_MAX} messages wait already for the next turn: they are heard first`;
  const { text, message }: { text?: unknown; message?: unknown } = request ?? {};
  if (text === undefined && typeof message === 'string' && isHash(message)) return undefined;
  if (message === undefined && typeof text === 'string' && text.trim() !== '' && text.length <= STEER_TEXT_CHARS)
    return undefined;
  return `give a text of 1 to ${STEER_TEXT_CHARS} characters: {"text": "..."}; "longhaul steer" takes longer ones, and keeps them out of the history`;
}

/**
 * What a person says is heard when the next turn begins; an answer that was under way and would have been the last is not, then. Of a run
 * that fails before, it stands in the conversation all the same.
 * @returns why it will not be heard
 */
export async function steerRun(run: Run, said: SteerRequest): Promise<RunFailure | undefined> {
  const { environment, state } = run;
  try {
    const message = await environment.takeMessage({ ...callContext(run, 0), said });
    const refusal = unheard(run);
    if (refusal !== undefined) return { type: 'Run.NotHeard', message: refusal };
    steer(state, message);
    note(state, { kind: 'note', label: 'a person says', preview: message.preview }, environment.now());
    return undefined;
  } catch (error) {
    const failure = environment.meaningOf(error);
    if (failure === undefined) throw error;
    return failure === 'cancelled' ? { type: 'Run.NotHeard', message: 'the run is being cancelled' } : failure;
  }
}

/** More than anybody means, and far from where a sum would lose precision. */
const LIMIT_MAX = 1_000_000_000_000;
const NANO_USD_MAX = 1_000_000 * NANO_USD;

/** @returns why a budget is not extended, undefined when it is */
export function extendRefusal(run: Run, request: ExtendRequest): string | undefined {
  const refusal = over(run);
  if (refusal !== undefined) return refusal;
  const how =
    'give how much is added, in whole numbers from 1: {"turns": 10}, also toolCalls, tokens, modelCalls, nanoUsd and wallMs';
  if (typeof request !== 'object' || request === null || Array.isArray(request)) return how;
  const given: [string, unknown][] = Object.entries(request);
  if (given.length === 0) return how;
  const limits = limitsOf(run);
  for (const [name, more] of given) {
    const limit = LIMIT_NAMES.find((known) => known === name);
    if (!limit) return `there is no limit "${name.slice(0, 40)}": ${how}`;
    if (typeof more !== 'number' || !Number.isInteger(more) || more < 1) return how;
    const before = limits[limit];
    const what = limit === 'nanoUsd' ? 'money' : limit;
    if (before === undefined) return `the run has no limit of ${what}: there is nothing to extend`;
    const [most, text] = limit === 'nanoUsd' ? [NANO_USD_MAX, usdText(NANO_USD_MAX)] : [LIMIT_MAX, LIMIT_MAX];
    if (before + more > most) return `${what}: a limit may be ${text} at most`;
  }
  return undefined;
}

/** It counts from now on, also for a wait that is under way. */
export function extendRun({ state, environment }: Run, added: ExtendRequest): void {
  extend(state, added);
  const what = LIMIT_NAMES.flatMap((name) => {
    const more = added[name];
    if (more === undefined) return [];
    return [name === 'nanoUsd' ? usdText(more) : `${more} ${name}`];
  });
  note(state, { kind: 'note', label: `may use more: ${what.join(', ')}` }, environment.now());
}
