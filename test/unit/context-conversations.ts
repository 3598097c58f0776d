// Conversations of any shape, and a store of chains that edits go to as an activity would write them.
import fc from 'fast-check';
import type { Measured } from '../../activities/context/measure';
import { tokenBound } from '../../activities/context/count-tokens';
import type { OriginalEntry } from '../../activities/store/original-messages';
import type { CompactRange } from '../../activities/context/plan-compact';
import type { PruneEdit } from '../../activities/context/plan-prune';
import { summaryMessage } from '../../activities/context/summary-prompt';
import { encodeMessage, objectHash } from '../../activities/store';
import type { AssistantMessage, Message, ToolMessage, UserMessage } from '../../workflows/contract/message';

export const user = (text: string, pinned = false): UserMessage => ({
  role: 'user',
  parts: [{ type: 'text', text }],
  ...(pinned ? { pinned: true } : {}),
});
export const said = (text: string): AssistantMessage => ({ role: 'assistant', parts: [{ type: 'text', text }] });
export const calls = (...names: string[]): AssistantMessage => ({
  role: 'assistant',
  parts: names.map((name, call) => ({ type: 'tool-call', call, name, arguments: { of: call } })),
});
export const result = (call: number, name: string, text: string): ToolMessage => ({
  role: 'tool',
  call,
  name,
  outcome: 'ok',
  parts: [{ type: 'text', text }],
});

/** An answer with calls, and their results. */
export const step = (name: string, text: string): Message[] => [calls(name), result(0, name, text)];

const text = fc
  .tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), fc.constantFrom(1, 3, 30, 200))
  .map(([word, times]) => word.repeat(times));
const toolName = fc.constantFrom('search', 'get_user', 'get_policy');

/** What is appended in one turn. */
export const turn: fc.Arbitrary<Message[]> = fc.oneof(
  { weight: 2, arbitrary: text.map((words) => [user(words)]) },
  { weight: 1, arbitrary: text.map((words) => [user(words, true)]) },
  { weight: 2, arbitrary: text.map((words) => [said(words)]) },
  {
    weight: 5,
    arbitrary: fc
      .array(fc.tuple(toolName, text), { minLength: 1, maxLength: 4 })
      .map((made) => [
        calls(...made.map(([name]) => name)),
        ...made.map(([name, words], call) => result(call, name, words)),
      ]),
  },
);

export const entryOf = (message: Message): OriginalEntry => ({ message, hash: objectHash(encodeMessage(message)) });

/** Bytes for tokens: the plans are told what counts. */
export const measured = (messages: readonly Message[], overhead = 0): Measured => ({
  entries: messages.map((message) => ({ ...entryOf(message), tokens: tokenBound(message) })),
  overhead,
});

export function pruned(messages: readonly Message[], { results }: PruneEdit): Message[] {
  const placeholders = new Map(results.map(({ at, placeholder }) => [at, placeholder]));
  return messages.map((message, at) => placeholders.get(at) ?? message);
}

export interface Chains {
  save(messages: readonly Message[]): string;
  chain(head: string): Promise<OriginalEntry[]>;
  messages(hashes: readonly string[]): Promise<Message[]>;
  /** Batches of messages that were loaded. */
  batches(): number;
}

export function createChains(): Chains {
  const chains = new Map<string, OriginalEntry[]>();
  const bytes = new Map<string, Message>();
  let batches = 0;
  const must = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('not stored');
    return value;
  };
  return {
    save: (messages) => {
      const entries = messages.map(entryOf);
      const head = objectHash(Buffer.from(entries.map(({ hash }) => hash).join()));
      chains.set(head, entries);
      entries.forEach(({ hash, message }) => bytes.set(hash, message));
      return head;
    },
    chain: (head) => Promise.resolve(must(chains.get(head))),
    messages: (hashes) => {
      batches += 1;
      return Promise.resolve(hashes.map((hash) => must(bytes.get(hash))));
    },
    batches: () => batches,
  };
}

export function compacted(chains: Chains, messages: readonly Message[], range: CompactRange): Message[] {
  const covers = { head: chains.save(messages), from: range.from, to: range.to, messages: range.messages };
  const summary = summaryMessage('What was said.', covers, range.first);
  return [...messages.slice(0, range.from), summary, ...messages.slice(range.to)];
}
