// When a rollout is looked at: often while little is known, more seldom as it grows old, and never so that looking is what a worker does.
import type { RolloutInput, RolloutState } from '../contract/rollout';

/** Between two looks a hundredth more time: more of them would not move the figures by more than chance does. */
const AGE_SHARE = 0.01;
/** A candidate that goes bad late is seen within this. */
const AGED_MOST_MS = 600_000;
/** Looks take a twentieth of the time at most, those of up to three minutes: behind a longer one it is MOST_MS. */
const COST_TIMES = 20;
const MOST_MS = 3_600_000;
const DAY_MS = 86_400_000;

export function nextLookAfterMs(
  { everyMs }: Pick<RolloutInput, 'everyMs'>,
  { stepAgeMs, tookMs }: { stepAgeMs: number; tookMs: number },
): number {
  const aged = Math.min(AGED_MOST_MS, AGE_SHARE * stepAgeMs);
  return Math.round(Math.min(MOST_MS, Math.max(everyMs, aged, COST_TIMES * tookMs)));
}

export const windowEnd = ({ steps }: Pick<RolloutState, 'steps'>, { policy }: Pick<RolloutInput, 'policy'>): number =>
  (steps[0]?.at ?? Infinity) + policy.windowDays * DAY_MS;
