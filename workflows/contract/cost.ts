// What model calls cost: whole billionths of a dollar, so that a sum is the same in whatever order it is made.
import type { Usage } from './message';

export interface Cost {
  /** Of the requests whose price is known. */
  nanoUsd: number;
  /**
   * Requests whose price nobody knows: what they cost is not in `nanoUsd`. Of one that several tasks shared each has its part, so that a sum
   * over them counts it once. Absent where there are none.
   */
  unknown?: number;
}

/** What requests have taken that brought no answer: estimated, since no provider tells it. */
export interface SpentDetails {
  spent: Usage;
  cost?: Cost;
  /** The same, by who was asked. Absent in records of before it was kept. */
  by?: readonly AskedInVain[];
}

export interface AskedInVain {
  /** As `provider/model`. */
  model: string;
  /** How many; of one that tasks share each has a part. */
  requests: number;
  spent: Usage;
  cost?: Cost;
  /** They were answered, and another answer was taken: their tokens are as the provider tells them. */
  answered?: true;
}

export const NANO_USD = 1_000_000_000;
/** Quotas and budgets count dollars in millionths. */
export const MICRO_USD = 1_000_000;
export const NANO_A_MICRO = 1_000;

/** As a sentence says it, to a hundredth of a cent: what is less is not said to be nothing. */
export function usdText(nanoUsd: number): string {
  const usd = nanoUsd / NANO_USD;
  if (nanoUsd <= 0) return '$0';
  return usd < 0.0001 ? 'less than $0.0001' : `$${usd.toFixed(usd < 10 ? 4 : 2)}`;
}

/** Undefined where neither is known of: runs and calls of before costs were kept. */
export function addCosts(a: Cost | undefined, b: Cost | undefined): Cost | undefined {
  if (!a || !b) return a ?? b;
  const unknown = (a.unknown ?? 0) + (b.unknown ?? 0);
  return { nanoUsd: a.nanoUsd + b.nanoUsd, ...(unknown === 0 ? {} : { unknown }) };
}

/** Fields that need not be there are there where they say something. */
export function addUsage(a: Usage, b: Usage): Usage {
  const cacheWrite = (a.cacheWrite ?? 0) + (b.cacheWrite ?? 0);
  const cacheWriteHour = (a.cacheWriteHour ?? 0) + (b.cacheWriteHour ?? 0);
  return {
    input: a.input + b.input,
    cachedInput: a.cachedInput + b.cachedInput,
    ...(cacheWrite === 0 ? {} : { cacheWrite }),
    ...(cacheWriteHour === 0 ? {} : { cacheWriteHour }),
    output: a.output + b.output,
    reasoning: a.reasoning + b.reasoning,
    ...(a.estimated || b.estimated ? { estimated: true } : {}),
  };
}

export function addSpent(a: SpentDetails | undefined, b: SpentDetails | undefined): SpentDetails | undefined {
  if (!a || !b) return a ?? b;
  const cost = addCosts(a.cost, b.cost);
  return { spent: addUsage(a.spent, b.spent), ...(cost ? { cost } : {}) };
}
