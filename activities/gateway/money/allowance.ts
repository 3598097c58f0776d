// What a request may take of the money that its run has left: checked before it is sent, so that a limit is not found out by passing it.
import { usdText } from '../../../workflows/contract/cost';
import type { Usage } from '../../../workflows/contract/message';
import { failure } from '../../failure';
import type { Prices } from './prices';

/**
 * Every model of a route in use writes as much. What is left for more than that is not turned into a cap, which a model that writes less
 * would refuse.
 */
export const CAPPED_BELOW_TOKENS = 8_192;
/** Providers refuse a smaller cap, and no answer is shorter. */
export const OUTPUT_LEAST_TOKENS = 16;

/** The most that it may cost: nobody knows yet what of it is read from a cache, or written to one, which some providers want more for. */
export function mostNanoUsd(prices: Prices, route: string, input: number, output: number): number | undefined {
  const usage: Usage = { input, cachedInput: 0, output, reasoning: 0 };
  const read = prices.nanoUsd(route, usage);
  return read === undefined ? undefined : Math.max(read, prices.nanoUsd(route, { ...usage, cacheWrite: input }) ?? 0);
}

/**
 * @param left billionths of a dollar
 * @returns tokens that the answer may have; undefined where the money does not bound it
 * @throws ApplicationFailure `Model.PriceUnknown`, or `Budget.MoneyExhausted` where there is not enough for its input and OUTPUT_LEAST_TOKENS of answer
 */
export function allowedOutput(prices: Prices, route: string, input: number, left: number): number | undefined {
  const ofInput = mostNanoUsd(prices, route, input, 0);
  const ofBoth = mostNanoUsd(prices, route, input, CAPPED_BELOW_TOKENS);
  if (ofInput === undefined || ofBoth === undefined) throw failure('Model.PriceUnknown', priceUnknown(route));
  if (ofBoth <= left) return undefined;
  const most = Math.floor(((left - ofInput) * CAPPED_BELOW_TOKENS) / (ofBoth - ofInput));
  if (ofInput < left && most >= OUTPUT_LEAST_TOKENS) return most;
  const ofLeast = (mostNanoUsd(prices, route, input, OUTPUT_LEAST_TOKENS) ?? ofBoth) - ofInput;
  const words = `the next request to ${route} costs ${usdText(ofInput)} before its answer, a least answer of ${OUTPUT_LEAST_TOKENS} tokens ${usdText(ofLeast)} more, and ${usdText(left)} are left.`;
  throw failure('Budget.MoneyExhausted', words);
}

/** @param limit that it keeps from being kept */
export const priceUnknown = (route: string, limit = 'limits.usd'): string =>
  `${limit}: nobody knows what ${route} costs. Give its price in longhaul.config.ts: prices: { '${route}': { input: 1, output: 2 } }, in dollars per million tokens.`;
