// What keeps a conversation inside the model's window: policy as data, resolved when the release is made.

/**
 * All that are given must hold; of a list of triggers one is enough. A trigger that names nothing never fires.
 */
export interface ContextTrigger {
  /** Fraction of the window, from 0 to 1. Never holds where the window is not known. */
  window?: number;
  /** Of the whole request: instructions, tools and messages. */
  tokens?: number;
  /** Messages of the conversation as the model reads it. */
  messages?: number;
}

export interface PrunePlan {
  when: ContextTrigger[];
  /** The last so many tool results stay as they are, fewer where the window is exceeded and nothing is summed up. */
  keepLast: number;
  /** Names of tools whose results are never pruned. */
  except: string[];
  /** Tokens. An edit that frees less is not made: it would cost the provider's prompt cache more than it saves. */
  freeAtLeast: number;
}

export interface CompactPlan {
  when: ContextTrigger[];
  /** The last so many messages stay as they are, fewer where the window is exceeded. */
  keepLast: number;
  prompt: { version: string; text: string };
}

/** Index of a turn's compaction among its calls: behind its tool calls, though it comes before the model call. */
export const COMPACTION_INDEX = 9_000;

/** Absent in a manifest: the conversation is never edited. */
export interface ContextPlan {
  /** Tokens the model can read, held whatever the triggers say. Absent where it is not known: triggers by `window` never fire then. */
  window?: number;
  prune?: PrunePlan;
  compact?: CompactPlan;
}
