// Whether something happens in another share of runs than before: the exact test of Fisher, right for any number of runs.
import type { Difference } from './difference';

/** Of one in a hundred runs more or less nobody need be told, however sure it is. */
const SHARE_EFFECT_LEAST = 0.05;

/** Of runs that are so (1) or not (0). */
export function shareTest(window: readonly number[], baseline: readonly number[]): Difference {
  const [some, others] = [countOf(window), countOf(baseline)];
  const off = some / window.length - others / baseline.length;
  const table = { runs: window.length + baseline.length, marked: some + others, drawn: window.length };
  const p =
    off > 0
      ? drawnAtLeast(some, table)
      : drawnAtLeast(window.length - some, { ...table, marked: table.runs - table.marked });
  return { direction: off > 0 ? 'up' : 'down', p, isLarge: Math.abs(off) >= SHARE_EFFECT_LEAST };
}

const countOf = (marks: readonly number[]): number => marks.reduce((sum, mark) => sum + mark, 0);
export const shareThatIs = (marks: readonly number[]): number => countOf(marks) / marks.length;

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
