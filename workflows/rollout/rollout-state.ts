// What a rollout knows, and what changes it. Pure: the workflow holds it up.
import type {
  LookResult,
  PassedOver,
  RolloutAct,
  RolloutEnd,
  RolloutInput,
  RolloutKept,
  RolloutPause,
  RolloutSaid,
  RolloutState,
  RolloutView,
  RolloutWord,
  ShareResult,
} from '../contract/rollout';
import { nextLookAfterMs, windowEnd } from './look-pace';

/** Kept of what people said: the newest. */
const TOLD_MOST = 20;
const WORD_CHARS = 500;
const NO_REASON = 'no reason was given';

export const newRollout = (input: RolloutInput, now: number): RolloutState => ({
  ...{ steps: [], epoch: input.epoch, looks: 0, nextLookAt: now, findingsFrom: now, told: [] },
  ...{ goesOn: true, changes: 0, kept: 0 },
});

/** Whose acts are nobody's else. */
export const ownName = ({ id }: Pick<RolloutInput, 'id'>): string => `rollout ${id}`;

export type NextAct =
  | { do: 'share'; step: number }
  | { do: 'end' }
  | { do: 'drop' }
  | { do: 'keep' }
  | { do: 'look' }
  | { do: 'rest'; untilMs: number }
  | { do: 'done' };

export function nextAct(state: RolloutState, now: number): NextAct {
  if (state.ended) return state.kept < state.changes ? { do: 'keep' } : { do: 'done' };
  if (state.ending) return { do: state.steps.length === 0 ? 'drop' : 'end' };
  if (state.goesOn) return { do: 'share', step: state.steps.length };
  if (state.kept < state.changes) return { do: 'keep' };
  return state.nextLookAt <= now ? { do: 'look' } : { do: 'rest', untilMs: state.nextLookAt };
}

const changed = (state: RolloutState): void => void (state.changes += 1);

/** What people send by Temporal's own tools need not have the form. */
const wordIn = (said: unknown, name: keyof RolloutSaid): string | undefined => {
  const value: unknown =
    typeof said === 'object' && said !== null ? new Map(Object.entries(said)).get(name) : undefined;
  return typeof value === 'string' && value.trim() !== '' ? value.slice(0, WORD_CHARS) : undefined;
};

/**
 * Until its end is being written an abort goes before a promotion, whichever came first: it is what nobody is harmed by. From then on what comes is
 * late, is kept as such, and changes nothing.
 */
export function hear(state: RolloutState, act: RolloutAct, said: unknown, now: number, isEnding: boolean): void {
  const [by, why] = [wordIn(said, 'by') ?? 'somebody', wordIn(said, 'why')];
  const isLate = isEnding || state.ended !== undefined;
  const word: RolloutWord = { act, by, at: now, ...(why === undefined ? {} : { why }), ...(isLate ? { isLate } : {}) };
  state.told = [...state.told, word].slice(-TOLD_MOST);
  changed(state);
  if (isLate) return;
  const given = why ?? NO_REASON;
  if (act === 'abort') state.ending = { as: 'withdrawn', because: 'person', by, why: given };
  if (act === 'promote' && state.ending?.because !== 'person')
    state.ending = { as: 'promoted', because: 'person', by, why: given };
  if (act === 'pause') state.paused = { because: 'person', by, why: given, at: now };
  if (act === 'resume' && state.paused) {
    delete state.paused;
    state.findingsFrom = now;
    state.nextLookAt = now;
  }
}

export function pause(state: RolloutState, { because, by, why }: Omit<RolloutPause, 'at'>, now: number): void {
  // Whoever has paused it first is who is asked.
  if (state.paused) return;
  state.paused = { because, by, why, at: now };
  changed(state);
}

function end(state: RolloutState, ended: RolloutEnd): void {
  state.ended = ended;
  delete state.ending;
  delete state.paused;
  changed(state);
}

const passedOver = (state: RolloutState, { by, why }: PassedOver, now: number): void =>
  end(state, { as: 'superseded', because: 'changed', by, why, at: now });

/** A first step that is refused is a rollout that never began: the traffic is what it was. */
export function takeShare(state: RolloutState, input: RolloutInput, result: ShareResult, now: number): void {
  state.goesOn = false;
  if (result.kind === 'set') {
    const share = input.policy.steps[state.steps.length]?.share ?? 1;
    state.steps = [...state.steps, { share, at: result.at }];
    state.epoch = result.epoch;
    state.nextLookAt = now + nextLookAfterMs(input, { stepAgeMs: 0, tookMs: 0 });
    return changed(state);
  }
  if (result.kind === 'superseded') return passedOver(state, result, now);
  if (state.steps.length === 0)
    return end(state, { as: 'refused', because: 'changed', by: ownName(input), why: result.why, at: now });
  pause(state, { because: 'traffic', by: ownName(input), why: result.why }, now);
}

