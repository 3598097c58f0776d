// What of a conversation a summary can take the place of.
import type { ContextPlan } from '../workflows/contract/context';
import { measureAll } from './context/measure';
import { planCompact, type CompactRange } from './context/plan-compact';
import type { LoadedAgent } from './deps';
import { counterOf, frameOf, type EditedConversation } from './edited-conversation';

/**
 * @param isRefused the request was: whatever can go is summed up, though the plan sees no need yet
 * @returns undefined where nothing can go
 */
export function summableRange(
  { entries }: Pick<EditedConversation, 'entries'>,
  context: ContextPlan,
  loaded: LoadedAgent,
  isRefused: boolean,
): CompactRange | undefined {
  const frame = frameOf(
    loaded,
    entries.map(({ message }) => message),
  );
  const counter = counterOf(loaded);
  const measured = measureAll(entries, { frame, counter });
  return planCompact(measured, context, { force: isRefused, isExact: counter.isExact });
}
