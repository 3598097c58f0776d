// Needs: nothing. What a rollout does next, what it makes of looks and of what people say, and what is too late.
import type { LookResult, RolloutInput, RolloutState } from '../../../workflows/contract/rollout';
import { nextLookAfterMs } from '../../../workflows/rollout/look-pace';
import {
  drop,
  hear,
  keptOf,
  lateAbort,
  newRollout,
  nextAct,
  pause,
  takeBlindness,
  takeEnd,
  takeLateAbort,
  takeLook,
  takeShare,
  viewOf,
} from '../../../workflows/rollout/rollout-state';
import { USUAL_POLICY } from '../../../activities/rollout/policy';

const DAY = 86_400_000;
const input: RolloutInput = {
  ...{ schemaVersion: 1, id: 'rol_1', agent: 'teller', from: 'a', release: 'b', by: 'ada', why: 'new', epoch: 3 },
  ...{ sticky: 'run', policy: USUAL_POLICY, inconclusive: 'withdraw', everyMs: 30_000 },
};
const START = 1_000_000;

/** With its first step put. */
function begun(about: Partial<RolloutInput> = {}): { state: RolloutState; of: RolloutInput } {
  const of = { ...input, ...about };
  const state = newRollout(of, START);
  takeShare(state, of, { kind: 'set', at: START, epoch: 4 }, START);
  state.kept = state.changes;
  return { state, of };
}
const looked = (decision: Extract<LookResult, { kind: 'looked' }>['decision'], about = {}): LookResult => ({
  ...{ kind: 'looked', decision, headline: `${decision}.`, tookMs: 10 },
  ...about,
});

test('its first step comes first, then it is kept, looked at, and rests until the next look', () => {
  const state = newRollout(input, START);
  expect(nextAct(state, START)).toEqual({ do: 'share', step: 0 });
  takeShare(state, input, { kind: 'set', at: START, epoch: 4 }, START);
  expect(nextAct(state, START)).toEqual({ do: 'keep' });
  state.kept = state.changes;
  expect(nextAct(state, START)).toEqual({ do: 'rest', untilMs: START + 30_000 });
  expect(nextAct(state, START + 30_000)).toEqual({ do: 'look' });
  expect(keptOf(input, state, START)).toMatchObject({ at: START, steps: [{ share: 0.01, at: START }], looks: 0 });
  expect(keptOf(input, state, START)).not.toHaveProperty('epoch');
});

test('each decision of a look is acted on', () => {
  const act = (decision: Parameters<typeof looked>[0], about?: Partial<RolloutInput>, now = START + 60_000) => {
    const { state, of } = begun(about);
    takeLook(state, of, looked(decision), now);
    return { state, next: nextAct({ ...state, kept: state.changes }, now) };
  };
  expect(act('advance').next).toEqual({ do: 'share', step: 1 });
  expect(act('wait').next).toMatchObject({ do: 'rest' });
  // Its record is written by the look itself: nothing is to be kept beside it.
  expect(act('wait').state.changes).toBe(begun().state.changes);
  expect(act('withdraw').state.ending).toMatchObject({ as: 'withdrawn', because: 'worse', by: 'rollout rol_1' });
  expect(act('promote').state.ending).toMatchObject({ as: 'promoted', because: 'fine' });
  expect(act('pause').state.paused).toMatchObject({ because: 'arms' });
  expect(act('inconclusive').state.ending).toMatchObject({ as: 'withdrawn', because: 'inconclusive' });
  expect(act('inconclusive', { inconclusive: 'promote' }).state.ending).toMatchObject({ as: 'promoted' });
  const asked = act('inconclusive', { inconclusive: 'ask' }).state;
  expect(asked.paused).toMatchObject({ because: 'window' });
  expect(asked.ending).toBeUndefined();
});

test('when its window is over it takes no further step', () => {
  const { state, of } = begun();
  takeLook(state, of, looked('advance'), START + 15 * DAY);
  expect(state).toMatchObject({ goesOn: false, ending: { as: 'withdrawn', because: 'inconclusive' } });
});

