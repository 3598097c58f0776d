// Where the entries of an edited conversation stand among the original messages, and the originals themselves, from any head.
import type { CoveredRange, Message } from '../../workflows/contract/message';
import { failure } from '../failure';

export interface OriginalEntry {
  message: Message;
  hash: string;
}

export interface LoadOriginals {
  /** A stored conversation by its head, oldest first. */
  chain(head: string): Promise<readonly OriginalEntry[]>;
  /** In the order asked. */
  messages(hashes: readonly string[]): Promise<readonly Message[]>;
}

export const coveredBy = (message: Message): CoveredRange | undefined =>
  message.role === 'user' ? message.covers : undefined;

export const originalOf = (message: Message): string | undefined =>
  message.role === 'tool' ? message.original : undefined;

/** Original messages that an entry stands for. */
export const placesOf = (message: Message): number => coveredBy(message)?.messages ?? 1;

/** @returns position of each entry among the originals, from 0; of a summary, that of the first it stands for */
export function originalPositions(messages: readonly Message[]): number[] {
  let next = 0;
  return messages.map((message) => {
    const position = next;
    next += placesOf(message);
    return position;
  });
}

/** Positions of originals that the model still reads word for word. */
export function visiblePositions(messages: readonly Message[]): ReadonlySet<number> {
  const positions = originalPositions(messages);
  return new Set(
    messages.flatMap((message, at) => {
      const isEdited = coveredBy(message) !== undefined || originalOf(message) !== undefined;
      const position = positions[at];
      return isEdited || position === undefined ? [] : [position];
    }),
  );
}

/** Whether the conversation holds anything that `recall` gives back. */
export const isEdited = (messages: readonly Message[]): boolean =>
  messages.some((message) => coveredBy(message) !== undefined || originalOf(message) !== undefined);

/**
 * All original messages of a stored conversation, oldest first, whatever was pruned and summed up on the way to it.
 * @throws ApplicationFailure `Store.ObjectMissing` or `Store.ObjectCorrupt`
 */
export async function expand(head: string, load: LoadOriginals): Promise<OriginalEntry[]> {
  return expandEntries(await load.chain(head), load);
}

/** As `expand`, of entries that are loaded already or not stored yet. */
export async function expandEntries(entries: readonly OriginalEntry[], load: LoadOriginals): Promise<OriginalEntry[]> {
  return unpruned(await uncovered(entries, load), load);
}

/** Summaries replaced by what they cover: which may begin with an earlier summary, of an earlier head. */
async function uncovered(entries: readonly OriginalEntry[], load: LoadOriginals): Promise<OriginalEntry[]> {
  const parts = await Promise.all(
    entries.map(async (entry) => {
      const covers = coveredBy(entry.message);
      if (!covers) return [entry];
      const chain = await load.chain(covers.head);
      const originals = await uncovered(chain.slice(covers.from, covers.to), load);
      if (chain.length < covers.to || originals.length !== covers.messages) {
        throw failure(
          'Store.ObjectCorrupt',
          `summary ${entry.hash} says that it covers ${covers.messages} messages, and there are ${originals.length}.`,
        );
      }
      return originals;
    }),
  );
  return parts.flat();
}

/** All placeholders in one batch. An original is never a placeholder itself, so one round is enough. */
async function unpruned(entries: readonly OriginalEntry[], load: LoadOriginals): Promise<OriginalEntry[]> {
  const hashes = [...new Set(entries.flatMap(({ message }) => originalOf(message) ?? []))];
  if (hashes.length === 0) return [...entries];
  const messages = await load.messages(hashes);
  const originals = new Map(hashes.map((hash, at) => [hash, messages[at]]));
  return entries.map((entry) => {
    const hash = originalOf(entry.message);
    if (hash === undefined) return entry;
    const message = originals.get(hash);
    if (!message) throw failure('Store.ObjectMissing', `message ${hash} is not in the store: its placeholder is.`);
    return { message, hash };
  });
}
