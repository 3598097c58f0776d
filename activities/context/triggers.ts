// When an edit is due. Triggers are monotone in tokens and messages: one that does not fire for an upper bound does not fire at all.
import type { ContextPlan, ContextTrigger } from '../../workflows/contract/context';

/** A request as the model would read it: instructions, tools and messages. */
export interface RequestSize {
  tokens: number;
  messages: number;
}

/** @param window tokens the model can read, where that is known */
export const fires = (when: readonly ContextTrigger[], size: RequestSize, window: number | undefined): boolean =>
  when.some((trigger) => holds(trigger, size, window));

function holds(trigger: ContextTrigger, size: RequestSize, window: number | undefined): boolean {
  const given = [
    trigger.window === undefined ? undefined : window !== undefined && size.tokens >= trigger.window * window,
    trigger.tokens === undefined ? undefined : size.tokens >= trigger.tokens,
    trigger.messages === undefined ? undefined : size.messages >= trigger.messages,
  ].filter((condition) => condition !== undefined);
  return given.length > 0 && given.every(Boolean);
}

/** Whether there is anything to decide for a request of at most this size: an edit, or a message that the window cannot hold. */
export function needsCounting(plan: ContextPlan, atMost: RequestSize): boolean {
  if (plan.window !== undefined && atMost.tokens > plan.window) return true;
  return [plan.prune, plan.compact].some((part) => part !== undefined && fires(part.when, atMost, plan.window));
}
