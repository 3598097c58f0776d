import { printTable } from '../../infra/drills/print-table';
import { observePairs, ratioOf } from './observe';

const percent = (ratio: number): string => `${((1 - ratio) * 100).toFixed(1)} %`;

/** Each pair, and what watching takes of the throughput, with its interval. */
export async function printObserve(isShort: boolean): Promise<void> {
  const size = isShort ? { pairs: 4, runs: 6, turns: 3 } : { pairs: 20, runs: 40, turns: 5 };
  console.log(
    `${size.pairs} pairs of rounds in turns, ${size.runs} runs of ${size.turns} tool calls each. Observed: metrics counted and scraped each second, a line of the log and a span for each attempt, exported over OTLP.`,
  );
  const pairs = await observePairs(size);
  printTable(
    ['pair', 'observed calls/s', 'unobserved calls/s', 'ratio'],
    pairs.map(({ observed, unobserved }, nth) => [
      ...[String(nth + 1), observed.toFixed(1), unobserved.toFixed(1)],
      (observed / unobserved).toFixed(3),
    ]),
  );
  const { mean, from, to } = ratioOf(pairs);
  console.log(
    `Watching takes ${percent(mean)} of the throughput; with 95 % confidence from ${percent(to)} to ${percent(from)}.`,
  );
}
