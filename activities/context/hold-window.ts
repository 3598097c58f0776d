// How a known window is held: what is above it, how far what is kept gives way, and what to say where nothing helps.
import type { ContextPlan } from '../../workflows/contract/context';
import type { Role } from '../../workflows/contract/message';
import { originalPositions } from '../store/original-messages';
import type { ContextEntry, Measured } from './measure';

/**
 * Of a window where the vocabulary is not known: a call is refused above it. o200k is one of the largest vocabularies, so most other
 * models need more tokens than it counts, and an estimate that is too high by more than a tenth is that of a model made for another
 * script. Its window is always a declared one, and who knows it better declares a larger one. More slack would let pass what a server that
 * cuts silently then cuts.
 */
const ESTIMATE_SLACK = 1.1;

/** Tokens above which a request is not sent. */
export const limitOf = (window: number, isExact: boolean): number =>
  isExact ? window : Math.floor(window * ESTIMATE_SLACK);

export const tokensOf = ({ entries, overhead }: Measured): number =>
  entries.reduce((sum, { tokens }) => sum + tokens, overhead);

/** Without those of images, files and reasoning: an estimate of them asks for an edit, and is no reason to refuse a call. */
export const sureTokensOf = ({ entries, overhead }: Measured): number =>
  entries.reduce((sum, entry) => sum + sureTokens(entry), overhead);

export const sureTokens = ({ tokens, estimated = 0 }: ContextEntry): number => tokens - estimated;

/** How many to keep, half as many at each try: what gives way at once by a half is not asked again by the next message. */
export function halvings(keep: number, least: number): number[] {
  const counts = [Math.max(least, keep)];
  for (let next = Math.floor(keep / 2); next >= least && next < (counts.at(-1) ?? 0); next = Math.floor(next / 2))
    counts.push(next);
  return counts;
}

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

/**
 * The largest message that alone, with instructions and tools, exceeds the window: no edit makes such a request fit, because an edit
 * never touches what the model has not read. To be asked after pruning.
 * @param isExact whether the counts are, see TokenCounter
 */
export function oversized(
  { entries, overhead }: Measured,
  window: number | undefined,
  isExact: boolean,
): Oversized | undefined {
  if (window === undefined) return undefined;
  const limit = limitOf(window, isExact);
  if (overhead > limit) return { role: 'instructions', tokens: overhead, overhead, window };
  const positions = originalPositions(entries.map(({ message }) => message));
  let largest: Oversized | undefined;
  entries.forEach((entry, at) => {
    const { message } = entry;
    const tokens = sureTokens(entry);
    if (tokens + overhead <= limit || tokens <= (largest?.tokens ?? 0)) return;
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

/** For people: one line, without content. */
export function describeOversized({ role, name, position, tokens, overhead, window }: Oversized): string {
  const [count, beside, limit] = [tokens, overhead, window].map(grouped);
  if (role === 'instructions') return `instructions and tools take ${count} tokens; the model reads ${limit}.`;
  const what = role === 'tool' ? `the result of tool ${name}` : `the ${role} message`;
  return `${what} at position ${position} has ${count} tokens, beside ${beside} of instructions and tools; the model reads ${limit}.`;
}

/**
 * @param isCompacted a summary was made for this very request
 * @returns why the request is not sent, in one line; undefined where the window may take it
 */
export function describeOver(
  measured: Measured,
  { window, compact }: ContextPlan,
  { isExact, isCompacted }: { isExact: boolean; isCompacted: boolean },
): string | undefined {
  const tokens = sureTokensOf(measured);
  if (window === undefined || tokens <= limitOf(window, isExact)) return undefined;
  const why = isCompacted ? ' after a summary' : compact ? ', and no summary of what may go makes it fit' : '';
  return `the request has ${grouped(tokens)} tokens${why}; the model reads ${grouped(window)}.`;
}

const grouped = (tokens: number): string => tokens.toLocaleString('en-US');
