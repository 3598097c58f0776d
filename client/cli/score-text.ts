import type { Score } from '../../workflows/contract/schemas/score';

/** As one line: what, by whom, why. */
export function scoreText(score: Score): string {
  const { name, value, by, source, note, call } = score;
  const of =
    score.kind === 'number' && (score.range.least !== 0 || score.range.most !== 1) ? rangeText(score.range) : '';
  return [
    `${name} ${String(value)}${of}`,
    ...(call ? [`of call ${call.number}`] : []),
    `by ${by}${source === 'person' ? '' : ` (${source})`}`,
    ...(note ? [`: ${note}`] : []),
  ]
    .join(' ')
    .replace(' : ', ': ');
}

const rangeText = ({ least, most }: { least: number; most: number }): string => ` (${least} to ${most})`;