/** What could not be done stays undone until a person says something: new runs go on with what they took. */
export function takeEnd(state: RolloutState, input: RolloutInput, result: ShareResult, now: number): void {
  const { ending } = state;
  if (!ending) return;
  if (result.kind === 'set') return end(state, { ...ending, at: result.at });
  if (result.kind === 'superseded') return passedOver(state, result, now);
  delete state.ending;
  delete state.paused;
  pause(state, { because: 'traffic', by: ownName(input), why: result.why }, now);
}

/** That came since an end was begun to be written. */
export const lateAbort = ({ told }: RolloutState, since: number): RolloutWord | undefined =>
  told.findLast(({ act, isLate, at }) => act === 'abort' && isLate && at >= since);

/** The end that it was late for was refused, so it is not late: it goes before that as it goes before a promotion. */
export function takeLateAbort(state: RolloutState, abort: RolloutWord): void {
  const { isLate: _, ...word } = abort;
  state.told = state.told.map((one) => (one === abort ? word : one));
  state.ending = { as: 'withdrawn', because: 'person', by: word.by, why: word.why ?? NO_REASON };
  changed(state);
}

/** Before its first step nothing was changed, and nothing need be. */
export function drop(state: RolloutState, now: number): void {
  if (state.ending) end(state, { ...state.ending, as: 'refused', at: now });
}

/** An abort or a promotion that came while it looked goes before what the look came to. */
export function takeLook(state: RolloutState, input: RolloutInput, result: LookResult, now: number): void {
  if (result.kind === 'unkept') return changed(state);
  if (result.kind === 'superseded') return passedOver(state, result, now);
  const { decision, headline, tookMs, finding } = result;
  const stepAgeMs = now - (state.steps.at(-1)?.at ?? now);
  state.looks += 1;
  state.last = { decision, headline, at: now };
  state.nextLookAt = now + nextLookAfterMs(input, { stepAgeMs, tookMs });
  if (state.paused?.because === 'unseen') {
    delete state.paused;
    changed(state);
  }
  if (state.ending) return;
  const by = ownName(input);
  const ending = (as: 'promoted' | 'withdrawn', because: RolloutEnd['because']): void =>
    void (state.ending = { as, because, by, why: headline });
  // However it is paused: what is proven to be worse need not wait for anybody.
  if (decision === 'withdraw') return ending('withdrawn', 'worse');
  if (finding !== undefined) pause(state, { because: 'finding', by: 'the watch', why: finding }, now);
  if (decision === 'pause') pause(state, { because: 'arms', by, why: headline }, now);
  if (!state.paused && decision === 'promote') return ending('promoted', 'fine');
  const isOver = now >= windowEnd(state, input);
  if (!state.paused && decision === 'advance' && !isOver) state.goesOn = true;
  else if (decision === 'inconclusive' || isOver) conclude(state, input, headline, now);
}

/** Nobody waits for longer, those neither for whom it was paused. */
function conclude(state: RolloutState, input: RolloutInput, headline: string, now: number): void {
  const by = ownName(input);
  const why = state.paused
    ? `The window ended while it was paused (${state.paused.why})`.slice(0, WORD_CHARS)
    : headline;
  if (input.inconclusive === 'ask') return pause(state, { because: 'window', by, why: headline }, now);
  // Of what a person, or the watch, has stopped nothing takes over by itself.
  const as = input.inconclusive === 'promote' && !state.paused ? 'promoted' : 'withdrawn';
  state.ending = { as, because: 'inconclusive', by, why };
}

export function takeBlindness(state: RolloutState, input: RolloutInput, why: string, now: number): void {
  state.nextLookAt = now + nextLookAfterMs(input, { stepAgeMs: 0, tookMs: 0 });
  pause(
    state,
    { because: 'unseen', by: ownName(input), why: `It cannot be looked at: ${why}`.slice(0, WORD_CHARS) },
    now,
  );
  if (!state.ending && now >= windowEnd(state, input)) conclude(state, input, why, now);
}

export function keptOf(
  { epoch: _, carried: __, ...planned }: RolloutInput,
  state: RolloutState,
  now: number,
): RolloutKept {
  const { steps, looks, told, changes, paused, ended } = state;
  return {
    ...planned,
    ...{ at: steps[0]?.at ?? ended?.at ?? now, steps, looks, told, changes },
    ...(paused ? { paused } : {}),
    ...(ended ? { ended } : {}),
  };
}

export function viewOf(input: RolloutInput, state: RolloutState, now: number): RolloutView {
  const { schemaVersion: _, policy: __, changes: ___, ...shown } = keptOf(input, state, now);
  const { nextLookAt, last, ending } = state;
  return { ...shown, nextLookAt, ...(last ? { last } : {}), ...(ending ? { ending } : {}) };
}
