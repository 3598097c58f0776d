// Which range of a conversation gives way to a summary.
import type { CompactPlan, ContextPlan } from '../../workflows/contract/context';
import type { Message } from '../../workflows/contract/message';
import { halvings, limitOf, sureTokens, sureTokensOf, tokensOf } from './hold-window';
import type { ContextEntry, Measured } from './measure';
import { coveredBy, originalPositions, placesOf } from '../store/original-messages';
import { firstUnread, safeCuts } from './tool-pairs';
import { fires } from './triggers';

/** Entries [from, to) of the conversation. */
export interface CompactRange {
  from: number;
  to: number;
  /** Original messages that they stand for. */
  messages: number;
  /** Positions of the first and the last of them among the originals. */
  first: number;
  last: number;
  tokens: number;
  /** Tokens that the summary may take so that the request fits; absent where the window is not known. */
  room?: number;
}

/** Fewer messages, or a smaller part of the conversation's tokens, is not worth a call and a new prefix: it would come every turn. */
const MESSAGES_LEAST = 4;
/** Where the provider has refused the request: a call and its result. */
const REFUSED_MESSAGES_LEAST = 2;
/** Of a known window: what is to be left of such a request, because the provider counts more than is counted here. */
const REFUSED_SHARE = 0.8;
const SHARE_LEAST = 0.1;

/**
 * What the summary is to have room for where a known window is to be held: a tenth of it is what one is long, and more than a few
 * thousand tokens no summary should take. Where that cannot be had, what its directions and a few facts take is enough.
 */
const SUMMARY_SHARE = 0.1;
const SUMMARY_TOKENS_MOST = 4_000;
export const SUMMARY_TOKENS_LEAST = 300;

interface CompactOptions {
  /** The provider has refused the request as too long. */
  force?: boolean;
  /** Whether the counts are, see TokenCounter. */
  isExact?: boolean;
}

/**
 * One stretch at a time. The first message, pinned ones and the last `keepLast` bound it; where a pinned message leaves several, it is
 * the one with the most tokens that no summary stands for yet. An earlier summary in it is summed up along with the rest.
 *
 * A request above the window asks no trigger, and keeps as many messages less as it takes for the rest to fit. One that the provider has
 * refused asks none either, and keeps less when otherwise too little could go.
 * @returns undefined when no trigger fires, no stretch is worth it, or none would make a request fit that the window cannot take
 */
export function planCompact(
  measured: Measured,
  plan: ContextPlan,
  { force = false, isExact = true }: CompactOptions = {},
): CompactRange | undefined {
  const { compact, window } = plan;
  if (!compact) return undefined;
  const { entries } = measured;
  const tokens = tokensOf(measured);
  const limit = window === undefined ? undefined : limitOf(window, isExact);
  const found = (stretch: Stretch): CompactRange => rangeOf(measured, stretch, limit);
  if (window !== undefined && limit !== undefined && tokens > window) {
    const stretch = fittingStretch(measured, compact, { window, limit });
    if (stretch) return found(stretch);
    // It would be paid for, and the request refused all the same.
    if (sureTokensOf(measured) > limit) return undefined;
  }
  if (!force && !fires(compact.when, { tokens, messages: entries.length }, window)) return undefined;
  const worth = worthOf(entries, force ? REFUSED_MESSAGES_LEAST : MESSAGES_LEAST);
  const enough = force && window !== undefined ? tokens - window * REFUSED_SHARE : 0;
  let most: CompactRange | undefined;
  for (const keepLast of force ? halvings(compact.keepLast, 1) : [Math.max(1, compact.keepLast)]) {
    const stretch = bestStretch(entries, keepLast, worth);
    if (!stretch) continue;
    const range = found(stretch);
    if (range.tokens >= enough) return range;
    if (range.tokens > (most?.tokens ?? 0)) most = range;
  }
  return most;
}

/** Entries [from, to). */
type Stretch = [from: number, to: number];
/** The larger the better; undefined for what should stay. */
type Worth = (entries: readonly ContextEntry[]) => number | undefined;

