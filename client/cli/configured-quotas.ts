// What a configuration limits, of models and of tenants, as those who show it ask for it.
import { limitsOfTenant } from '../../activities/gateway/quota/tenant-budgets';
import type { Settings } from '../../workers/config';
import type { ConfiguredQuotas } from '../quota-views';

export const configuredQuotas = ({ quotas, budgets }: Pick<Settings, 'quotas' | 'budgets'>): ConfiguredQuotas => ({
  routes: Object.entries(quotas).map(([route, { key, limits = { windows: [] } }]) => ({ route, key, limits })),
  ...(budgets
    ? {
        budgets: {
          named: Object.keys(budgets.tenants),
          others: budgets.default !== undefined,
          limitsOf: (tenant) => limitsOfTenant(budgets, tenant),
        },
      }
    : {}),
});
