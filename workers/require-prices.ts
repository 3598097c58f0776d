// An agent that may spend a sum of money needs models whose price is known: what nobody knows the price of cannot be limited.
import type { AnyAgent } from '../activities/define';
import { priceUnknown } from '../activities/gateway/money/allowance';
import { isPriced, type Prices } from '../activities/gateway/money/prices';
import { modelRoute, type RouteSettings } from './model-settings';

/** Absent where releases are made to be looked at, and nothing is sent. */
export interface PricedBy {
  prices?: Prices;
}

/** @throws Error in one line, naming the model and where its price belongs */
export function requirePrices(agent: AnyAgent, settings: RouteSettings & PricedBy): void {
  const { prices } = settings;
  if (!prices) return;
  const unpriced = routesOf(agent, settings, false).find((route) => !isPriced(prices, route));
  if (unpriced !== undefined) throw new Error(priceUnknown(unpriced));
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
