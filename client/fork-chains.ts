// The indexes of the chains that a fork begins with, under its own name: so that it loads in as few round trips as its origin. Made of
// its own messages, and not copied: the origin's name all that it said later too, which would outlive its erasure in every fork of it.
import type { Conversation } from '../activities/store';
import { coveredBy } from '../activities/store/original-messages';
import type { ChainIndex } from '../activities/store/conversation';
import { chainName, earlierChainName } from '../activities/store/ref-names';
import type { CoveredRange } from '../workflows/contract/message';
import type { LinkedMessage } from './fork-beginning';

/** @param linked what the fork's stored head names, in order */
export async function forkChains(
  conversation: Conversation,
  { from, to }: { from: string; to: string },
  linked: readonly LinkedMessage[],
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
  linked: readonly LinkedMessage[],
): Promise<Map<string, readonly LinkedMessage[]>> {
  const chains = new Map<string, readonly LinkedMessage[]>();
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

const coveredIn = (messages: readonly LinkedMessage[]): CoveredRange[] =>
  messages.flatMap(({ message }) => coveredBy(message) ?? []);

const hashesOf = (messages: readonly LinkedMessage[]): string[] => messages.map(({ hash }) => hash);
