// Whether each model of a route can do what the agents that use it ask of any, and may be asked under the budgets of tenants.
import { isPriced } from '../../activities/gateway/money/prices';
import { capabilitiesOf, missingFor } from '../../activities/model/capabilities';
import type { Settings } from '../../workers/config';
import type { LoadedAgent } from '../../activities/deps';
import type { Check } from './doctor-checks';

/** Of agents with a choice: one that lacks something is passed over, silently but for the trace. */
export function checkRoutes(
  { providers }: Pick<Settings, 'providers'>,
  { agents }: { agents: readonly Pick<LoadedAgent, 'manifest'>[] },
): Check[] {
  return agents.flatMap(({ manifest }) => {
    const { route } = manifest.model;
    if (route.length < 2) return [];
    const needs = { tools: manifest.tools.length > 0, structuredOutput: manifest.output !== undefined };
    return route.flatMap((model): Check[] => {
      const provider = providers.find(({ name }) => name === model.slice(0, model.indexOf('/')));
      const missing = provider ? missingFor(needs, capabilitiesOf(provider), model) : [];
      if (missing.length === 0) return [];
      const found = `agent ${manifest.agent}: ${model} has no ${missing.join(', no ')}, and is passed over`;
      return [{ name: 'route', state: 'note', found, mend: 'put another model into its route' }];
    });
  });
}

/** Under a budget in dollars a model whose price nobody knows is not asked: its runs fail, and only those of such tenants. */
export function checkPrices(
  { prices, budgets }: Pick<Settings, 'prices' | 'budgets'>,
  { agents }: { agents: readonly Pick<LoadedAgent, 'manifest'>[] },
): Check[] {
  const limits = [budgets?.default, ...Object.values(budgets?.tenants ?? {})];
  if (!limits.some((one) => one?.windows.some(({ of }) => of === 'usd'))) return [];
  const routes = new Set(agents.flatMap(({ manifest }) => manifest.model.route));
  return [...routes]
    .filter((route) => !isPriced(prices, route))
    .map((route) => {
      const users = agents.flatMap(({ manifest }) => (manifest.model.route.includes(route) ? [manifest.agent] : []));
      const found = `${route} (${users.join(', ')}) has no known price: tenants with usdPerDay cannot ask it`;
      return { name: 'prices', state: 'note', found, mend: `add "${route}" to prices in longhaul.config.ts` };
    });
}
