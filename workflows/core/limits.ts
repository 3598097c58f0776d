// Which limit, if any, a run has reached. Pure: the clock is handed in.
import { usdText } from '../contract/cost';
import type { RunFailure } from '../contract/failures';
import { LIMIT_NAMES } from '../contract/limits';
import type { CarriedState, RunLimits } from '../contract/run';
import type { Run } from './environment';

/** Those of its release, and what a person has added since. */
export function limitsOf({ input, state }: Pick<Run, 'input' | 'state'>): RunLimits {
  const { limits } = input.plan;
  const { extended } = state.kept;
  return extended ? { ...limits, ...sumOf(limits, extended) } : limits;
}

/** Of the limits that both have. */
export function sumOf(limits: Partial<RunLimits>, added: Partial<RunLimits>): Partial<RunLimits> {
  const sums = LIMIT_NAMES.flatMap((name) => {
    const [before, more] = [limits[name], added[name]];
    return before === undefined || more === undefined ? [] : [[name, before + more] as const];
  });
  return Object.fromEntries(sums);
}

/** Checked before each model call. */
export function exhaustedLimit(kept: CarriedState, limits: RunLimits, now: number): RunFailure | undefined {
  const { totals } = kept;
  // A turn that has begun, and waits for its model, was allowed.
  if (kept.turn - (kept.asking ? 1 : 0) >= limits.turns) {
    return { type: 'Budget.TurnsExhausted', message: `${limits.turns} turns were allowed and used.` };
  }
  const tokens = totals.usage.input + totals.usage.output;
  if (limits.tokens !== undefined && tokens >= limits.tokens) {
    return { type: 'Budget.TokensExhausted', message: `${limits.tokens} tokens were allowed, ${tokens} used.` };
  }
  return exhaustedCalls(kept, limits) ?? exhaustedWall(kept, limits, now);
}

/** Checked before each request of a turn: its summary and waits may have used up what there was. */
export function exhaustedCalls({ totals }: Pick<CarriedState, 'totals'>, limits: RunLimits): RunFailure | undefined {
  const { modelCalls, nanoUsd } = limits;
  if (modelCalls !== undefined && totals.modelCalls >= modelCalls) {
    return {
      type: 'Budget.ModelCallsExhausted',
      message: `${modelCalls} model calls were allowed, ${totals.modelCalls} made.`,
    };
  }
  const spent = totals.cost?.nanoUsd ?? 0;
  if (nanoUsd === undefined || spent < nanoUsd) return undefined;
  return { type: 'Budget.MoneyExhausted', message: `${usdText(nanoUsd)} were allowed, ${usdText(spent)} spent.` };
}

/** Billionths of a dollar; undefined where the run has no limit of money. */
export const moneyLeft = ({ totals }: Pick<CarriedState, 'totals'>, { nanoUsd }: RunLimits): number | undefined =>
  nanoUsd === undefined ? undefined : Math.max(0, nanoUsd - (totals.cost?.nanoUsd ?? 0));

/** Checked after each wait too: what was waited for may not have come. */
export function exhaustedWall(kept: CarriedState, limits: RunLimits, now: number): RunFailure | undefined {
  if (wallLeftMs(kept, limits, now) > 0) return undefined;
  return {
    type: 'Budget.WallTimeExhausted',
    message: `${(limits.wallMs ?? 0) / 1000} s were allowed and have passed.`,
  };
}

/** Checked before the tool calls of a turn: all of them run, or none. */
export function exhaustedToolCalls(kept: CarriedState, limits: RunLimits, asked: number): RunFailure | undefined {
  if (kept.totals.toolCalls + asked <= limits.toolCalls) return undefined;
  return {
    type: 'Budget.ToolCallsExhausted',
    message: `${limits.toolCalls} tool calls were allowed, ${kept.totals.toolCalls} used, ${asked} more asked for.`,
  };
}

/** Infinity when the run has no wall-time limit. */
export function wallLeftMs(kept: CarriedState, limits: RunLimits, now: number): number {
  return limits.wallMs === undefined ? Infinity : kept.startedAt + limits.wallMs - now;
}
