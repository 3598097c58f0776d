// How long an answer may be within what is left of a budget.
import { NANO_A_MICRO } from '../../../workflows/contract/cost';
import type { BudgetLeft } from '../../../workflows/contract/quota';
import { CAPPED_BELOW_TOKENS, mostNanoUsd } from '../money/allowance';
import type { Prices } from '../money/prices';

/** @returns tokens, below 0 where not even its input fits; Infinity where nothing bounds them */
export function mostOutputWithin(
  left: readonly BudgetLeft[],
  { route, input, prices }: { route: string; input: number; prices: Prices },
): number {
  return Math.min(
    Infinity,
    ...left.map((one) => {
      if (one.of === 'tokens') return Math.floor(one.left - input);
      const ofInput = mostNanoUsd(prices, route, input, 0) ?? 0;
      const ofBoth = mostNanoUsd(prices, route, input, CAPPED_BELOW_TOKENS) ?? 0;
      const free = one.left * NANO_A_MICRO - ofInput;
      return ofBoth > ofInput
        ? Math.floor((free * CAPPED_BELOW_TOKENS) / (ofBoth - ofInput))
        : free < 0
          ? -1
          : Infinity;
    }),
  );
}
