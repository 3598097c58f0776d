// `longhaul quota`: what the configuration limits, of models and of tenants, what of it is used, and who waits for it.
import { WorkflowNotFoundError } from '@temporalio/client';
import { describePeriod, dollarsText } from '../../../activities/gateway/quota/describe-limit';
import { limitsOfTenant, type BudgetSettings } from '../../../activities/gateway/quota/tenant-budgets';
import { QUERY_NAMES, WORKFLOW_TYPES, budgetId, quotaId } from '../../../workflows/contract/names';
import type { Dimension, QuotaLimits, QuotaView } from '../../../workflows/contract/quota';
import { ClientError } from '../../errors';
import { isUnanswered } from '../../unanswered';
import type { CliContext, Connected } from '../context';
import { EXIT } from '../exit-codes';
import { inDollars, quotaLines, shownView } from '../quota-shown';

interface Row {
  of: string;
  limit: string;
  most: string;
  used: string;
  leased: string;
}

interface Budget {
  tenant: string;
  view: QuotaView | null;
}

/** A worker answers in milliseconds, and takes over from one that has just died within three seconds. */
const QUERY_MS = 6_000;
/** Tenants that are asked about at once. */
const AT_ONCE = 20;

export async function quotaCommand(context: CliContext): Promise<number> {
  const { output, settings } = context;
  const routes = Object.keys(settings.quotas);
  if (routes.length === 0 && !settings.budgets) {
    output.json({ quotas: [], budgets: [] });
    output.line(
      'no quotas: the configuration limits no model and no tenant. Add them to quotas and budgets in longhaul.config.ts.',
    );
    return EXIT.completed;
  }
  const connected = await context.connect();
  const { taskQueue } = settings;
  const views = await Promise.all(
    routes.map(async (route) => {
      const { key = '', limits = { windows: [] } } = settings.quotas[route] ?? {};
      const view = await viewOf(connected, quotaId(taskQueue, route, key), `quota of ${route}`);
      return { route, view: view && shownView(limits, view, Date.now()) };
    }),
  );
  const budgets = await budgetsOf(context, connected);
  output.json({
    quotas: views.map(({ route, view }) => ({ route, view: view && inDollars(view) })),
    budgets: budgets.map(({ tenant, view }) => ({ tenant, view: view && inDollars(view) })),
  });
  output.table(views.flatMap(rowsOf), columns('model'));
  if (budgets.length > 0) {
    if (views.length > 0) output.line();
    output.table(
      budgets.flatMap((budget) => budgetRows(context, budget)),
      columns('tenant'),
    );
  }
  if (settings.budgets && budgets.length === 0)
    output.line('budgets: no tenant has asked for anything of its own yet.');
  for (const { route, view } of views)
    if (view) for (const line of quotaLines(route, view, Date.now())) output.line(line);
  return EXIT.completed;
}

const columns = (title: string) => [
  { title, value: ({ of }: Row) => of },
  { title: 'limit', value: ({ limit }: Row) => limit },
  { title: 'at most', value: ({ most }: Row) => most },
  { title: 'used', value: ({ used }: Row) => used },
  { title: 'held by workers', value: ({ leased }: Row) => leased },
];

/** @throws ClientError `no-worker` where none answers, without which nobody knows what is used */
async function viewOf({ temporal }: Connected, workflowId: string, what: string): Promise<QuotaView | null> {
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

/** Of each tenant that the configuration names, and of those others that have asked. */
async function budgetsOf({ settings }: CliContext, connected: Connected): Promise<Budget[]> {
  const { budgets, taskQueue } = settings;
  if (!budgets) return [];
  const named = Object.keys(budgets.tenants);
  const others = budgets.default ? await tenantsThatAsked(connected, budgetId(taskQueue, '')) : [];
  const limited = [...new Set([...named, ...others])].filter((tenant) => limitsOfTenant(budgets, tenant));
  const shown: Budget[] = [];
  // There may be thousands of them.
  for (const tenants of chunks(limited.sort(), AT_ONCE))
    shown.push(
      ...(await Promise.all(
        tenants.map(async (tenant) => {
          const view = await viewOf(connected, budgetId(taskQueue, tenant), `budget of tenant ${tenant}`);
          return { tenant, view: view && shownView(limitsIn(budgets, tenant), view, Date.now()) };
        }),
      )),
    );
  return shown;
}

const chunks = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, nth) => all.slice(nth * size, (nth + 1) * size));

async function tenantsThatAsked({ temporal }: Connected, prefix: string): Promise<string[]> {
  const tenants: string[] = [];
  const query = `WorkflowType = '${WORKFLOW_TYPES.quota}' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of temporal.workflow.list({ query }))
    if (workflowId.startsWith(prefix)) tenants.push(workflowId.slice(prefix.length));
  return tenants;
}

const shown = (of: Dimension, amount: number): string =>
  of === 'usd' ? dollarsText(amount) : String(Math.round(amount));
const nameOf = (of: Dimension, perMs: number): string =>
  `${of === 'requests' || of === 'usd' || of === 'tokens' ? of : `${of} tokens`} ${describePeriod(perMs)}`;

function rowsOf({ route, view }: { route: string; view: QuotaView | null }): Row[] {
  if (!view) return [{ of: route, limit: 'not asked yet', most: '', used: '', leased: '' }];
  const { limits, concurrency } = view;
  return [
    ...limits.map(({ of, perMs, most, used, leased }) => ({
      ...{ of: route, limit: nameOf(of, perMs), most: shown(of, most) },
      ...{ used: shown(of, used), leased: shown(of, leased) },
    })),
    ...(concurrency
      ? [
          {
            ...{ of: route, limit: 'at once', most: String(concurrency.most) },
            ...{ used: String(Math.round(concurrency.busy)), leased: '' },
          },
        ]
      : []),
  ];
}

const limitsIn = (budgets: BudgetSettings, tenant: string): QuotaLimits =>
  limitsOfTenant(budgets, tenant) ?? { windows: [] };

/** Whether or not anybody has asked; what is reserved for requests under way is held, not used. */
function budgetRows({ settings: { budgets } }: CliContext, { tenant, view }: Budget): Row[] {
  const configured = budgets ? limitsIn(budgets, tenant).windows : [];
  const limits: QuotaView['limits'] = view?.limits ?? configured.map((one) => ({ ...one, used: 0, leased: 0 }));
  return limits.map(({ of, perMs, most, used, leased, pending = 0 }) => ({
    ...{ of: tenant, limit: nameOf(of, perMs), most: shown(of, most) },
    ...{ used: shown(of, Math.max(0, used - pending)), leased: shown(of, leased + pending) },
  }));
}
