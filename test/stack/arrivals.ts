// When requests arrived at a provider, against a limit of it.

/** The most within any window of that length. */
export function mostWithin(times: readonly number[], perMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let first = 0;
  return sorted.reduce((most, at, nth) => {
    while ((sorted[first] ?? at) <= at - perMs) first += 1;
    return Math.max(most, nth + 1 - first);
  }, 0);
}
