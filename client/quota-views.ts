// What the configuration limits, of models and of tenants, and what their quotas' workflows say is used of it.
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { QUERY_NAMES, WORKFLOW_TYPES, budgetId, quotaId } from '../workflows/contract/names';
import type { QuotaLimits, QuotaView } from '../workflows/contract/quota';
import { ClientError } from './errors';
import { shownView } from './quota-shown';
import { isUnanswered } from './unanswered';

/** A worker answers in milliseconds, and takes over from one that has just died within three seconds. */
const QUERY_MS = 6_000;
/** Tenants that are asked about at once. */
const AT_ONCE = 20;

/** As the configuration has it. */
export interface ConfiguredQuotas {
  routes: readonly { route: string; key: string; limits: QuotaLimits }[];
  /** Absent where no tenant is limited. */
  budgets?: {
    named: readonly string[];
    /** Tenants that it does not name are limited too. */
    others: boolean;
    limitsOf(tenant: string): QuotaLimits | undefined;
  };
}

export interface ShownQuota {
  route: string;
  /** Null where nothing has been asked of it yet. */
  view: QuotaView | null;
}

export interface ShownBudget {
  tenant: string;
  limits: QuotaLimits;
  view: QuotaView | null;
}

interface Place {
  temporal: Client;
  taskQueue: string;
}

/** @throws ClientError `no-worker` where none answers, without which nobody knows what is used */
export const quotaViews = ({ temporal, taskQueue }: Place, { routes }: ConfiguredQuotas): Promise<ShownQuota[]> =>
  Promise.all(
    routes.map(async ({ route, key, limits }) => {
      const view = await viewOf(temporal, quotaId(taskQueue, route, key), `quota of ${route}`);
      return { route, view: view && shownView(limits, view, Date.now()) };
    }),
  );

/**
 * Of each tenant that the configuration names, and of those others that have asked.
 * @param sees whether one is shown @throws as {@link quotaViews}
 */
export async function budgetViews(
  { temporal, taskQueue }: Place,
  { budgets }: ConfiguredQuotas,
  sees: (tenant: string) => boolean = () => true,
): Promise<ShownBudget[]> {
  if (!budgets) return [];
  const others = budgets.others ? await tenantsThatAsked(temporal, budgetId(taskQueue, '')) : [];
  const limited = [...new Set([...budgets.named, ...others])].sort().flatMap((tenant) => {
    const limits = sees(tenant) ? budgets.limitsOf(tenant) : undefined;
    return limits ? [{ tenant, limits }] : [];
  });
  const shown: ShownBudget[] = [];
  // There may be thousands of them.
  for (let at = 0; at < limited.length; at += AT_ONCE)
    shown.push(
      ...(await Promise.all(
        limited.slice(at, at + AT_ONCE).map(async ({ tenant, limits }) => {
          const view = await viewOf(temporal, budgetId(taskQueue, tenant), `budget of tenant ${tenant}`);
          return { tenant, limits, view: view && shownView(limits, view, Date.now()) };
        }),
      )),
    );
  return shown;
}

async function viewOf(temporal: Client, workflowId: string, what: string): Promise<QuotaView | null> {
  const handle = temporal.workflow.getHandle(workflowId);
  try {
    return await temporal.connection.withDeadline(Date.now() + QUERY_MS, () =>
      handle.query<QuotaView, [number]>(QUERY_NAMES.quota, Date.now()),
    );
  } catch (error) {
    // Nothing has been asked of it.
    if (error instanceof WorkflowNotFoundError) return null;
    if (!isUnanswered(error)) throw error;
    const message = `no worker answered for the ${what}. Start one: "longhaul dev" or "longhaul worker".`;
    throw new ClientError('no-worker', message, { cause: error });
  }
}

async function tenantsThatAsked(temporal: Client, prefix: string): Promise<string[]> {
  const tenants: string[] = [];
  const query = `WorkflowType = '${WORKFLOW_TYPES.quota}' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of temporal.workflow.list({ query }))
    if (workflowId.startsWith(prefix)) tenants.push(workflowId.slice(prefix.length));
  return tenants;
}
