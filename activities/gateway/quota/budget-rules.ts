// In what a tenant's budget differs from a provider's quota: nobody waits a day for it, only for what is under way and may give some of it
// back.
import type { Amounts, BudgetLeft } from '../../../workflows/contract/quota';
import type { LongWait, Waiter } from './waiting-line';

export interface BudgetRules {
  /** What is spent is told so soon. */
  tellMs: number;
  /** Whether others may wait for what is given back: then it is told at once. */
  tellsSoon(change: Amounts): boolean;
  heard(left: readonly BudgetLeft[]): void;
  /** Whether it is left, as far as is known here: a lease of before answers took more than was reserved is not spent beyond it. */
  covers(amounts: Amounts): boolean;
  /** Why a wait would be for nothing. */
  hopeless(waiter: Waiter, wait: LongWait): Error | undefined;
}