function worthOf(entries: readonly ContextEntry[], messagesLeast: number): Worth {
  const least = SHARE_LEAST * sumOf(entries);
  return (stretch) => {
    const fresh = stretch.filter(({ message }) => coveredBy(message) === undefined);
    const tokens = sumOf(fresh);
    return fresh.length < messagesLeast || tokens < least ? undefined : tokens;
  };
}

/** With as many messages kept as fit: room for a good summary first, then for a short one, then for what may be within the window. */
function fittingStretch(
  { entries, overhead, joins = 0 }: Measured,
  { keepLast }: CompactPlan,
  { window, limit }: { window: number; limit: number },
): Stretch | undefined {
  const beside = overhead + joins;
  const wanted = Math.min(SUMMARY_TOKENS_MOST, Math.max(SUMMARY_TOKENS_LEAST, window * SUMMARY_SHARE));
  const fits: ((rest: readonly ContextEntry[]) => boolean)[] = [
    (rest) => sumOf(rest) + beside + wanted <= window,
    (rest) => sumOf(rest) + beside + SUMMARY_TOKENS_LEAST <= window,
    (rest) => sureSumOf(rest) + beside + SUMMARY_TOKENS_LEAST <= limit,
  ];
  const candidates = halvings(Math.min(keepLast, entries.length), 1).flatMap((kept) => {
    const stretch = bestStretch(entries, kept, sumOf);
    return stretch ? [{ stretch, rest: [...entries.slice(0, stretch[0]), ...entries.slice(stretch[1])] }] : [];
  });
  for (const fit of fits) {
    const found = candidates.find(({ rest }) => fit(rest));
    if (found) return found.stretch;
  }
  return undefined;
}

function bestStretch(entries: readonly ContextEntry[], keepLast: number, worth: Worth): Stretch | undefined {
  const messages = entries.map(({ message }) => message);
  const safe = safeCuts(messages);
  let best: { stretch: Stretch; worth: number } | undefined;
  for (const [start, end] of stretches(messages, Math.min(entries.length - keepLast, firstUnread(messages)))) {
    let [from, to] = [start, end];
    while (from < to && !safe[from]) from += 1;
    while (to > from && !safe[to]) to -= 1;
    const value = from < to ? worth(entries.slice(from, to)) : undefined;
    if (value !== undefined && value > (best?.worth ?? 0)) best = { stretch: [from, to], worth: value };
  }
  return best?.stretch;
}

/** Between messages that stay. */
function stretches(messages: readonly Message[], end: number): Stretch[] {
  const found: Stretch[] = [];
  let from = 1;
  for (let at = 1; at <= end; at += 1) {
    if (at < end && !isPinned(messages[at])) continue;
    if (at > from) found.push([from, at]);
    from = at + 1;
  }
  return found;
}

const isPinned = (message: Message | undefined): boolean => message?.role === 'user' && message.pinned === true;

function rangeOf(
  { entries, overhead, joins = 0 }: Measured,
  [from, to]: Stretch,
  limit: number | undefined,
): CompactRange {
  const first = originalPositions(entries.slice(0, from + 1).map(({ message }) => message)).at(-1) ?? 0;
  const range = entries.slice(from, to);
  const messages = range.reduce((sum, { message }) => sum + placesOf(message), 0);
  const rest = overhead + joins + sureSumOf(entries) - sureSumOf(range);
  return {
    ...{ from, to, messages, first, last: first + messages - 1, tokens: sumOf(range) },
    ...(limit === undefined ? {} : { room: Math.max(SUMMARY_TOKENS_LEAST, limit - rest) }),
  };
}

const sumOf = (entries: readonly ContextEntry[]): number => entries.reduce((sum, { tokens }) => sum + tokens, 0);
const sureSumOf = (entries: readonly ContextEntry[]): number =>
  entries.reduce((sum, entry) => sum + sureTokens(entry), 0);
