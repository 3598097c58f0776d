// What a definition says about the length of its conversations, checked. The plan follows from it and the model, when a release is made.
import type { ContextTrigger } from '../../workflows/contract/context';
import { RECALL_TOOL } from '../../workflows/contract/names';
import { objectWith, shown, whole } from './checked-parts';

/** All that are given must hold; of a list of triggers one is enough. */
export type Trigger = ContextTrigger;

export interface PruneOptions {
  /** @default { window: 0.5 } */
  when?: Trigger | Trigger[];
  /** The last so many tool results stay. @default 5 */
  keepLast?: number;
  /** Tools of the agent whose results are never left out. */
  except?: string[];
  /** Tokens; an edit that frees less is not made. @default a tenth of the window, 1,000 where it is not known */
  freeAtLeast?: number;
}

export interface CompactOptions {
  /** @default { window: 0.8 } */
  when?: Trigger | Trigger[];
  /** The last so many messages stay, as far as the window allows. @default 10 */
  keepLast?: number;
  /** Asks for the summary. A change of the text wants another version: it stands in the record of each summary. @default a built-in one */
  prompt?: { version: string; text: string };
}

export interface ContextOptions {
  /** Tokens the model can read, 1,000 at least. @default what is known of the model by its name */
  window?: number;
  /** Stale tool results give way to placeholders. */
  prune?: false | PruneOptions;
  /** A summary takes the place of old messages; also when a provider refuses a request as too long. */
  compact?: false | CompactOptions;
}

const TRIGGER_KEYS = ['window', 'tokens', 'messages'];
/**
 * No model in use reads less, and a summary could not be made in less: its prompt takes some 400 tokens, the summary 300, and what is
 * summed up is to be more than that.
 */
const WINDOW_TOKENS_LEAST = 1_000;

/**
 * @param tools names of the agent's tools, its servers' included; undefined where a server says which there are
 * @throws Error in one line, naming what is wrong
 */
export function checkedContext(
  agent: string,
  options: false | ContextOptions,
  tools: readonly string[] | undefined,
): false | ContextOptions {
  if (options === false) return false;
  const where = `agent ${agent}: context`;
  objectWith(options, where, ['window', 'prune', 'compact'], 'false');
  if (options.window !== undefined) whole(options.window, `${where}.window`, WINDOW_TOKENS_LEAST, ' tokens');
  const { prune, compact } = options;
  if (prune !== undefined && prune !== false) checkPrune(prune, `${where}.prune`, tools);
  if (compact !== undefined && compact !== false) checkCompact(compact, `${where}.compact`);
  return options;
}

function checkPrune(prune: PruneOptions, where: string, tools: readonly string[] | undefined): void {
  objectWith(prune, where, ['when', 'keepLast', 'except', 'freeAtLeast'], 'false');
  checkTriggers(prune.when, where);
  if (prune.keepLast !== undefined) whole(prune.keepLast, `${where}.keepLast`, 0);
  if (prune.freeAtLeast !== undefined) whole(prune.freeAtLeast, `${where}.freeAtLeast`, 0);
  if (prune.except === undefined) return;
  if (!Array.isArray(prune.except))
    throw new Error(`${where}.except is a list of names of tools, not ${shown(prune.except)}.`);
  if (!tools) return;
  // What `recall` gave back is a result like others.
  const unknown = prune.except.find((name) => name !== RECALL_TOOL && !tools.includes(name));
  if (unknown === undefined) return;
  const known = tools.filter((name) => name !== RECALL_TOOL).join(', ');
  throw new Error(
    `${where}.except: the agent has no tool ${shown(unknown)}. Its tools: ${known === '' ? 'none' : known}, and ${RECALL_TOOL}, which is built in.`,
  );
}

function checkCompact(compact: CompactOptions, where: string): void {
  objectWith(compact, where, ['when', 'keepLast', 'prompt'], 'false');
  checkTriggers(compact.when, where);
  if (compact.keepLast !== undefined) whole(compact.keepLast, `${where}.keepLast`);
  checkKept(compact, where);
  const { prompt } = compact;
  if (prompt === undefined) return;
  objectWith(prompt, `${where}.prompt`, ['version', 'text']);
  if (![prompt.version, prompt.text].every((given) => typeof given === 'string' && given.trim() !== ''))
    throw new Error(`${where}.prompt has a version and a text, and neither is empty.`);
}

/** What fires before there is more than is kept sums nothing up. One that asks for tokens too may fire later. */
function checkKept({ when, keepLast = 0 }: CompactOptions, where: string): void {
  const idle = [when ?? []].flat().find(({ window, tokens, messages }) => {
    return window === undefined && tokens === undefined && messages !== undefined && messages <= keepLast;
  });
  if (idle)
    throw new Error(`${where}: a trigger fires at ${idle.messages} messages, and the last ${keepLast} of them stay.`);
}

/** One that names nothing would never fire, and one of a part above the whole neither; nor would a list of none. */
function checkTriggers(when: Trigger | Trigger[] | undefined, part: string): void {
  if (when === undefined) return;
  const where = `${part}.when`;
  const triggers = [when].flat();
  const off = part.slice(part.lastIndexOf('.') + 1);
  if (triggers.length === 0)
    throw new Error(`${where} names no trigger: leave it out for the default, or say ${off}: false for never.`);
  for (const trigger of triggers) {
    objectWith(trigger, where, TRIGGER_KEYS);
    const { window, tokens, messages } = trigger;
    if (window === undefined && tokens === undefined && messages === undefined)
      throw new Error(`${where}: a trigger names at least one of ${TRIGGER_KEYS.join(', ')}.`);
    if (window !== undefined && !(typeof window === 'number' && window > 0 && window <= 1))
      throw new Error(`${where}.window is a part of the model's window, above 0 and at most 1.`);
    if (tokens !== undefined) whole(tokens, `${where}.tokens`);
    if (messages !== undefined) whole(messages, `${where}.messages`);
  }
}
