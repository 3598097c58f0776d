import { printTable } from '../../infra/drills/print-table';
import { percentile } from './cancel';
import { ratioOf } from './observe';
import { medianOf, shadowPairs, type ShadowPair, type Times } from './shadow';

/** Of the requirement. */
const MOST = 1.05;
export const SHADOW_SHORT = { pairs: 2, runs: 6, everyMs: 100, turns: 2, modelMs: 20 };
const SHADOW_LONG = { pairs: 8, runs: 20, everyMs: 400, turns: 4, modelMs: 200 };

const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(1)} %`;

/** Each pair, and what shadows add to the time of the runs whose shadows they are, with its interval, beside what chance adds. */
export async function printShadow(isShort: boolean): Promise<void> {
  const size = isShort ? SHADOW_SHORT : SHADOW_LONG;
  console.log(
    `${size.pairs} times three rounds in turns, ${size.runs} runs of ${size.turns} tool calls, one begun every ${size.everyMs} ms; the model takes ${size.modelMs} ms. Shadowed: all of them, by their own release, two at once. Alone: without shadows, twice, of which the second is the floor. Milliseconds of a run, median of the round.`,
  );
  const pairs = await shadowPairs(size);
  printTable(
    ['round', 'shadowed', 'alone', 'alone again', 'shadowed/alone', 'floor', 'shadows begun meanwhile'],
    pairs.map(({ shadowed, alone, again, shadows }, nth) => [
      ...[String(nth + 1), ...[shadowed, alone, again].map((times) => medianOf(times).toFixed(0))],
      ...[shadowed, again].map((times) => (medianOf(times) / medianOf(alone)).toFixed(3)),
      String(shadows),
    ]),
  );
  console.log('');
  printTable(
    ['all runs, in ms', 'runs', 'p50', 'p95', 'p99'],
    (['shadowed', 'alone', 'again'] as const).map((kind) => {
      const all = pairs.flatMap((pair) => pair[kind]).sort((a, b) => a - b);
      const name = kind === 'again' ? 'alone again' : kind;
      return [name, String(all.length), ...[50, 95, 99].map((share) => percentile(all, share).toFixed(0))];
    }),
  );
  const [added, floor] = [ratioTo(pairs, ({ shadowed }) => shadowed), ratioTo(pairs, ({ again }) => again)];
  console.log(
    `\nShadows add ${percent(added.mean)} to the median time of a run; with 95 % confidence from ${percent(added.from)} to ${percent(added.to)}. ` +
      `Two rounds without them differ by ${percent(floor.mean)}, from ${percent(floor.from)} to ${percent(floor.to)}. ` +
      `Within 5 %: ${added.mean <= MOST ? 'yes' : 'no'}.`,
  );
}

const ratioTo = (pairs: readonly ShadowPair[], of: (pair: ShadowPair) => Times) =>
  ratioOf(pairs.map((pair) => ({ observed: medianOf(of(pair)), unobserved: medianOf(pair.alone) })));
