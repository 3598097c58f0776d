// A score as it is written and read: its value as a text, and all of it as one line.
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

/** As people write it: a number, yes or no, or else the name of a category. */
export function scoredValue(text: string): Score['value'] {
  if (/^-?(\d+\.?\d*|\.\d+)(e-?\d{1,3})?$/i.test(text)) return Number(text);
  return text === 'true' || text === 'false' ? text === 'true' : text;
}
