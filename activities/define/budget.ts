import { z } from 'zod';
import { MICRO_USD } from '../../workflows/contract/cost';
import { USD_MOST } from './agent-limits';

const UNLIMITED = 'unlimited';
/** Money is counted in millionths of a dollar. */
const USD_LEAST = 1 / MICRO_USD;

const tenantBudget = z.union(
  [
    z.strictObject({
      /** Input and output together. */
      tokensPerDay: z
        .number({ error: 'it is a number' })
        .int('it is a whole number')
        .positive('it is above zero')
        .optional(),
      usdPerDay: z
        .number({ error: 'it is a number' })
        .min(USD_LEAST, `it is at least ${USD_LEAST}`)
        .max(USD_MOST, `it is at most ${USD_MOST}`)
        .optional(),
    }),
    z.literal(UNLIMITED),
  ],
  { error: `it is { tokensPerDay, usdPerDay }, or '${UNLIMITED}'` },
);

/** What all runs of a tenant may use together within 24 hours, whenever these begin. */
export const budgetsSchema = z
  .strictObject({
    /**
     * By name. `default`: of each tenant that is not named here, every one with a budget of its own. A named tenant has what stands under its
     * name, and nothing of `default` beside it.
     */
    tenants: z.record(z.string().min(1, 'a tenant has a name'), tenantBudget, {
      error: `it is an object: { default: { tokensPerDay }, NAME: { usdPerDay } }`,
    }),
  })
  .superRefine(({ tenants }, context) => {
    const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    for (const [tenant, budget] of Object.entries(tenants))
      if (budget !== UNLIMITED && budget.tokensPerDay === undefined && budget.usdPerDay === undefined)
        refuse(['tenants', tenant], `it names no limit: give tokensPerDay or usdPerDay, or write '${UNLIMITED}'`);
    if (Object.values(tenants).every((budget) => budget === UNLIMITED))
      refuse(['tenants'], 'it limits no tenant: give one of them, or default, tokensPerDay or usdPerDay');
  });

export type BudgetsConfig = z.output<typeof budgetsSchema>;
