// What a request may take, before it is sent: its input as counted, and its output by the cap it carries or by what answers of its release took.
import type { Usage } from '../../../workflows/contract/message';
import type { Amounts } from '../../../workflows/contract/quota';
import type { Caller, Expected } from '../ports';

/** `strict`: the cap, so that nothing is ever above a limit. `quantile`: what so large a part of earlier answers stayed within. */
export type Reserve = { kind: 'strict' } | { kind: 'learned'; quantile: number };

/** Answers that are remembered of one agent release, and from how many on they say something. */
const REMEMBERED = 200;
const ENOUGH = 20;
/** Of a request without a cap, while nothing is known of its release. */
export const UNKNOWN_OUTPUT = 4_096;

/** Millionths of a dollar; undefined where a price is not known. */
export type PriceOf = (route: string, usage: Usage) => number | undefined;

type Tokens = Pick<Usage, 'input' | 'output'>;

export interface Reserving {
  /**
   * @param mostOutput a guess is never above it
   * @returns undefined where a strict reserve needs a cap that the request does not carry
   */
  reserved(expected: Expected, caller: Pick<Caller, 'release'>, mostOutput?: number): Amounts | undefined;
  /** What it took, as the provider says. */
  taken(usage: Usage, caller: Pick<Caller, 'release'>, tasks?: number): Amounts;
}

export function createReserving(route: string, reserve: Reserve, priceOf: PriceOf = () => undefined): Reserving {
  const outputs = new Map<string, number[]>();
  const amountsOf = ({ input, output }: Tokens, price: number): Amounts => [1, input + output, input, output, price];
  const before = (input: number, output: number): Amounts =>
    amountsOf(
      { input, output },
      mostPrice((usage) => priceOf(route, usage), { input, output }),
    );
  const learned = (release: string, quantile: number): number | undefined => {
    const seen = outputs.get(release) ?? [];
    if (seen.length < ENOUGH) return undefined;
    const sorted = [...seen].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.ceil(quantile * sorted.length) - 1)];
  };
  return {
    reserved({ input, outputCap, tasks = 1 }, { release }, mostOutput = Infinity) {
      if (reserve.kind === 'strict') return outputCap === undefined ? undefined : before(input, outputCap);
      const guess = learned(release, reserve.quantile) ?? (outputCap === undefined ? UNKNOWN_OUTPUT : undefined);
      const output = guess === undefined ? outputCap : Math.min(guess * tasks, mostOutput);
      return before(input, Math.min(output ?? Infinity, outputCap ?? Infinity));
    },
    taken(usage, { release }, tasks = 1) {
      const known = outputs.get(release) ?? [];
      known.push(usage.output / tasks);
      outputs.set(release, known.slice(-REMEMBERED));
      return amountsOf(usage, priceOf(route, usage) ?? 0);
    },
  };
}

/** Nobody knows yet what of it is read from a cache, or written to one, which some providers want more for. */
function mostPrice(priceOf: (usage: Usage) => number | undefined, { input, output }: Tokens): number {
  const usage: Usage = { input, output, cachedInput: 0, reasoning: 0 };
  return Math.max(priceOf(usage) ?? 0, priceOf({ ...usage, cacheWrite: input }) ?? 0);
}
