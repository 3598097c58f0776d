// What a run had achieved when its budget was exhausted: the last text that its model said, for whoever waits for an answer that does not come.
import type { EndRunInput } from '../workflows/contract/activities';
import type { StoredValue } from '../workflows/contract/run';
import type { ActivityDeps, Attempt } from './deps';
import { textOf } from './judge-answer';
import { previewOf } from './store';
import { chainName } from './store/ref-names';

export interface LastWords {
  achieved?: StoredValue;
  objects: Uint8Array[];
}

/** None where it has said nothing, and where that cannot be read: no end waits for it. */
export async function lastWords(
  { store, conversation }: Pick<ActivityDeps, 'store' | 'conversation'>,
  { base, result }: Pick<EndRunInput, 'base' | 'result'>,
  { workflowId }: Pick<Attempt, 'workflowId'>,
): Promise<LastWords> {
  if (result.outcome !== 'budget-exhausted' || base === null) return { objects: [] };
  try {
    const said = await conversation.load(base, chainName(workflowId));
    for (const { message } of said.toReversed()) {
      const text = message.role === 'assistant' ? textOf(message).trim() : '';
      if (text === '') continue;
      const bytes = new TextEncoder().encode(text);
      return {
        achieved: { hash: store.nameOf(bytes), bytes: bytes.length, preview: previewOf(text) },
        objects: [bytes],
      };
    }
  } catch {
    // What is damaged is told where it is read for its own sake.
  }
  return { objects: [] };
}
