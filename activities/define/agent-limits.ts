import { NANO_USD } from '../../workflows/contract/cost';
import type { RunLimits } from '../../workflows/contract/run';
import { durationMs, type Duration } from './duration';
import { onlyKnownKeys } from './known-keys';

export interface AgentLimits {
  /** Answers of the model. @default 30 */
  turns?: number;
  /** @default 200 */
  toolCalls?: number;
  /** Input and output tokens together. No limit when absent. */
  tokens?: number;
  /** All of them: summaries of the conversation and those of sub-agents too. No limit when absent. */
  modelCalls?: number;
  /** Dollars, of all model calls. The price of each model of the route must be known. No limit when absent. */
  usd?: number;
  /** From start to end, waits included. No limit when absent. */
  wall?: Duration;
}

const LIMIT_KEYS = ['turns', 'toolCalls', 'tokens', 'modelCalls', 'usd', 'wall'];

/** Those that are given. @throws Error in one line that names the place */
export function checkedLimits(limits: AgentLimits, what: string): Partial<RunLimits> {
  onlyKnownKeys(limits, LIMIT_KEYS, `${what}: limits`);
  const { turns, toolCalls, tokens, modelCalls, usd, wall } = limits;
  return {
    ...(turns === undefined ? {} : { turns: wholeNumber(turns, `${what}: limits.turns`) }),
    ...(toolCalls === undefined ? {} : { toolCalls: wholeNumber(toolCalls, `${what}: limits.toolCalls`, 0) }),
    ...(tokens === undefined ? {} : { tokens: wholeNumber(tokens, `${what}: limits.tokens`) }),
    ...(modelCalls === undefined ? {} : { modelCalls: wholeNumber(modelCalls, `${what}: limits.modelCalls`) }),
    ...(usd === undefined ? {} : { nanoUsd: nanoUsdOf(usd, `${what}: limits.usd`) }),
    ...(wall === undefined ? {} : { wallMs: durationMs(wall, `${what}: limits.wall`) }),
  };
}

/** Far more than anybody means, and far from where a sum would lose precision. */
export const USD_MOST = 1_000_000;

/** Dollars in whole billionths. @throws Error in one line */
export function nanoUsdOf(usd: number, what: string): number {
  if (typeof usd !== 'number' || !(usd > 0) || usd > USD_MOST)
    throw new Error(`${what} must be a number of dollars above 0 and up to ${USD_MOST}, such as 0.5.`);
  return Math.max(1, Math.round(usd * NANO_USD));
}

export function wholeNumber(value: number, what: string, least = 1): number {
  if (!Number.isInteger(value) || value < least) throw new Error(`${what} must be a whole number from ${least}.`);
  return value;
}
