// What the shadows of an agent may use, and how many of them there are at once: arithmetic, on a state that is written by compare-and-set.
import type { DroppedShadow, ShadowState } from '../../workflows/contract/schemas/shadow';
import type { Shadowing } from '../../workflows/contract/schemas/traffic';

type Open = ShadowState['open'][number];
export type ShadowBudget = Pick<Shadowing, 'atOnce' | 'nanoUsdADay' | 'tokensADay'>;

/** Of an agent whose traffic says nothing of shadows: those that a person has asked for. */
export const ASKED_FOR: ShadowBudget = { atOnce: 2 };

/** UTC. @param now milliseconds since the epoch */
export const dayOf = (now: number): string => new Date(now).toISOString().slice(0, 10);

export const noShadows = (agent: string, now: number): ShadowState => ({
  ...{ schemaVersion: 1, agent, day: dayOf(now), nanoUsd: 0, tokens: 0, begun: 0 },
  ...{ dropped: { budget: 0, stopped: 0, late: 0, unstartable: 0 }, open: [] },
});

const today = (state: ShadowState, now: number): ShadowState =>
  state.day === dayOf(now) ? state : { ...state, day: dayOf(now), nanoUsd: 0, tokens: 0 };

/**
 * A shadow is expected to use what its run has used; so is each that is under way.
 * @param isFree a person has asked for this one: it waits for a place, and not for money
 * @returns the state with the shadow in it; `full` where it waits for a place
 */
export function admitted(
  before: ShadowState,
  one: Open,
  { budget, isFree, now }: { budget: ShadowBudget; isFree: boolean; now: number },
): ShadowState | 'full' | 'budget' {
  const state = today(before, now);
  if (state.open.some(({ id }) => id === one.id)) return state;
  const { nanoUsdADay = Infinity, tokensADay = Infinity, atOnce } = budget;
  if (!isFree) {
    const all = [...state.open, one];
    const nanoUsd = all.reduce((sum, open) => sum + open.nanoUsd, state.nanoUsd);
    const tokens = all.reduce((sum, open) => sum + open.tokens, state.tokens);
    if (nanoUsd > nanoUsdADay || tokens > tokensADay) return 'budget';
  }
  if (state.open.length >= atOnce) return 'full';
  return { ...state, begun: state.begun + 1, open: [...state.open, one] };
}

/** @param used by the shadow; of one that was never begun nothing, and it does not count */
export function settled(
  before: ShadowState,
  id: string,
  { used, now }: { used: Pick<Open, 'nanoUsd' | 'tokens'> | undefined; now: number },
): ShadowState {
  const state = today(before, now);
  const open = state.open.filter((one) => one.id !== id);
  if (open.length === state.open.length) return state;
  if (!used) return { ...state, open, begun: Math.max(0, state.begun - 1) };
  return { ...state, open, nanoUsd: state.nanoUsd + used.nanoUsd, tokens: state.tokens + used.tokens };
}

export const withDropped = (state: ShadowState, why: DroppedShadow, problem?: string): ShadowState => ({
  ...state,
  dropped: { ...state.dropped, [why]: state.dropped[why] + 1 },
  ...(problem === undefined ? {} : { lastProblem: problem }),
});
