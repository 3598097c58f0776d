// The budgets of a configuration's tenants, as workers keep them.
import type { BudgetsConfig } from '../activities/define/budget';
import type { BudgetSettings } from '../activities/gateway/quota/tenant-budgets';
import { describeLimits } from '../activities/gateway/quota/describe-limit';
import { MICRO_USD } from '../workflows/contract/cost';
import { DAY_MS, type QuotaLimits, type WindowLimit } from '../workflows/contract/quota';
import type { Setting } from './describe-settings';

/** The entry that stands for whoever has none. */
const OTHERS = 'default';

export interface TenantSettings {
  /** Empty where no tenant is limited. */
  settings: { budgets?: BudgetSettings };
  described: Setting[];
}

export function budgetSettings(config: BudgetsConfig | undefined, configName: string): TenantSettings {
  if (!config) return { settings: {}, described: [] };
  const { [OTHERS]: ofOthers, ...named } = config.tenants;
  const budgets: BudgetSettings = {
    default: ofOthers === undefined ? undefined : limitsOf(ofOthers),
    tenants: Object.fromEntries(Object.entries(named).map(([tenant, budget]) => [tenant, limitsOf(budget)])),
  };
  return { settings: { budgets }, described: describeBudgets(budgets, configName) };
}

function limitsOf(budget: BudgetsConfig['tenants'][string]): QuotaLimits | undefined {
  if (budget === 'unlimited') return undefined;
  const { tokensPerDay, usdPerDay } = budget;
  const windows: WindowLimit[] = [
    ...(tokensPerDay === undefined ? [] : [{ of: 'tokens' as const, perMs: DAY_MS, most: tokensPerDay }]),
    ...(usdPerDay === undefined ? [] : [{ of: 'usd' as const, perMs: DAY_MS, most: usdPerDay * MICRO_USD }]),
  ];
  return { windows };
}

function describeBudgets({ tenants, default: ofOthers }: BudgetSettings, source: string): Setting[] {
  const shown = (what: string, limits: QuotaLimits | undefined): Setting => ({
    what,
    value: limits ? describeLimits(limits) : 'unlimited',
    source,
  });
  return [
    ...Object.entries(tenants).map(([tenant, limits]) => shown(`budget of ${tenant}`, limits)),
    shown('budget of other tenants', ofOthers),
  ];
}
