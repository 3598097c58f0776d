// What a request may take, before it is sent: its input as counted, and its output by the cap it carries or by what answers of its release took.
import { NANO_A_MICRO } from '../../../workflows/contract/cost';
import type { Usage } from '../../../workflows/contract/message';
import type { Amounts } from '../../../workflows/contract/quota';
import { mostNanoUsd } from '../money/allowance';
import { UNKNOWN_PRICES, type Prices } from '../money/prices';
import type { Caller, Expected } from '../ports';

/** `strict`: the cap, so that nothing is ever above a limit. `quantile`: what so large a part of earlier answers stayed within. */
export type Reserve = { kind: 'strict' } | { kind: 'learned'; quantile: number };

/** Answers that are remembered of one agent release, and from how many on they say something. */
const REMEMBERED = 200;
const ENOUGH = 20;
/** Of a request without a cap, while nothing is known of its release. */
export const UNKNOWN_OUTPUT = 4_096;

export interface Reserving {
  /**
   * @param mostOutput a guess is never above it
   * @returns undefined where a strict reserve needs a cap that the request does not carry
   */
  reserved(expected: Expected, caller: Pick<Caller, 'release'>, mostOutput?: number): Amounts | undefined;
  /** Of so long an answer: money at the dearest that it may cost. */
  amounts(input: number, output: number): Amounts;
  /** What it cost: where nobody knows that of a part of it, the dearest that it may. Millionths of a dollar. */
  usd(usage: Usage): number;
  /** What it took, as the provider says. */
  taken(usage: Usage, caller: Pick<Caller, 'release'>, tasks?: number): Amounts;
}

export function createReserving(route: string, reserve: Reserve, prices: Prices = UNKNOWN_PRICES): Reserving {
  const outputs = new Map<string, number[]>();
  const most = (input: number, output: number): number =>
    (mostNanoUsd(prices, route, input, output) ?? 0) / NANO_A_MICRO;
  const usd = (usage: Usage): number => {
    const nanoUsd = prices.nanoUsd(route, usage);
    return nanoUsd === undefined ? most(usage.input, usage.output) : nanoUsd / NANO_A_MICRO;
  };
  const amounts = (input: number, output: number, money = most(input, output)): Amounts => [
    1,
    input + output,
    input,
    output,
    money,
  ];
  const learned = (release: string, quantile: number): number | undefined => {
    const seen = outputs.get(release) ?? [];
    if (seen.length < ENOUGH) return undefined;
    const sorted = [...seen].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.ceil(quantile * sorted.length) - 1)];
  };
  return {
    amounts: (input, output) => amounts(input, output),
    usd,
    reserved({ input, outputCap, tasks = 1 }, { release }, mostOutput = Infinity) {
      if (reserve.kind === 'strict') return outputCap === undefined ? undefined : amounts(input, outputCap);
      const guess = learned(release, reserve.quantile) ?? (outputCap === undefined ? UNKNOWN_OUTPUT : undefined);
      const output = guess === undefined ? outputCap : Math.min(guess * tasks, mostOutput);
      return amounts(input, Math.min(output ?? Infinity, outputCap ?? Infinity));
    },
    taken(usage, { release }, tasks = 1) {
      const known = outputs.get(release) ?? [];
      known.push(usage.output / tasks);
      outputs.set(release, known.slice(-REMEMBERED));
      return amounts(usage.input, usage.output, usd(usage));
    },
  };
}
