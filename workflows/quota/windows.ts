// Sliding windows: what was spent when, in buckets, each counted until its end, the window and a margin have passed.
import { DIMENSIONS, type Amounts, type Dimension, type WindowLimit, type WindowState } from '../contract/quota';

/** Buckets of one window: 250 ms of a minute, six minutes of a day. What is spent counts that much longer, at most. */
const BUCKETS = 240;
/** By how much the way to the provider may differ between two requests, at most this and a hundred-and-twentieth of the window. */
const TRAVEL_MS = 500;

const bucketMs = (perMs: number): number => Math.max(1, Math.floor(perMs / BUCKETS));
export const marginMs = (perMs: number): number => Math.min(TRAVEL_MS, Math.floor(perMs / 120));

export const dimensionAt = (of: Dimension): number => DIMENSIONS.indexOf(of);
export const amountOf = (amounts: Amounts, { of }: { of: Dimension }): number => amounts[dimensionAt(of)] ?? 0;

/** Spent at this moment, what counts until when. */
export const countsUntil = (perMs: number, at: number): number => endOf(perMs, Math.floor(at / bucketMs(perMs)));
const endOf = (perMs: number, bucket: number): number => (bucket + 1) * bucketMs(perMs) + perMs + marginMs(perMs);

export function windowOf(windows: WindowState[], { of, perMs }: Pick<WindowLimit, 'of' | 'perMs'>): WindowState {
  const known = windows.find((one) => one.of === of && one.perMs === perMs);
  if (known) return known;
  const made: WindowState = { of, perMs, buckets: [], paceAt: 0 };
  windows.push(made);
  return made;
}

/**
 * A negative amount takes back what was spent at that moment, and never more: it may have been told as spent a little earlier, in a bucket
 * before, but not later.
 */
export function spend(window: WindowState, at: number, amount: number): void {
  if (amount === 0) return;
  const { buckets, perMs } = window;
  const bucket = Math.floor(at / bucketMs(perMs));
  let place = buckets.length;
  while (place > 0 && (buckets[place - 1]?.[0] ?? 0) > bucket) place -= 1;
  if (amount < 0) return takeBack(buckets.slice(0, place), -amount);
  const there = buckets[place - 1];
  if (there?.[0] === bucket) there[1] += amount;
  else buckets.splice(place, 0, [bucket, amount]);
}

/** From the newest. */
function takeBack(buckets: readonly [number, number][], amount: number): void {
  let missing = amount;
  for (const bucket of buckets.toReversed()) {
    const part = Math.min(missing, bucket[1]);
    bucket[1] -= part;
    missing -= part;
    if (missing <= 0) return;
  }
}

/** Forgets what does not count any more. */
export function slide(window: WindowState, now: number): void {
  window.buckets = window.buckets.filter(([bucket, amount]) => amount > 0 && endOf(window.perMs, bucket) > now);
}

export const used = ({ buckets }: WindowState): number => buckets.reduce((total, [, amount]) => total + amount, 0);

/** When what counts now stops counting, in that order. */
export const endings = ({ buckets, perMs }: WindowState): { at: number; amount: number }[] =>
  buckets.map(([bucket, amount]) => ({ at: endOf(perMs, bucket), amount }));
