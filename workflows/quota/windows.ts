// Sliding windows: what was spent when, in buckets, each counted until its end, the window and a margin have passed.
import type { WindowLimit, WindowState } from '../contract/quota';

/** Buckets of one window: 250 ms of a minute, six minutes of a day. What is spent counts that much longer, at most. */
const BUCKETS = 240;
/** By how much the way to the provider may differ between two requests, at most this and a hundred-and-twentieth of the window. */
const TRAVEL_MS = 500;

const bucketMs = (perMs: number): number => Math.max(1, Math.floor(perMs / BUCKETS));
export const marginMs = (perMs: number): number => Math.min(TRAVEL_MS, Math.floor(perMs / 120));

/** Spent at this moment, what counts until when. */
export const countsUntil = (perMs: number, at: number): number => endsOf(perMs)(Math.floor(at / bucketMs(perMs)));
/** Made once for all buckets: a workflow looks up what is global, `Math` too, a hundred times as slowly as what is its own. */
function endsOf(perMs: number): (bucket: number) => number {
  const eachMs = bucketMs(perMs);
  const countsMs = perMs + marginMs(perMs);
  return (bucket) => (bucket + 1) * eachMs + countsMs;
}

export function windowOf(windows: WindowState[], { of, perMs }: Pick<WindowLimit, 'of' | 'perMs'>): WindowState {
  const known = windows.find((one) => one.of === of && one.perMs === perMs);
  if (known) return known;
  const made: WindowState = { of, perMs, buckets: [], paceAt: 0 };
  windows.push(made);
  return made;
}

/** Leases of one request may have told its parts as spent so much earlier than the latest of them, by which it is settled. */
const EARLIER_MS = 2_000;

/** A negative amount takes back what was spent at that moment, or shortly before, and never more. */
export function spend(window: WindowState, at: number, amount: number): void {
  if (amount === 0) return;
  const { buckets, perMs } = window;
  const eachMs = bucketMs(perMs);
  const bucket = Math.floor(at / eachMs);
  let place = buckets.length;
  while (place > 0 && (buckets[place - 1]?.[0] ?? 0) > bucket) place -= 1;
  const there = buckets[place - 1];
  if (amount < 0) takeBack(buckets, { from: place - 1, until: Math.floor((at - EARLIER_MS) / eachMs) }, -amount);
  else if (there?.[0] === bucket) there[1] += amount;
  else buckets.splice(place, 0, [bucket, amount]);
}

function takeBack(
  buckets: WindowState['buckets'],
  { from, until }: { from: number; until: number },
  amount: number,
): void {
  let missing = amount;
  for (let place = from; place >= 0 && missing > 0; place -= 1) {
    const there = buckets[place];
    if (!there || there[0] < until) return;
    const part = Math.min(missing, there[1]);
    there[1] -= part;
    missing -= part;
  }
}

/** Forgets what does not count any more. */
export function slide(window: WindowState, now: number): void {
  const endOf = endsOf(window.perMs);
  window.buckets = window.buckets.filter(([bucket, amount]) => amount > 0 && endOf(bucket) > now);
}

export const used = ({ buckets }: WindowState): number => buckets.reduce((total, [, amount]) => total + amount, 0);

/** When what counts now stops counting, in that order. */
export function endings({ buckets, perMs }: WindowState): { at: number; amount: number }[] {
  const endOf = endsOf(perMs);
  return buckets.map(([bucket, amount]) => ({ at: endOf(bucket), amount }));
}
