// The indexes of the chains that a fork, or the next run of a session, begins with, under its own name: so that it loads in as few round
// trips as its origin. Made of its own messages, and not copied: the origin's name all that it said later too, which would outlive its
// erasure in every fork of it.
import type { CoveredRange } from '../../workflows/contract/message';
import type { ChainIndex, Conversation } from './conversation';
import { coveredBy, type OriginalEntry } from './original-messages';
import { chainName, earlierChainName } from './ref-names';

/** @param linked what the fork's stored head names, in order */
export async function forkChains(
  conversation: Conversation,
  { from, to }: { from: string; to: string },
  linked: readonly OriginalEntry[],
): Promise<ChainIndex> {
  const earlier = await earlierChains(conversation, from, linked);
  const indexes = await Promise.all([
    conversation.index(null, hashesOf(linked), chainName(to)),
    ...Array.from(earlier, ([head, messages]) =>
      conversation.index(null, hashesOf(messages), earlierChainName(to, head)),
    ),
  ]);
  return { objects: indexes.flatMap(({ objects }) => objects), refs: indexes.flatMap(({ refs }) => refs) };
}

/** Of what the summaries among the messages cover, by its head: which may begin with an earlier summary. */
async function earlierChains(
  conversation: Conversation,
  run: string,
  linked: readonly OriginalEntry[],
): Promise<Map<string, readonly OriginalEntry[]>> {
  const chains = new Map<string, readonly OriginalEntry[]>();
  let covered = coveredIn(linked);
  while (covered.length > 0) {
    const open = new Map(covered.map(({ head }) => [head, earlierChainName(run, head)]));
    const loaded = await Promise.all(
      Array.from(open, async ([head, chain]) => ({ head, entries: await conversation.load(head, chain) })),
    );
    for (const { head, entries } of loaded) chains.set(head, entries);
    covered = loaded.flatMap(({ entries }) => coveredIn(entries)).filter(({ head }) => !chains.has(head));
  }
  return chains;
}

const coveredIn = (messages: readonly OriginalEntry[]): CoveredRange[] =>
  messages.flatMap(({ message }) => coveredBy(message) ?? []);

const hashesOf = (messages: readonly OriginalEntry[]): string[] => messages.map(({ hash }) => hash);
