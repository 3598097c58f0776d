// What a call works with, as its tenant sees it: with keys, a tenant's objects have names of its own.
import { LRUCache } from 'lru-cache';
import type { ActivityDeps } from './deps';

/** Tenants whose views a worker keeps: a view is a few closures, and what caches hang on it is bounded by itself. */
const TENANTS = 1_000;
const VIEWS = new WeakMap<ActivityDeps, LRUCache<string, ActivityDeps>>();

/** The same object for the same tenant, so that what is cached by its store is found again. */
export function depsOf(deps: ActivityDeps, { tenant }: { tenant: string }): ActivityDeps {
  const views = VIEWS.get(deps) ?? new LRUCache<string, ActivityDeps>({ max: TENANTS });
  VIEWS.set(deps, views);
  const known = views.get(tenant);
  if (known) return known;
  const view = {
    ...deps,
    store: deps.store.of(tenant),
    conversation: deps.conversation.of(tenant),
    toolStore: deps.toolStore.of(tenant),
  };
  views.set(tenant, view);
  return view;
}