test('paused by a person it takes no step and nothing takes over, but what is worse is withdrawn', () => {
  const paused = (decision: Parameters<typeof looked>[0], now = START + 60_000): RolloutState => {
    const { state } = begun();
    hear(state, 'pause', { by: 'ada', why: 'lunch' }, START + 1, false);
    takeLook(state, input, looked(decision), now);
    return state;
  };
  expect(paused('advance')).toMatchObject({ goesOn: false, paused: { by: 'ada', why: 'lunch' } });
  expect(paused('promote').ending).toBeUndefined();
  expect(paused('withdraw').ending).toMatchObject({ as: 'withdrawn', because: 'worse' });
  // Nobody waits longer than the window: not those for whom it was paused either.
  expect(paused('advance', START + 14 * DAY).ending).toMatchObject({ as: 'withdrawn', because: 'inconclusive' });
});

test('resumed it is looked at at once, and findings from then on count', () => {
  const { state } = begun();
  takeLook(state, input, looked('wait', { finding: 'tokens went up (finding f)' }), START + 60_000);
  expect(state.paused).toMatchObject({ because: 'finding', by: 'the watch', why: 'tokens went up (finding f)' });
  hear(state, 'resume', { by: 'ada' }, START + 61_000, false);
  expect(state).toMatchObject({ findingsFrom: START + 61_000, nextLookAt: START + 61_000 });
  expect(state.paused).toBeUndefined();
});

test('an abort goes before a promotion, whichever came first, until the end is being written: what comes then is late', () => {
  for (const order of [
    ['abort', 'promote'],
    ['promote', 'abort'],
  ] as const) {
    const { state } = begun();
    for (const act of order) hear(state, act, { by: act, why: act }, START + 1, false);
    expect(state.ending).toEqual({ as: 'withdrawn', because: 'person', by: 'abort', why: 'abort' });
  }
  const { state } = begun();
  hear(state, 'promote', { by: 'ada', why: 'sure' }, START + 1, false);
  hear(state, 'abort', { by: 'bob', why: 'no' }, START + 2, true);
  takeEnd(state, input, { kind: 'set', at: START + 3, epoch: 5 }, START + 3);
  hear(state, 'abort', { by: 'bob', why: 'no!' }, START + 4, false);
  expect(state.ended).toEqual({ as: 'promoted', because: 'person', by: 'ada', why: 'sure', at: START + 3 });
  expect(state.told.map(({ act, by, isLate }) => [act, by, isLate])).toEqual([
    ['promote', 'ada', undefined],
    ['abort', 'bob', true],
    ['abort', 'bob', true],
  ]);
  // Who came late is kept, and then it is over.
  expect(nextAct(state, START + 5)).toEqual({ do: 'keep' });
  expect(nextAct({ ...state, kept: state.changes }, START + 5)).toEqual({ do: 'done' });
});

test('an abort that came late for an end that was refused is not late: it is what becomes of it', () => {
  const { state } = begun();
  hear(state, 'abort', { by: 'eve', why: 'once' }, START + 1, true);
  hear(state, 'promote', { by: 'ada', why: 'sure' }, START + 2, false);
  hear(state, 'abort', { by: 'bob', why: 'no' }, START + 4, true);
  takeEnd(state, input, { kind: 'refused', why: 'it cannot be read' }, START + 5);
  expect(lateAbort(state, START + 5)).toBeUndefined();
  const abort = lateAbort(state, START + 3);
  if (abort) takeLateAbort(state, abort);
  expect(state.ending).toEqual({ as: 'withdrawn', because: 'person', by: 'bob', why: 'no' });
  expect(nextAct(state, START + 5)).toEqual({ do: 'end' });
  expect(state.told.map(({ by, isLate }) => [by, isLate])).toEqual([
    ['eve', true],
    ['ada', undefined],
    ['bob', undefined],
  ]);
  // Refused too it is not asked for for ever.
  takeEnd(state, input, { kind: 'refused', why: 'it cannot be read' }, START + 6);
  expect(lateAbort(state, START + 3)).toBeUndefined();
  expect(state).toMatchObject({ paused: { because: 'traffic' } });
});

