// The plan of a release: what the agent declares, with what is known of its model.
import type { CompactPlan, ContextPlan, ContextTrigger, PrunePlan } from '../../workflows/contract/context';
import type { CompactOptions, ContextOptions, PruneOptions } from '../define/context';
import { windowOf } from './model-window';
import { SUMMARY_PROMPT } from './summary-prompt';

/** Early, because tool results that nobody reads any more cost money at every call. */
const PRUNE_WHEN: ContextTrigger = { window: 0.5 };
const PRUNE_KEEP_LAST = 5;
/** A placeholder's prefix is new to the provider's cache: what it saves must be worth that. */
const FREE_AT_LEAST_SHARE = 0.1;
const FREE_AT_LEAST = 1_000;
/** Late, because a summary loses more; the rest is room for the answer and for what tools say before the next look. */
const COMPACT_WHEN: ContextTrigger = { window: 0.8 };
const COMPACT_KEEP_LAST = 10;

/**
 * @param route `provider/model`
 * @returns undefined where the agent wants its conversations left as they are, and nothing is known that could be held
 */
export function contextPlan(context: false | ContextOptions, route: string): ContextPlan | undefined {
  if (context === false) {
    const known = windowOf(route);
    return known === undefined ? undefined : { window: known };
  }
  const window = context.window ?? windowOf(route);
  const { prune = {}, compact = {} } = context;
  return {
    ...(window === undefined ? {} : { window }),
    ...(prune ? { prune: prunePlan(prune, window) } : {}),
    ...(compact ? { compact: compactPlan(compact) } : {}),
  };
}

const prunePlan = (
  { when = PRUNE_WHEN, keepLast = PRUNE_KEEP_LAST, except = [], freeAtLeast }: PruneOptions,
  window: number | undefined,
): PrunePlan => ({
  when: [when].flat(),
  keepLast,
  except: [...except],
  freeAtLeast: freeAtLeast ?? (window === undefined ? FREE_AT_LEAST : Math.round(window * FREE_AT_LEAST_SHARE)),
});

const compactPlan = ({
  when = COMPACT_WHEN,
  keepLast = COMPACT_KEEP_LAST,
  prompt = SUMMARY_PROMPT,
}: CompactOptions): CompactPlan => ({ when: [when].flat(), keepLast, prompt: { ...prompt } });
