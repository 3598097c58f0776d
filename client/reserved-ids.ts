// Ids that are not a caller's to choose. A run's id is that of its workflow, and the workflows that serve runs have ids in the same namespace:
// who could start a run under one of those would hold it back, or cancel what is another tenant's.

import { SHADOW_PREFIX } from '../workflows/contract/names';

/**
 * Of quotas, budgets, queues, rollouts, sessions, those who are told of runs, what wakes sessions, and shadows: see workflows/contract/names.ts. The
 * last is Temporal's own, of schedules.
 */
const RESERVED = [
  'quota/',
  'budget/',
  'queue/',
  'rollout/',
  'session:',
  'webhook:',
  'wake:',
  SHADOW_PREFIX,
  'temporal-sys',
] as const;

export const isReservedId = (run: string): boolean => RESERVED.some((prefix) => run.startsWith(prefix));

export const RESERVED_RULE = `ids do not begin with ${RESERVED.join(', ')}: workflows that serve runs have these.`;
