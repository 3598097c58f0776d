import type { RunLimits } from '../../workflows/contract/run';
import { durationMs, type Duration } from './duration';
import { onlyKnownKeys } from './known-keys';

export interface AgentLimits {
  /** Model calls. @default 30 */
  turns?: number;
  /** @default 200 */
  toolCalls?: number;
  /** Input and output tokens together. No limit when absent. */
  tokens?: number;
  /** From start to end, waits included. No limit when absent. */
  wall?: Duration;
}

const LIMIT_KEYS = ['turns', 'toolCalls', 'tokens', 'wall'];

/** Those that are given. @throws Error in one line that names the place */
export function checkedLimits(limits: AgentLimits, what: string): Partial<RunLimits> {
  onlyKnownKeys(limits, LIMIT_KEYS, `${what}: limits`);
  const { turns, toolCalls, tokens, wall } = limits;
  return {
    ...(turns === undefined ? {} : { turns: wholeNumber(turns, `${what}: limits.turns`) }),
    ...(toolCalls === undefined ? {} : { toolCalls: wholeNumber(toolCalls, `${what}: limits.toolCalls`, 0) }),
    ...(tokens === undefined ? {} : { tokens: wholeNumber(tokens, `${what}: limits.tokens`) }),
    ...(wall === undefined ? {} : { wallMs: durationMs(wall, `${what}: limits.wall`) }),
  };
}

export function wholeNumber(value: number, what: string, least = 1): number {
  if (!Number.isInteger(value) || value < least) throw new Error(`${what} must be a whole number from ${least}.`);
  return value;
}
