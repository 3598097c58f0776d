// What a request asks of a tenant's budget: its input, and as long an answer as is usual, or as there is room for.
import { amountOf, type Amounts, type BudgetLeft, type QuotaLimits } from '../../../workflows/contract/quota';
import { OUTPUT_LEAST_TOKENS, mostNanoUsd } from '../money/allowance';
import type { Prices } from '../money/prices';
import type { Caller, Expected } from '../ports';
import { mostOutputWithin } from './output-within';
import type { Reserving } from './reserve';

const NANO_A_MICRO = 1_000;

export interface Wanting {
  route: string;
  expected: Expected;
  caller: Caller;
  reserving: Reserving;
  prices: Prices;
}

export interface Wanted {
  amounts: Amounts;
  /** Of an answer that what is left bounds. */
  outputMost?: number;
}

export const isSmaller = (one: Wanted, other: Wanted): boolean =>
  one.outputMost !== undefined && one.outputMost < (other.outputMost ?? Infinity);

export function wantedOf(
  { left, limits }: { left: readonly BudgetLeft[]; limits: QuotaLimits },
  { route, expected, caller, reserving, prices }: Wanting,
): Wanted {
  const { input, outputCap = Infinity, tasks = 1 } = expected;
  const amounts = (output: number): Amounts => amountsOf(prices, route, input, output);
  // All of it is reserved: what is left is never passed.
  const held = (most: number): Wanted => ({
    amounts: amounts(Math.min(most, outputCap)),
    ...(most < outputCap ? { outputMost: most } : {}),
  });
  const within = (of: readonly BudgetLeft[]): number | undefined =>
    tasks > 1 ? undefined : mostOutputWithin(of, { route, input, prices });
  const most = within(left);
  if (most !== undefined && most >= OUTPUT_LEAST_TOKENS) return held(most);
  const guessed = { amounts: amounts(reserving.reserved(expected, caller)?.[3] ?? 0) };
  if (!beyond(limits, guessed.amounts)) return guessed;
  // It is asked for as by the first of a day: what is left is known for certain when the budget answers.
  const whole = within(wholeOf(limits));
  return whole !== undefined && whole >= OUTPUT_LEAST_TOKENS ? held(whole) : guessed;
}

export function amountsOf(prices: Prices, route: string, input: number, output: number): Amounts {
  const nanoUsd = mostNanoUsd(prices, route, input, output) ?? 0;
  return [1, input + output, input, output, nanoUsd / NANO_A_MICRO];
}

export const beyond = ({ windows }: QuotaLimits, amounts: Amounts): QuotaLimits['windows'][number] | undefined =>
  windows.find(({ of, most }) => amountOf(amounts, { of }) > most);

/** Until the budget has told it: a request is never larger than all of it. */
export const wholeOf = ({ windows }: QuotaLimits): BudgetLeft[] =>
  windows.map((limit) => ({ ...limit, left: limit.most }));
