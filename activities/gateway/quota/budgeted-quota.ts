// Leave to send, of a tenant's budget and of the provider's quota together: both, or neither.
import type { Admission, Expected, Quota } from '../ports';
import type { TenantBudgets } from './tenant-budgets';

export const withBudgets = (quota: Quota, budgets: TenantBudgets): Quota => ({
  async admit(route, expected, caller) {
    const reserved = await budgets.reserve(route, expected, caller);
    if (!reserved) return await quota.admit(route, expected, caller);
    try {
      // The provider's comes last, so that it is sent when its quota thinks that it is.
      return joined(reserved, await quota.admit(route, cappedAt(expected, reserved.outputMost), caller));
    } catch (error) {
      reserved.release();
      throw error;
    }
  },
  tenantLeft: (tenant) => budgets.left(tenant),
});

const cappedAt = (expected: Expected, outputCap: number | undefined): Expected =>
  outputCap === undefined ? expected : { ...expected, outputCap };

const joined = (budget: Admission, provider: Admission): Admission => ({
  settle(usage, paid) {
    budget.settle(usage, paid);
    provider.settle(usage, paid);
  },
  release() {
    budget.release();
    provider.release();
  },
  told: (told) => provider.told?.(told),
  ...(budget.outputMost === undefined ? {} : { outputMost: budget.outputMost }),
});
