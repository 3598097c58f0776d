// What a definition says about short tasks that share calls, checked and resolved.
import type { BatchPlan } from '../../workflows/contract/release';
import { objectWith, whole } from './checked-parts';
import { durationMs, type Duration } from './duration';
import { oneOf } from './known-keys';

export interface BatchOptions {
  /** Tasks of one call. @default 20 */
  size?: number;
  /** How long the first task of a call waits for others. @default '500ms' */
  delay?: Duration;
  /** Tokens of one call, both what it reads and what it may answer. @default half of the model's window, 32,000 where that is not known */
  tokens?: number;
  /** Whose tasks may stand side by side in one call: those of the whole tenant, or of one user alone. @default 'tenant' */
  within?: 'tenant' | 'user';
}

export const BATCH_SIZE = 20;
export const BATCH_DELAY_MS = 500;
/** Beyond it models lose count of the tasks, and one bad answer costs too many. */
const BATCH_SIZE_MOST = 100;
/** Of a call's time: the rest is for the call, and for the tasks that are asked again alone. */
const DELAY_SHARE_MOST = 1 / 4;

interface BatchedAgent {
  name: string;
  /** Names of its tools and toolboxes. */
  tools: readonly string[];
  timeoutMs: number;
  parameters: { readonly [key: string]: unknown };
}

/** @throws Error in one line, naming what is wrong */
export function batchPlan(options: BatchOptions, { name, tools, timeoutMs, parameters }: BatchedAgent): BatchPlan {
  const where = `agent ${name}: batch`;
  objectWith(options, where, ['size', 'delay', 'tokens', 'within']);
  const [tool] = tools;
  if (tool !== undefined)
    throw new Error(
      `${where} is for tasks of one answer, and this agent has tools (${tool}): take out one of the two.`,
    );
  const { size = BATCH_SIZE, delay = BATCH_DELAY_MS, tokens, within = 'tenant' } = options;
  whole(size, `${where}.size`, 2);
  if (size > BATCH_SIZE_MOST) throw new Error(`${where}.size is ${size}: at most ${BATCH_SIZE_MOST}.`);
  const delayMs = durationMs(delay, `${where}.delay`);
  if (delayMs > timeoutMs * DELAY_SHARE_MOST)
    throw new Error(
      `${where}.delay is ${delayMs} ms: at most a quarter of the call's own time (timeout: ${timeoutMs} ms), which is for the call.`,
    );
  if (tokens !== undefined) requireRoom(tokens, parameters['maxOutputTokens'], where);
  return {
    size,
    delayMs,
    ...(tokens === undefined ? {} : { tokens }),
    ...(oneOf(within, ['tenant', 'user'], `${where}.within`) === 'user' ? { within: 'user' } : {}),
  };
}

function requireRoom(tokens: number, cap: unknown, where: string): void {
  whole(tokens, `${where}.tokens`);
  if (typeof cap === 'number' && tokens < 2 * cap)
    throw new Error(`${where}.tokens is ${tokens}: no two answers of ${cap} tokens (maxOutputTokens) fit into it.`);
}
