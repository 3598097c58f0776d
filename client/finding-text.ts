// A finding of the watch in words.
import type { Finding } from '../workflows/contract/schemas/finding';
import { counted, formatCost, formatDuration, formatPercent, formatTokens } from './format';

type Told = Pick<Finding, 'metric' | 'direction' | 'of' | 'before' | 'compared' | 'chance' | 'also'> & {
  /** Absent where it is not for whoever asks. */
  after?: number;
};

/** What has changed, and by how much. */
export function changeText({ metric, direction, of, before, after }: Omit<Told, 'also'>): string {
  const text = (value: number): string => valueText(metric, of, value);
  const now = after === undefined ? '' : text(after);
  if (of === 'run') return `${metric} ${now}`.trimEnd() + (before === undefined ? '' : `, usually ${text(before)}`);
  return `${metric} ${direction}, ${before === undefined ? '' : `${text(before)} → `}${now}`;
}

/** What else is different in the same runs, as a sentence. Empty where nothing is. */
export const alsoText = ({ also = [] }: Pick<Told, 'also'>): string =>
  also.length === 0 ? '' : `also ${also.map(changeText).join('; ')}`;

/** What was compared, as the end of a sentence. Empty of runs one by one. */
export function comparedText({ compared, chance }: Pick<Told, 'compared' | 'chance'>): string {
  if (!compared) return '';
  const { window, baseline } = compared;
  const by = chance === undefined ? '' : `; by chance ${chanceText(chance)}`;
  return `: its newest ${counted(window, 'run')} and ${baseline} before them${by}`;
}

/** Beyond this a number says no more. */
const SURE = 1e-6;
const chanceText = (chance: number): string =>
  chance < SURE ? 'less than 1 in a million' : `1 in ${formatTokens(Math.round(1 / chance))}`;

function valueText(metric: string, of: Finding['of'], value: number): string {
  if (of === 'share' || /^(tool-share:|cached-share)/.test(metric)) return formatPercent(value);
  if (metric === 'cost') return formatCost({ nanoUsd: Math.round(value) });
  if (metric === 'call-time' || metric === 'duration') return formatDuration(value);
  return metric.endsWith('tokens') ? `${formatTokens(Math.round(value))}` : String(Number(value.toFixed(2)));
}
