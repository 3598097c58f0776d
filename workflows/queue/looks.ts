// When a queue looks after runs by itself: ends that nobody told of are asked for, and something is due. Pure, as queue.ts.
import type { QueueState } from '../contract/queue';
import { takeEnd } from './queue';

export interface Looks {
  /** Whether a run that is not heard of has ended is asked so often. */
  everyMs: number;
  /** Where one is asked about, so are those that have begun since. */
  isOfAll: boolean;
}
/** An end that nobody told of is found within this: a run that has begun at any time is asked about with the next that is due. */
export const LOOKS: Looks = { everyMs: 30_000, isOfAll: true };
/** Of executions from before: a run that began just after a look waited for the second after it, twice a minute later. */
export const LOOKS_BEFORE: Looks = { everyMs: 60_000, isOfAll: false };
const RECONCILED_MOST = 200;

/** Runs whose end may have gone unheard; none before one of them has been going on for as long as a look takes to come. */
export function unheard(state: QueueState, now: number, { everyMs, isOfAll }: Looks): string[] {
  if (now < state.reconciledAt + everyMs) return [];
  const begun = state.slots.filter(({ starting }) => !starting);
  const due = begun.filter(({ at }) => at + everyMs <= now);
  const asked = isOfAll && due.length > 0 ? begun : due;
  return asked.slice(0, RECONCILED_MOST).map(({ run }) => run);
}

/** Those that were looked at stand last, so that all have their turn. */
export function takeReconciled(
  state: QueueState,
  asked: readonly string[],
  ended: readonly { run: string; endedAt: number }[],
  now: number,
): void {
  state.reconciledAt = now;
  for (const { run, endedAt } of ended) takeEnd(state, run, now, endedAt);
  const looked = new Set(asked);
  state.slots = [
    ...state.slots.filter(({ run }) => !looked.has(run)),
    ...state.slots.filter(({ run }) => looked.has(run)),
  ];
}

/** When there is something to do though nobody says anything. Infinity where there is not. */
export function nextDue({ waiting, slots, settings, reconciledAt }: QueueState, { everyMs }: Looks): number {
  const [oldest] = waiting;
  const expires = oldest && settings.ttlMs !== undefined ? oldest.at + settings.ttlMs : Infinity;
  const begun = slots.filter(({ starting }) => !starting).map(({ at }) => at);
  const asks = begun.length === 0 ? Infinity : Math.max(Math.min(...begun), reconciledAt) + everyMs;
  return Math.min(expires, asks);
}
