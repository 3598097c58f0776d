// What a definition says about the length of its conversations, checked. The plan follows from it and the model, when a release is made.
import type { ContextTrigger } from '../../workflows/contract/context';
import { onlyKnownKeys } from './known-keys';

/** All that are given must hold; of a list of triggers one is enough. */
export type Trigger = ContextTrigger;

export interface PruneOptions {
  /** @default { window: 0.5 } */
  when?: Trigger | Trigger[];
  /** The last so many tool results stay. @default 5 */
  keepLast?: number;
  /** Tools whose results are never left out. */
  except?: string[];
  /** Tokens; an edit that frees less is not made. @default a tenth of the window, 1,000 where it is not known */
  freeAtLeast?: number;
}

export interface CompactOptions {
  /** @default { window: 0.8 } */
  when?: Trigger | Trigger[];
  /** The last so many messages stay. @default 10 */
  keepLast?: number;
  /** Asks for the summary. A change of the text wants another version: it stands in the record of each summary. @default a built-in one */
  prompt?: { version: string; text: string };
}

export interface ContextOptions {
  /** Tokens the model can read. @default what is known of the model by its name */
  window?: number;
  /** Stale tool results give way to placeholders. */
  prune?: false | PruneOptions;
  /** A summary takes the place of old messages; also when a provider refuses a request as too long. */
  compact?: false | CompactOptions;
}

const TRIGGER_KEYS = ['window', 'tokens', 'messages'];

/** Tokens. No model in use reads less, and instructions, tools, a first message and an answer want room. */
const WINDOW_LEAST = 1_000;

/**
 * @param tools names of the agent's own and of its servers'; undefined where a server says which there are
 * @throws Error in one line, naming what is wrong
 */
export function checkedContext(
  agent: string,
  options: false | ContextOptions,
  tools: readonly string[] | undefined,
): false | ContextOptions {
  if (options === false) return false;
  const where = `agent ${agent}: context`;
  object(options, where);
  onlyKnownKeys(options, ['window', 'prune', 'compact'], where);
  if (options.window !== undefined) whole(options.window, `${where}.window`, WINDOW_LEAST);
  const { prune, compact } = options;
  if (prune !== undefined && prune !== false) {
    object(prune, `${where}.prune`);
    onlyKnownKeys(prune, ['when', 'keepLast', 'except', 'freeAtLeast'], `${where}.prune`);
    checkExcept(prune.except ?? [], tools, `${where}.prune.except`);
    checkTriggers(prune.when, `${where}.prune.when`);
    if (prune.keepLast !== undefined) whole(prune.keepLast, `${where}.prune.keepLast`, 0);
    if (prune.freeAtLeast !== undefined) whole(prune.freeAtLeast, `${where}.prune.freeAtLeast`, 0);
  }
  if (compact !== undefined && compact !== false) {
    object(compact, `${where}.compact`);
    onlyKnownKeys(compact, ['when', 'keepLast', 'prompt'], `${where}.compact`);
    checkTriggers(compact.when, `${where}.compact.when`);
    if (compact.keepLast !== undefined) whole(compact.keepLast, `${where}.compact.keepLast`);
    checkKept(compact, `${where}.compact`);
    const { prompt } = compact;
    if (prompt && (prompt.version.trim() === '' || prompt.text.trim() === ''))
      throw new Error(`${where}.compact.prompt has a version and a text, and neither is empty.`);
  }
  return options;
}

function object(value: unknown, where: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${where} must be an object with settings, or false.`);
}

/** A name that no tool has would leave out what was meant to stay, without a word. */
function checkExcept(except: readonly string[], tools: readonly string[] | undefined, where: string): void {
  if (typeof except === 'string') throw new Error(`${where} must be a list of names of tools.`);
  const unknown = except.find((name) => tools && !tools.includes(name));
  if (tools && unknown !== undefined)
    throw new Error(`${where}: the agent has no tool "${unknown}". Its tools: ${tools.join(', ') || 'none'}.`);
}

/** What fires before there is more than is kept sums nothing up. */
function checkKept({ when, keepLast = 0 }: CompactOptions, where: string): void {
  const idle = [when ?? []].flat().find(({ messages }) => messages !== undefined && messages <= keepLast);
  if (idle)
    throw new Error(`${where}: a trigger fires at ${idle.messages} messages, and the last ${keepLast} of them stay.`);
}

/** One that names nothing would never fire, and one of a part above the whole neither. */
function checkTriggers(when: Trigger | Trigger[] | undefined, where: string): void {
  if (Array.isArray(when) && when.length === 0)
    throw new Error(`${where} names no trigger: leave it out for the default, or write false for the whole.`);
  for (const trigger of when === undefined ? [] : [when].flat()) {
    object(trigger, where);
    onlyKnownKeys(trigger, TRIGGER_KEYS, where);
    const { window, tokens, messages } = trigger;
    if (window === undefined && tokens === undefined && messages === undefined)
      throw new Error(`${where}: a trigger names at least one of ${TRIGGER_KEYS.join(', ')}.`);
    if (window !== undefined && !(window > 0 && window <= 1))
      throw new Error(`${where}.window is a part of the model's window, above 0 and at most 1.`);
    if (tokens !== undefined) whole(tokens, `${where}.tokens`);
    if (messages !== undefined) whole(messages, `${where}.messages`);
  }
}

function whole(value: number, what: string, least = 1): void {
  if (!Number.isInteger(value) || value < least) throw new Error(`${what} must be a whole number from ${least}.`);
}
