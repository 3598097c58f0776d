// Leave to send, of the providers' quotas and of tenants' budgets, as one worker holds leases of them.
import { randomUUID } from 'node:crypto';
import { UNKNOWN_PRICES } from '../activities/gateway/money/prices';
import { NO_QUOTA, type Quota } from '../activities/gateway/ports';
import { withBudgets } from '../activities/gateway/quota/budgeted-quota';
import { createGatewayQuota } from '../activities/gateway/quota/gateway-quota';
import { createTenantBudgets } from '../activities/gateway/quota/tenant-budgets';
import { askBudgets, askQuotas, type AuthorityOptions } from './quota-authority';
import type { StartWorkerOptions } from './start-worker';

export interface Leases {
  quota: Quota;
  /** Without the budgets of tenants. */
  ofShadows: Quota;
  finish(): Promise<void>;
  stop(): void;
}

/** Undefined where neither a model nor a tenant is limited: then nobody is asked. */
export function leasesOf(
  { quotas = {}, budgets, prices = UNKNOWN_PRICES }: Pick<StartWorkerOptions, 'quotas' | 'budgets' | 'prices'>,
  process: AuthorityOptions,
): Leases | undefined {
  // By identity alone two hosts of one name might be taken for one, and so might this one and who is started after it in its process.
  const of = { worker: `${process.identity} ${randomUUID()}`, now: Date.now };
  const gateway =
    Object.keys(quotas).length > 0 ? createGatewayQuota({ ...of, quotas, ask: askQuotas(process), prices }) : undefined;
  const tenants = budgets && createTenantBudgets({ ...of, budgets, prices, ask: askBudgets(process) });
  if (!gateway && !tenants) return undefined;
  const quota = gateway ?? NO_QUOTA;
  return {
    quota: tenants ? withBudgets(quota, tenants) : quota,
    ofShadows: quota,
    finish: async () => {
      await Promise.all([gateway?.finish(), tenants?.finish()]);
    },
    stop: () => {
      gateway?.stop();
      tenants?.stop();
    },
  };
}
