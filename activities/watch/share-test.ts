// Whether something happens in another share of runs than before: the exact test of Fisher, right for any number of runs.
import type { Difference } from './difference';

/** Of one in a hundred runs more or less nobody need be told, however sure it is. */
const SHARE_EFFECT_LEAST = 0.05;

/** So many runs are so. */
export interface Share {
  some: number;
  of: number;
}

export const valueOf = ({ some, of }: Share): number => some / of;

/** @returns undefined where the difference is too small to act on */
export function shareTest(window: Share, baseline: Share): Difference | undefined {
  const off = valueOf(window) - valueOf(baseline);
  if (Math.abs(off) < SHARE_EFFECT_LEAST) return undefined;
  const table = { runs: window.of + baseline.of, marked: window.some + baseline.some, drawn: window.of };
  const p =
    off > 0
      ? drawnAtLeast(window.some, table)
      : drawnAtLeast(window.of - window.some, { ...table, marked: table.runs - table.marked });
  return { direction: off > 0 ? 'up' : 'down', p };
}

interface Table {
  runs: number;
  marked: number;
  drawn: number;
}

/** How likely so many marked ones, or more, are among those drawn at random: the hypergeometric law. */
export function drawnAtLeast(least: number, { runs, marked, drawn }: Table): number {
  const most = Math.min(marked, drawn);
  const all = logChoose(runs, drawn);
  let sum = 0;
  for (let hit = Math.max(least, 0, drawn + marked - runs); hit <= most; hit += 1)
    sum += Math.exp(logChoose(marked, hit) + logChoose(runs - marked, drawn - hit) - all);
  return Math.min(1, sum);
}

const logFactorials = [0];
function logFactorial(of: number): number {
  for (let next = logFactorials.length; next <= of; next += 1)
    logFactorials.push((logFactorials[next - 1] ?? 0) + Math.log(next));
  return logFactorials[of] ?? 0;
}
const logChoose = (of: number, some: number): number => logFactorial(of) - logFactorial(some) - logFactorial(of - some);
