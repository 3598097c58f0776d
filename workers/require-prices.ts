// An agent that may spend a sum of money needs models whose price is known: what nobody knows the price of cannot be limited.
import type { AnyAgent } from '../activities/define';
import { priceUnknown } from '../activities/gateway/money/allowance';
import { isPriced, type Prices } from '../activities/gateway/money/prices';
import type { PublishedQueue } from '../workflows/contract/schemas/queue';
import { modelRoute, type RouteSettings } from './model-settings';

/** Absent where releases are made to be looked at, and nothing is sent. */
export interface PricedBy {
  prices?: Prices;
}

type DegradeSteps = PublishedQueue['degrade'];

/**
 * @param degrade of the queue in which its runs wait
 * @throws Error in one line, naming the model and where its price belongs
 */
export function requirePrices(agent: AnyAgent, settings: RouteSettings & PricedBy, degrade: DegradeSteps = []): void {
  const { prices } = settings;
  if (!prices) return;
  const isUnpriced = (route: string): boolean => !isPriced(prices, route);
  // Load may take a sum of money, too, where the agent itself has none.
  const isLimited = degrade.some(({ limits }) => limits?.nanoUsd !== undefined);
  const unpriced = routesOf(agent, settings, isLimited).find(isUnpriced);
  if (unpriced !== undefined) throw new Error(priceUnknown(unpriced));
  if (!isLimited && agent.plan.limits.nanoUsd === undefined) return;
  const cheaper = degrade.flatMap(({ route = [] }) => route).find(isUnpriced);
  if (cheaper !== undefined) throw new Error(`its queue takes another model under load, and ${priceUnknown(cheaper)}`);
}

/** Every entry of the route may be asked, whatever its weight. A sub-agent spends its caller's money. */
function routesOf(agent: AnyAgent, settings: RouteSettings, isLimited: boolean): string[] {
  const limited = isLimited || agent.plan.limits.nanoUsd !== undefined;
  const own = limited ? modelRoute(settings, agent.model) : [];
  const below = agent.tools.flatMap((tool) =>
    tool.agent ? routesOf(tool.agent.agent, settings, limited || tool.agent.limits.nanoUsd !== undefined) : [],
  );
  return [...own, ...below];
}
