// What the calls of a shadow work with. They cost nobody but the shadow, tell nobody, and leave no trace where runs look: not in their
// metrics, in answers that are given again, in what is known of providers, in a tenant's budget, or in what is watched.
import type { ActivityDeps } from '../deps';
import { NO_QUOTA, type Routing } from '../gateway/ports';
import { NO_METRICS } from '../no-metrics';

const VIEWS = new WeakMap<ActivityDeps, ActivityDeps>();

/** The same object for the same deps, so that what is cached by it is found again. */
export function depsOfShadow(deps: ActivityDeps): ActivityDeps {
  const known = VIEWS.get(deps);
  if (known) return known;
  const { cache: _, texts: __, tellPeople: ___, oddRunFound: ____, tokensTaken: _____, ...rest } = deps;
  const view: ActivityDeps = {
    ...rest,
    quota: deps.quotaOfShadows ?? NO_QUOTA,
    routing: silent(deps.routing),
    metrics: NO_METRICS,
  };
  VIEWS.set(deps, view);
  return view;
}

/**
 * Goes where the health of providers says, and says nothing of it: a candidate's own mistakes must not turn the runs of others away. It does
 * not try whether a provider answers again, either: who tries must tell.
 */
const silent = (routing: Routing): Routing => ({
  inOrder: (routes, input) => routing.inOrder(routes, input, { mayProbe: false }),
  seen: () => undefined,
});
