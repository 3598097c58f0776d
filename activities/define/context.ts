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

/** @throws Error in one line, naming what is wrong */
export function checkedContext(agent: string, options: false | ContextOptions): false | ContextOptions {
  if (options === false) return false;
  const where = `agent ${agent}: context`;
  onlyKnownKeys(options, ['window', 'prune', 'compact'], where);
  if (options.window !== undefined) whole(options.window, `${where}.window`);
  const { prune, compact } = options;
  if (prune) {
    onlyKnownKeys(prune, ['when', 'keepLast', 'except', 'freeAtLeast'], `${where}.prune`);
    checkTriggers(prune.when, `${where}.prune.when`);
    if (prune.keepLast !== undefined) whole(prune.keepLast, `${where}.prune.keepLast`, 0);
    if (prune.freeAtLeast !== undefined) whole(prune.freeAtLeast, `${where}.prune.freeAtLeast`, 0);
  }
  if (compact) {
    onlyKnownKeys(compact, ['when', 'keepLast', 'prompt'], `${where}.compact`);
    checkTriggers(compact.when, `${where}.compact.when`);
    if (compact.keepLast !== undefined) whole(compact.keepLast, `${where}.compact.keepLast`);
    const { prompt } = compact;
    if (prompt && (prompt.version.trim() === '' || prompt.text.trim() === ''))
      throw new Error(`${where}.compact.prompt has a version and a text, and neither is empty.`);
  }
  return options;
}

/** One that names nothing would never fire, and one of a part above the whole neither. */
function checkTriggers(when: Trigger | Trigger[] | undefined, where: string): void {
  for (const trigger of when === undefined ? [] : [when].flat()) {
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
