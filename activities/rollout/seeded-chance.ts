/** Called millions of times, and names of the global object are slow to find within a test. */
const { imul } = Math;

/** Chance that is the same every time, fast enough for millions (Mulberry32, Tommy Ettinger, public domain). From 0 to 1, without 1. */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