test('a look that comes to an end after somebody said what becomes of it changes nothing', () => {
  const { state } = begun();
  hear(state, 'abort', { by: 'ada' }, START + 1, false);
  takeLook(state, input, looked('promote'), START + 60_000);
  expect(state.ending).toMatchObject({ as: 'withdrawn', by: 'ada' });
});

test('whatever is sent as a signal is taken as far as it fits', () => {
  for (const said of [undefined, null, 'text', 7, { by: 3, why: {} }, []]) {
    const { state } = begun();
    hear(state, 'abort', said, START + 1, false);
    expect(state.ending).toMatchObject({ by: 'somebody', why: 'no reason was given' });
  }
  const { state } = begun();
  for (let nth = 0; nth < 50; nth += 1)
    hear(state, 'pause', { by: 'x'.repeat(9_000), why: `${nth}` }, START + nth, false);
  expect(state.told).toHaveLength(20);
  expect(state.told.at(-1)?.by).toHaveLength(500);
  expect(state.told.at(-1)?.why).toBe('49');
});

test('passed over by somebody it ends and says by whom; refused at first it never began; refused later it waits', () => {
  const passed = begun().state;
  takeShare(passed, input, { kind: 'superseded', by: 'bob', why: 'change 5 (rollback)' }, START + 9);
  expect(passed.ended).toMatchObject({ as: 'superseded', because: 'changed', by: 'bob' });
  const never = newRollout(input, START);
  takeShare(never, input, { kind: 'refused', why: 'it cannot be read' }, START);
  expect(never.ended).toMatchObject({ as: 'refused', why: 'it cannot be read' });
  const later = begun().state;
  later.ending = { as: 'promoted', because: 'fine', by: 'x', why: 'y' };
  takeEnd(later, input, { kind: 'refused', why: 'it cannot be read' }, START + 9);
  expect(later).toMatchObject({ paused: { because: 'traffic', why: 'it cannot be read' } });
  expect(later.ended).toBeUndefined();
  const early = newRollout(input, START);
  hear(early, 'abort', { by: 'ada' }, START, false);
  expect(nextAct(early, START)).toEqual({ do: 'drop' });
  drop(early, START);
  expect(early.ended).toMatchObject({ as: 'refused', by: 'ada' });
});

test('what cannot be looked at waits, and goes on by itself once it can; a lost record is kept again', () => {
  const { state } = begun();
  takeBlindness(state, input, 'the store does not answer', START + 60_000);
  expect(state.paused).toMatchObject({ because: 'unseen' });
  takeLook(state, input, looked('advance'), START + 90_000);
  expect(state.paused).toBeUndefined();
  expect(state.goesOn).toBe(true);
  // For no longer than its window: nobody may ever be able to.
  const blind = begun().state;
  takeBlindness(blind, input, 'the key is gone', START + 15 * DAY);
  expect(blind.ending).toMatchObject({ as: 'withdrawn', because: 'inconclusive' });
  const lost = begun().state;
  takeLook(lost, input, { kind: 'unkept' }, START + 60_000);
  expect(nextAct(lost, START + 60_000)).toEqual({ do: 'keep' });
  pause(lost, { because: 'arms', by: 'x', why: 'y' }, START);
  expect(viewOf(input, lost, START)).toMatchObject({ paused: { why: 'y' }, nextLookAt: START + 30_000 });
});

test('looks are as far apart as they cost, and as the step is old, within bounds', () => {
  const after = (stepAgeMs: number, tookMs = 0): number => nextLookAfterMs({ everyMs: 30_000 }, { stepAgeMs, tookMs });
  expect([after(0), after(7_200_000), after(DAY), after(30 * DAY)]).toEqual([30_000, 72_000, 600_000, 600_000]);
  expect([after(0, 5_000), after(0, 180_000), after(0, 3_600_000)]).toEqual([100_000, 3_600_000, 3_600_000]);
});
