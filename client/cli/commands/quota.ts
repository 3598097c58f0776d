// `longhaul quota`: what the configuration limits, of models and of tenants, what of it is used, and who waits for it.
import { describePeriod, dollarsText } from '../../../activities/gateway/quota/describe-limit';
import type { Dimension, QuotaView } from '../../../workflows/contract/quota';
import { inDollars, quotaLines } from '../../quota-shown';
import { budgetViews, quotaViews, type ShownBudget, type ShownQuota } from '../../quota-views';
import { configuredQuotas } from '../configured-quotas';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';

interface Row {
  of: string;
  limit: string;
  most: string;
  used: string;
  leased: string;
}

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
  const place = { temporal: connected.temporal, taskQueue: settings.taskQueue };
  const configured = configuredQuotas(settings);
  const views = await quotaViews(place, configured);
  const budgets = await budgetViews(place, configured);
  output.json({
    quotas: views.map(({ route, view }) => ({ route, view: view && inDollars(view) })),
    budgets: budgets.map(({ tenant, view }) => ({ tenant, view: view && inDollars(view) })),
  });
  output.table(views.flatMap(rowsOf), columns('model'));
  if (budgets.length > 0) {
    if (views.length > 0) output.line();
    output.table(budgets.flatMap(budgetRows), columns('tenant'));
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

const shown = (of: Dimension, amount: number): string =>
  of === 'usd' ? dollarsText(amount) : String(Math.round(amount));
const nameOf = (of: Dimension, perMs: number): string =>
  `${of === 'requests' || of === 'usd' || of === 'tokens' ? of : `${of} tokens`} ${describePeriod(perMs)}`;

function rowsOf({ route, view }: ShownQuota): Row[] {
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

/** Whether or not anybody has asked; what is reserved for requests under way is held, not used. */
function budgetRows({ tenant, limits: configured, view }: ShownBudget): Row[] {
  const limits: QuotaView['limits'] = view?.limits ?? configured.windows.map((one) => ({ ...one, used: 0, leased: 0 }));
  return limits.map(({ of, perMs, most, used, leased, pending = 0 }) => ({
    ...{ of: tenant, limit: nameOf(of, perMs), most: shown(of, most) },
    ...{ used: shown(of, Math.max(0, used - pending)), leased: shown(of, leased + pending) },
  }));
}
