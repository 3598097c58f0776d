// How long a run will wait, as a range that holds. The middle follows from how long places were taken of late; how wide the range must be is
// learned from how far earlier waits were from their middles: split conformal prediction (Vovk; Lei et al. 2018) by groups of alike waits,
// with the level adjusted to what came out (Gibbs, Candès 2021), so that it holds when the load changes too.
import type { EstimatesState, RunSlot, WaitRange } from '../contract/queue';

/** Part of the waits that may lie outside their range. The promise is a fifth: what is learned lags behind what changes. */
const OUTSIDE = 0.09;
const OUTSIDE_LEAST = 0.02;
const OUTSIDE_MOST = 0.3;
/** Of one wait that came out, on the level. */
const STEP = 0.02;
/** Ends that tell how fast the queue moves. */
const STAYS_KEPT = 100;
const RATIOS_KEPT = 80;
/** Waits that end one after the other are alike, and say the same: within the time of one, so many count. */
const RATIOS_A_WAIT = 8;
/** With fewer the range follows from chance alone, see `unlearned`. */
const RATIOS_LEAST = 20;
/** Numbers of ends that are waited for, from which another group begins. */
const GROUPS = [1, 3, 8, 24, 72, 216] as const;
/** Beyond all that was seen. */
const BEYOND = 1.25;
/** Of a run that has a place and goes on: it says no more about the others than so many of their stays. */
const STAY_MOST = 10;
/** To begin at once takes a few steps of Temporal, and the worker that makes them may be busy. */
const BEGIN_MS = 2_000;

export const newEstimates = (): EstimatesState => ({ stays: [], hasForgotten: false, ratios: {}, outside: OUTSIDE });

export function takeStay(state: EstimatesState, from: number, until: number): void {
  state.stays.push([from, Math.max(from, until)]);
  if (state.stays.length <= STAYS_KEPT) return;
  state.stays.shift();
  state.hasForgotten = true;
}

/** Mean time that a place is taken: of the ends of late, the time of all places until then. Undefined where none has ended. */
export function stayMs(
  { stays, hasForgotten }: EstimatesState,
  slots: readonly RunSlot[],
  now: number,
): number | undefined {
  const [first] = stays;
  if (!first) return undefined;
  // Of those before it nothing is known, so it is where the time begins that is.
  const since = hasForgotten ? first[1] : -Infinity;
  const ends = hasForgotten ? stays.length - 1 : stays.length;
  const ended = stays.reduce((sum, [from, until]) => sum + Math.max(0, until - Math.max(from, since)), 0);
  const mean = ended / Math.max(1, ends);
  const taken = slots.reduce(
    (sum, { at }) => sum + Math.min(STAY_MOST * mean, Math.max(0, now - Math.max(at, since))),
    0,
  );
  // All the time that places were taken, by all the ends that came of it: whoever goes on for long counts as well.
  return Math.max(1, (ended + taken) / Math.max(1, ends));
}

export interface Expected {
  /** How many others must end before. */
  ends: number;
  /** Absent where nobody knows. */
  ms?: number;
}

/** @param place 1 begins next @param stay how long places are taken */
export function expectedWait({
  busy,
  place,
  concurrency,
  stay,
}: {
  busy: number;
  place: number;
  concurrency: number;
  stay: number | undefined;
}): Expected {
  const ends = Math.max(0, place - Math.max(0, concurrency - busy));
  if (ends === 0) return { ends, ms: 0 };
  return { ends, ...(stay === undefined ? {} : { ms: (ends * stay) / concurrency }) };
}

/** @param ttlMs nobody waits for longer */
export function rangeOf(
  state: EstimatesState,
  { ends, ms }: Expected,
  ofClass: number,
  ttlMs = Infinity,
): WaitRange | undefined {
  if (ends === 0) return { fromMs: 0, toMs: BEGIN_MS };
  if (ms === undefined) return undefined;
  const [least, most] = bounds(state.ratios[groupOf(ends, ofClass)]?.last ?? [], state.outside, ends);
  const toMs = Math.min(ttlMs, Math.ceil(most * ms) + BEGIN_MS / 2);
  return { fromMs: Math.min(toMs, Math.max(0, Math.floor(least * ms) - BEGIN_MS / 2)), toMs };
}

const groupOf = (ends: number, ofClass: number): string => `${ofClass}/${GROUPS.findLastIndex((from) => ends >= from)}`;

function bounds(ratios: readonly number[], outside: number, ends: number): [least: number, most: number] {
  if (ratios.length < RATIOS_LEAST) return unlearned(ends);
  const sorted = [...ratios].sort((one, other) => one - other);
  const low = Math.floor((outside / 2) * (sorted.length + 1));
  const high = sorted.length + 1 - low;
  return [
    low < 1 ? (sorted[0] ?? 0) / BEYOND : (sorted[low - 1] ?? 0),
    low < 1 ? (sorted.at(-1) ?? 1) * BEYOND : (sorted[high - 1] ?? 1),
  ];
}

/** As if ends came by chance: a sum of so many exponential times, two deviations to each side, and as much again for what else is not known. */
function unlearned(ends: number): [least: number, most: number] {
  const deviation = 1 / Math.sqrt(ends);
  return [Math.max(0, 1 - 2 * deviation) / 2, (1 + 2.5 * deviation) * 1.5];
}

/** A wait has come to its end. @returns whether it lay within what was said; undefined where nothing was known */
export function takeWait(
  state: EstimatesState,
  ofClass: number,
  said: readonly [ends: number, ms: number, fromMs: number, toMs: number],
  { waitedMs, now }: { waitedMs: number; now: number },
): boolean | undefined {
  const [ends, ms, fromMs, toMs] = said;
  if (ends === 0 || ms <= 0) return undefined;
  const group = groupOf(ends, ofClass);
  const isWithin = waitedMs >= fromMs && waitedMs <= toMs;
  const { at, last } = state.ratios[group] ?? { at: -Infinity, last: [] };
  if (now < at + ms / RATIOS_A_WAIT) return isWithin;
  const ratio = Math.round((waitedMs / ms) * 1_000) / 1_000;
  state.ratios[group] = { at: now, last: [...last, ratio].slice(-RATIOS_KEPT) };
  const outside = state.outside + STEP * (OUTSIDE - (isWithin ? 0 : 1));
  state.outside = Math.min(OUTSIDE_MOST, Math.max(OUTSIDE_LEAST, outside));
  return isWithin;
}
