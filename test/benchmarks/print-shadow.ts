import { printTable } from '../../infra/drills/print-table';
import { ratioOf } from './observe';
import { shadowPairs } from './shadow';

const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(1)} %`;

/** Each pair, and what shadows add to the time of the runs whose shadows they are, with its interval. */
export async function printShadow(isShort: boolean): Promise<void> {
  const size = isShort
    ? { pairs: 3, runs: 6, everyMs: 100, turns: 2, modelMs: 20 }
    : { pairs: 20, runs: 30, everyMs: 400, turns: 4, modelMs: 200 };
  console.log(
    `${size.pairs} pairs of rounds in turns, ${size.runs} runs of ${size.turns} tool calls, one begun every ${size.everyMs} ms; the model takes ${size.modelMs} ms. Shadowed: all of them, by their own release, two at once.`,
  );
  const pairs = await shadowPairs(size);
  printTable(
    ['pair', 'shadowed ms', 'alone ms', 'ratio', 'shadows begun meanwhile'],
    pairs.map(({ shadowed, alone, shadows }, nth) => [
      ...[String(nth + 1), shadowed.toFixed(0), alone.toFixed(0), (shadowed / alone).toFixed(3), String(shadows)],
    ]),
  );
  const { mean, from, to } = ratioOf(pairs.map(({ shadowed, alone }) => ({ observed: shadowed, unobserved: alone })));
  console.log(
    `Shadows add ${percent(mean)} to the median time of a run; with 95 % confidence from ${percent(from)} to ${percent(to)}.`,
  );
}
