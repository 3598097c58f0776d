// Many shadows of an agent summed up, by the release that they ran; those of a run's own release beside them say how much of it is chance. Pure.
import type { DifferenceKind, ShadowComparison, Taken } from './compare-shadow';

/** How many of all, with the 95 % interval of the share that they are of. */
export interface Share {
  of: number;
  all: number;
  low: number;
  high: number;
}

export interface Sums {
  /** Of one run in the middle. */
  tokens: number;
  modelMs: number;
  toolCalls: number;
  /** Of all; null where no price of any is known. */
  nanoUsd: number | null;
}

export interface ReleaseRow {
  /** Hash. */
  release: string;
  /** Shadows of runs by their own release: the noise. */
  isFloor: boolean;
  shadows: number;
  /** The same to the end, message for message. */
  identical: Share;
  outcome: Share;
  /** The same tools in the same order. */
  tools: Share;
  /** Those of them whose arguments are the same too. */
  arguments: Share;
  answer: Share;
  took: { runs: Sums; shadows: Sums };
  /** Of those that differ: in what first, and at which step. */
  first: { kind: DifferenceKind; shadows: number }[];
  steps: { step: number; shadows: number }[];
  notExecuted: { tool: string; calls: number }[];
}

export interface ShadowReport {
  agent: string;
  /** The floor last. */
  rows: ReleaseRow[];
  /** Those that say nothing of the releases, by why. They are in no row. */
  unfair: { why: string; shadows: number }[];
  comparisons: ShadowComparison[];
}

export function shadowReport(agent: string, comparisons: readonly ShadowComparison[]): ShadowReport {
  const groups = new Map<string, ShadowComparison[]>();
  const unfair = countsOf(comparisons.flatMap((one) => one.unfair ?? []));
  for (const one of comparisons.filter((each) => each.unfair === null)) {
    const name = JSON.stringify([one.isFloor, one.isFloor ? '' : one.shadowRelease]);
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  const rows = [...groups.values()]
    .map(rowOf)
    .sort((a, b) => Number(a.isFloor) - Number(b.isFloor) || b.shadows - a.shadows);
  return {
    ...{ agent, rows, comparisons: [...comparisons] },
    unfair: unfair.map(([why, shadows]) => ({ why, shadows })),
  };
}

function rowOf(all: readonly ShadowComparison[]): ReleaseRow {
  const share = (holds: (one: ShadowComparison) => boolean): Share => shareOf(all.filter(holds).length, all.length);
  const differing = all.flatMap(({ first }) => first ?? []);
  return {
    release: all[0]?.shadowRelease ?? '',
    isFloor: all[0]?.isFloor ?? false,
    shadows: all.length,
    identical: share(({ first }) => first === null),
    outcome: share(({ outcome }) => outcome.same),
    tools: share(({ tools }) => tools.same),
    arguments: share(({ tools, arguments: given }) => tools.same && given.different === 0),
    answer: share(({ answer }) => answer.same),
    took: { runs: sumsOf(all.map(({ took }) => took.run)), shadows: sumsOf(all.map(({ took }) => took.shadow)) },
    first: countsOf(differing.map(({ kind }) => kind)).map(([kind, shadows]) => ({ kind, shadows })),
    steps: countsOf(differing.flatMap(({ step, shadowStep }) => step ?? shadowStep ?? []))
      .map(([step, shadows]) => ({ step, shadows }))
      .sort((a, b) => a.step - b.step),
    notExecuted: countsOf(all.flatMap(({ answered }) => answered.notExecuted.map(({ tool }) => tool))).map(
      ([tool, calls]) => ({ tool, calls }),
    ),
  };
}

/** Most first. */
function countsOf<T>(values: readonly T[]): [T, number][] {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
}

function sumsOf(taken: readonly Taken[]): Sums {
  const priced = taken.flatMap(({ nanoUsd }) => nanoUsd ?? []);
  return {
    tokens: median(taken.map(({ tokens }) => tokens)),
    modelMs: median(taken.map(({ modelMs }) => modelMs)),
    toolCalls: median(taken.map(({ toolCalls }) => toolCalls)),
    nanoUsd: priced.length === 0 ? null : priced.reduce((sum, one) => sum + one, 0),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  return ((low ?? 0) + (high ?? 0)) / 2;
}

/** Of a normal distribution, for 95 % on both sides. */
const Z = 1.959_964;

/** Wilson's score interval (1927): it holds for few runs, and for none or all of them. */
export function shareOf(of: number, all: number): Share {
  if (all === 0) return { of, all, low: 0, high: 1 };
  const share = of / all;
  const square = Z * Z;
  const middle = share + square / (2 * all);
  const half = Z * Math.sqrt((share * (1 - share)) / all + square / (4 * all * all));
  const whole = 1 + square / all;
  return { of, all, low: Math.max(0, (middle - half) / whole), high: Math.min(1, (middle + half) / whole) };
}

/** What of the candidate differs by more than chance, as far as the intervals say: they do not touch. */
export function beyondNoise(
  row: ReleaseRow,
  floor: ReleaseRow | undefined,
): ('outcome' | 'tools' | 'arguments' | 'answer')[] {
  if (!floor || row.isFloor) return [];
  return (['outcome', 'tools', 'arguments', 'answer'] as const).filter((what) => row[what].high < floor[what].low);
}
