// `longhaul quota`: what the configuration limits, what of it is used, and who waits for it.
import { WorkflowNotFoundError } from '@temporalio/client';
import { describePeriod } from '../../../activities/gateway/quota/describe-limit';
import { QUERY_NAMES, quotaId } from '../../../workflows/contract/names';
import type { QuotaView } from '../../../workflows/contract/quota';
import { ClientError } from '../../errors';
import { isUnanswered } from '../../unanswered';
import type { CliContext, Connected } from '../context';
import { EXIT } from '../exit-codes';

interface Row {
  model: string;
  limit: string;
  most: string;
  used: string;
  leased: string;
}

const MICRO = 1e6;
/** A worker answers in milliseconds, and takes over from one that has just died within three seconds. */
const QUERY_MS = 6_000;

export async function quotaCommand(context: CliContext): Promise<number> {
  const { output, settings } = context;
  const routes = Object.keys(settings.quotas);
  if (routes.length === 0) {
    output.json({ quotas: [] });
    output.line('no quotas: the configuration limits no model. Add them to quotas in longhaul.config.ts.');
    return EXIT.completed;
  }
  const connected = await context.connect();
  const views = await Promise.all(
    routes.map(async (route) => ({ route, view: await viewOf(context, connected, route) })),
  );
  output.json({ quotas: views });
  output.table(views.flatMap(rowsOf), [
    { title: 'model', value: ({ model }) => model },
    { title: 'limit', value: ({ limit }) => limit },
    { title: 'at most', value: ({ most }) => most },
    { title: 'used', value: ({ used }) => used },
    { title: 'held by workers', value: ({ leased }) => leased },
  ]);
  for (const { route, view } of views) if (view) for (const line of linesOf(route, view)) output.line(line);
  return EXIT.completed;
}

/** @throws ClientError `no-worker` where none answers, without which nobody knows what is used */
async function viewOf({ settings }: CliContext, { temporal }: Connected, route: string): Promise<QuotaView | null> {
  const { key = '' } = settings.quotas[route] ?? {};
  const handle = temporal.workflow.getHandle(quotaId(settings.taskQueue, route, key));
  try {
    return await temporal.connection.withDeadline(Date.now() + QUERY_MS, () =>
      handle.query<QuotaView>(QUERY_NAMES.quota),
    );
  } catch (error) {
    // Nothing has been asked of it.
    if (error instanceof WorkflowNotFoundError) return null;
    if (!isUnanswered(error)) throw error;
    const message = `no worker answered for the quota of ${route}. Start one: "longhaul dev" or "longhaul worker".`;
    throw new ClientError('no-worker', message, { cause: error });
  }
}

function rowsOf({ route, view }: { route: string; view: QuotaView | null }): Row[] {
  if (!view) return [{ model: route, limit: 'not asked yet', most: '', used: '', leased: '' }];
  const { limits, concurrency } = view;
  return [
    ...limits.map(({ of, perMs, most, used, leased }) => {
      const shown = (amount: number): string =>
        of === 'usd' ? (amount / MICRO).toFixed(2) : String(Math.round(amount));
      const what = of === 'requests' || of === 'usd' || of === 'tokens' ? of : `${of} tokens`;
      return {
        model: route,
        limit: `${what} ${describePeriod(perMs)}`,
        most: shown(most),
        used: shown(used),
        leased: shown(leased),
      };
    }),
    ...(concurrency
      ? [
          {
            ...{ model: route, limit: 'at once', most: String(concurrency.most) },
            ...{ used: String(Math.round(concurrency.busy)), leased: '' },
          },
        ]
      : []),
  ];
}

function linesOf(route: string, { waiting, away, at, pausedUntil, slowedTo, provider }: QuotaView): string[] {
  const count = waiting.reduce((total, share) => total + share.count, 0);
  const told = [
    ...(provider?.requests === undefined ? [] : [`${provider.requests} requests a minute`]),
    ...(provider?.tokens === undefined ? [] : [`${provider.tokens} tokens a minute`]),
  ];
  return [
    ...(count + away === 0 ? [] : [`${route}: ${count} wait, ${Math.round(away)} are told to come back`]),
    ...(pausedUntil === undefined
      ? []
      : [`${route}: the provider asked for ${Math.ceil((pausedUntil - at) / 1_000)} s of pause`]),
    ...(slowedTo === undefined
      ? []
      : [`${route}: the provider refused more, so ${Math.round(slowedTo * 100)} % of the pace is used`]),
    ...(told.length === 0 ? [] : [`${route}: the provider itself says ${told.join(', ')}`]),
  ];
}
