// Which tool results give way to placeholders. All stale ones at once, so that between edits each request extends the one before it and
// the provider's prompt cache holds.
import type { ContextPlan, PrunePlan } from '../../workflows/contract/context';
import type { Message, ToolMessage } from '../../workflows/contract/message';
import { halvings, tokensOf } from './hold-window';
import type { ContextEntry, Measured } from './measure';
import { originalOf, originalPositions } from '../store/original-messages';
import { firstUnread } from './tool-pairs';
import { fires } from './triggers';

export interface PrunedResult {
  /** Index of its entry. */
  at: number;
  /** Among the original messages. */
  position: number;
  /** Hash of the message that stood there. */
  original: string;
  /** Of the original. */
  tokens: number;
  placeholder: ToolMessage;
}

export interface PruneEdit {
  /** Oldest first; never empty. The entries before the first of them stay as they are. */
  results: PrunedResult[];
  /** Tokens that the request is shorter by. */
  freed: number;
}

/** A shorter result is hardly longer than its placeholder, which takes some 60 tokens, and is dear to lose. */
const WORTH_TOKENS = 150;
/** Of the result's first words. */
const FIRST_WORDS_CHARS = 80;

/**
 * A request above a known window asks neither triggers nor what it frees. Where nothing else would shorten it, as many results less are
 * kept as it takes.
 * @param count tokens of a placeholder, as the entries were counted
 * @returns undefined when no trigger fires or too little would be freed
 */
export function planPrune(
  measured: Measured,
  plan: ContextPlan,
  count: (message: Message) => number,
): PruneEdit | undefined {
  const { prune, compact, window } = plan;
  if (!prune) return undefined;
  const { entries, joins = 0 } = measured;
  const tokens = tokensOf(measured);
  const excess = window === undefined ? 0 : tokens - window;
  if (excess <= 0) {
    if (!fires(prune.when, { tokens, messages: entries.length }, window)) return undefined;
    const edit = editOf(entries, prune, count);
    return edit && edit.freed >= prune.freeAtLeast ? edit : undefined;
  }
  const edits = (compact ? [prune.keepLast] : halvings(prune.keepLast, 0))
    .map((keepLast) => editOf(entries, { ...prune, keepLast }, count))
    .filter((edit) => edit !== undefined && edit.freed > joins);
  return edits.find((edit) => edit && edit.freed - joins >= excess) ?? edits.at(-1);
}

function editOf(
  entries: readonly ContextEntry[],
  prune: Pick<PrunePlan, 'keepLast' | 'except'>,
  count: (message: Message) => number,
): PruneEdit | undefined {
  const positions = originalPositions(entries.map(({ message }) => message));
  let freed = 0;
  const results = staleResults(entries, prune).flatMap(({ at, entry, message }) => {
    const position = positions[at] ?? at;
    const result = {
      at,
      position,
      original: entry.hash,
      tokens: entry.tokens,
      placeholder: placeholder(message, { position, tokens: entry.tokens, original: entry.hash }),
    };
    const gain = entry.tokens - count(result.placeholder);
    if (gain <= 0) return [];
    freed += gain;
    return [result];
  });
  return results.length === 0 ? undefined : { results, freed };
}

interface StaleResult {
  at: number;
  entry: ContextEntry;
  message: ToolMessage;
}

function staleResults(
  entries: readonly ContextEntry[],
  { keepLast, except }: Pick<PrunePlan, 'keepLast' | 'except'>,
): StaleResult[] {
  const results = entries.flatMap((entry, at) =>
    entry.message.role === 'tool' ? [{ at, entry, message: entry.message }] : [],
  );
  const unread = firstUnread(entries.map(({ message }) => message));
  return results
    .slice(0, Math.max(0, results.length - keepLast))
    .filter(
      ({ at, entry, message }) =>
        at < unread &&
        originalOf(message) === undefined &&
        !except.includes(message.name) &&
        entry.tokens >= WORTH_TOKENS,
    );
}

/**
 * What stands in a tool result's place: which tool, how it went, how much was there, how it began, and how to read it again.
 * @param where.position among the original messages
 * @param where.original hash of the message
 */
export function placeholder(
  message: ToolMessage,
  { position, tokens, original }: { position: number; tokens: number; original: string },
): ToolMessage {
  const { role, call, name, outcome } = message;
  const words = firstWords(message);
  const text =
    `[Removed to save space: the result of ${name} (${outcome}, about ${tokens.toLocaleString('en-US')} tokens).` +
    (words === '' ? '' : ` It began: ${JSON.stringify(words)}.`) +
    ` Read it again with recall({"message": ${position}}).]`;
  return { role, call, name, outcome, parts: [{ type: 'text', text }], original };
}

/** One line of at most FIRST_WORDS_CHARS UTF-16 units; files by their names. */
function firstWords({ parts }: ToolMessage): string {
  // The squeezing of white space needs no more of a long text than this.
  const scanned = 10 * FIRST_WORDS_CHARS;
  const text = parts
    .map((part) => (part.type === 'text' ? part.text.slice(0, scanned) : `[${part.type} ${part.file.name ?? ''}]`))
    .join(' ')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  if (text.length <= FIRST_WORDS_CHARS) return text.toWellFormed();
  return `${text.slice(0, FIRST_WORDS_CHARS - 1).replace(/[\ud800-\udbff]$/, '')}…`.toWellFormed();
}
