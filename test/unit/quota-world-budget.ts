// A tenant's budget as a simulated worker keeps to it, and what it refuses.
import type { BudgetRules } from '../../activities/gateway/quota/budget-rules';
import { DIMENSIONS, type Amounts, type BudgetLeft } from '../../workflows/contract/quota';

/** As tenants' budgets are made. */
export function simulatedBudget(now: () => number, refused: { at: number; amounts: Amounts }[]): BudgetRules {
  let left: readonly BudgetLeft[] = [];
  return {
    tellMs: 5_000,
    tellsSoon: () => true,
    heard: (told) => void (left = told),
    covers: () => true,
    hopeless: ({ amounts }) => {
      if (left.every((one) => (amounts[DIMENSIONS.indexOf(one.of)] ?? 0) <= one.left)) return undefined;
      refused.push({ at: now(), amounts });
      return new Refused('used up');
    },
  };
}
export class Refused extends Error {}
