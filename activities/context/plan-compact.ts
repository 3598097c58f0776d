// Which range of a conversation gives way to a summary, and which message no edit can help.
import type { CompactPlan, ContextPlan } from '../../workflows/contract/context';
import type { Message, Role } from '../../workflows/contract/message';
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
}

/** Fewer messages, or a smaller part of the conversation's tokens, is not worth a call and a new prefix: it would come every turn. */
const MESSAGES_LEAST = 4;
/** Where the request does not fit otherwise: a call and its result. */
const FORCED_LEAST = 2;
/** Of the window: what is to be left of such a request, so that the summary has room beside it. */
const FORCED_SHARE = 0.8;
const SHARE_LEAST = 0.1;

/**
 * One stretch at a time. The first message, pinned ones and the last `keepLast` bound it; where a pinned message leaves several, it is
 * the one with the most tokens that no summary stands for yet. An earlier summary in it is summed up along with the rest.
 * @param options.force the request does not fit the window, or the provider has refused it as too long: triggers are not asked, and fewer
 * messages are kept, half as many at each try, when otherwise nothing could go
 * @returns undefined when no trigger fires or no stretch is worth it
 */
export function planCompact(
  measured: Measured,
  plan: ContextPlan,
  { force = false }: { force?: boolean } = {},
): CompactRange | undefined {
  const { compact } = plan;
  if (!compact) return undefined;
  const { entries, overhead } = measured;
  const tokens = entries.reduce((sum, entry) => sum + entry.tokens, overhead);
  if (!force && !fires(compact.when, { tokens, messages: entries.length }, plan.window)) return undefined;
  const enough = force && plan.window !== undefined ? tokens - plan.window * FORCED_SHARE : 0;
  let most: CompactRange | undefined;
  for (const keepLast of keptCounts(compact, force)) {
    const range = bestStretch(entries, keepLast, force ? FORCED_LEAST : MESSAGES_LEAST);
    if (range && range.tokens >= enough) return range;
    if (range && range.tokens > (most?.tokens ?? 0)) most = range;
  }
  return most;
}

function keptCounts({ keepLast }: CompactPlan, force: boolean): number[] {
  // The newest message is what the model is to answer.
  const counts = [Math.max(1, keepLast)];
  for (let last = keepLast; force && last > 1;) {
    last = Math.floor(last / 2);
    counts.push(last);
  }
  return counts;
}

function bestStretch(
  entries: readonly ContextEntry[],
  keepLast: number,
  messagesLeast: number,
): CompactRange | undefined {
  const messages = entries.map(({ message }) => message);
  const safe = safeCuts(messages);
  const least = SHARE_LEAST * sumOf(entries);
  let best: { range: CompactRange; fresh: number } | undefined;
  for (const [start, end] of stretches(messages, Math.min(entries.length - keepLast, firstUnread(messages)))) {
    let [from, to] = [start, end];
    while (from < to && !safe[from]) from += 1;
    while (to > from && !safe[to]) to -= 1;
    const fresh = entries.slice(from, to).filter(({ message }) => coveredBy(message) === undefined);
    const tokens = sumOf(fresh);
    if (fresh.length < messagesLeast || tokens < least || tokens <= (best?.fresh ?? 0)) continue;
    best = { range: rangeOf(entries, from, to), fresh: tokens };
  }
  return best?.range;
}

/** Between messages that stay. */
function stretches(messages: readonly Message[], end: number): [from: number, to: number][] {
  const found: [number, number][] = [];
  let from = 1;
  for (let at = 1; at <= end; at += 1) {
    if (at < end && !isPinned(messages[at])) continue;
    if (at > from) found.push([from, at]);
    from = at + 1;
  }
  return found;
}

const isPinned = (message: Message | undefined): boolean => message?.role === 'user' && message.pinned === true;

function rangeOf(entries: readonly ContextEntry[], from: number, to: number): CompactRange {
  const first = originalPositions(entries.slice(0, from + 1).map(({ message }) => message)).at(-1) ?? 0;
  const range = entries.slice(from, to);
  const messages = range.reduce((sum, { message }) => sum + placesOf(message), 0);
  return { from, to, messages, first, last: first + messages - 1, tokens: sumOf(range) };
}

const sumOf = (entries: readonly ContextEntry[]): number => entries.reduce((sum, { tokens }) => sum + tokens, 0);

/** What does not fit, even alone. */
export interface Oversized {
  role: Role | 'instructions';
  /** Of the tool, where it is a result. */
  name?: string;
  /** Among the original messages; absent for the instructions and tools. */
  position?: number;
  tokens: number;
  /** Of the instructions and tools, which come with every message. */
  overhead: number;
  window: number;
}

/** Where the vocabulary is not known a count is an estimate, and a request that may fit is left for the provider to judge. */
const ESTIMATE_SLACK = 1.25;

/**
 * How much longer a request is than the model can read; undefined where it fits, or may fit: one with images or files is left for the
 * provider to judge, for their tokens are estimates. To be asked after pruning.
 * @param isExact whether the counts are, see TokenCounter
 */
export function excess(
  { entries, overhead }: Measured,
  window: number | undefined,
  isExact: boolean,
): { tokens: number; window: number } | undefined {
  if (window === undefined || entries.some(({ message }) => hasMedia(message))) return undefined;
  const tokens = entries.reduce((sum, entry) => sum + entry.tokens, overhead);
  return tokens > (isExact ? window : window * ESTIMATE_SLACK) ? { tokens, window } : undefined;
}

/**
 * The largest message that alone, with instructions and tools, exceeds the window: no edit makes such a request fit, because an edit
 * never touches what the model has not read. To be asked after pruning. Messages with images or files are left to the provider, for
 * their tokens are estimates.
 * @param isExact whether the counts are, see TokenCounter
 */
export function oversized(
  { entries, overhead }: Measured,
  window: number | undefined,
  isExact: boolean,
): Oversized | undefined {
  if (window === undefined) return undefined;
  const limit = isExact ? window : window * ESTIMATE_SLACK;
  if (overhead > limit) return { role: 'instructions', tokens: overhead, overhead, window };
  const positions = originalPositions(entries.map(({ message }) => message));
  let largest: Oversized | undefined;
  entries.forEach(({ message, tokens }, at) => {
    if (tokens + overhead <= limit || tokens <= (largest?.tokens ?? 0) || hasMedia(message)) return;
    largest = {
      role: message.role,
      ...(message.role === 'tool' ? { name: message.name } : {}),
      position: positions[at] ?? at,
      tokens,
      overhead,
      window,
    };
  });
  return largest;
}

const hasMedia = ({ parts }: Message): boolean => parts.some(({ type }) => type === 'image' || type === 'file');

/** For people: one line, without content. */
export function describeOversized({ role, name, position, tokens, overhead, window }: Oversized): string {
  const [count, beside, limit] = [tokens, overhead, window].map((number) => number.toLocaleString('en-US'));
  if (role === 'instructions') return `instructions and tools take ${count} tokens; the model reads ${limit}.`;
  const what = role === 'tool' ? `the result of tool ${name}` : `the ${role} message`;
  return `${what} at position ${position} has ${count} tokens, beside ${beside} of instructions and tools; the model reads ${limit}.`;
}
