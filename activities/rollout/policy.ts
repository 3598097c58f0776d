// What a rollout is told before its first look, and nobody changes after it: what is compared, what is tolerated, how often it may be wrong.

import type { MetricPolicy, RolloutPolicy } from '../../workflows/contract/rollout';

export type { MetricPolicy, RolloutPolicy };

/** How sure it must be that the candidate is worse in this metric: the chances of all of them together are `falseAlarms` (Bonferroni). */
export function alphaOf(metric: MetricPolicy, { metrics, falseAlarms }: RolloutPolicy): number {
  return (falseAlarms * metric.weight) / metrics.reduce((sum, { weight }) => sum + weight, 0);
}

/** A difference, as a margin is told, on the scale on which the metric is compared. */
export const onScale = ({ kind }: MetricPolicy, by: number): number => (kind === 'ratio' ? Math.log1p(by) : by);

export const marginOf = (metric: MetricPolicy): number => onScale(metric, metric.margin);

/** On the scale of comparison. A ratio of nothing is that of the least there is, so that one run without a price does not decide. */
export const scaled = ({ kind }: MetricPolicy, value: number): number =>
  kind === 'ratio' ? Math.log(Math.max(value, LEAST)) : kind === 'share' ? Math.min(1, Math.max(0, value)) : value;

/** Tokens, milliseconds and billionths of a dollar are whole numbers. */
const LEAST = 1;

/**
 * Metrics of which nobody knows which one will matter, as one for each type of failure: they share one weight. All names must be known before
 * the first look; to add one because it was seen would be to look first and choose then.
 */
export const familyOf = (names: readonly string[], each: Omit<MetricPolicy, 'name'>): MetricPolicy[] =>
  names.map((name) => ({ ...each, name, weight: each.weight / names.length }));

const METRICS: readonly MetricPolicy[] = [
  { name: 'success', kind: 'share', better: 'higher', margin: 0.05, weight: 8, mustBeFine: true },
  { name: 'tokens', kind: 'ratio', better: 'lower', margin: 0.15, weight: 4, mustBeFine: true },
  { name: 'cost', kind: 'ratio', better: 'lower', margin: 0.15, weight: 2, mustBeFine: false },
  { name: 'duration', kind: 'ratio', better: 'lower', margin: 0.25, weight: 2, mustBeFine: false },
  { name: 'tool-errors', kind: 'share', better: 'lower', margin: 0.05, weight: 2, mustBeFine: false },
  { name: 'anomalies', kind: 'share', better: 'lower', margin: 0.02, weight: 1, mustBeFine: false },
];

export const USUAL_POLICY: RolloutPolicy = {
  metrics: METRICS,
  steps: [
    { share: 0.01, units: 10 },
    { share: 0.05, units: 20 },
    { share: 0.25, units: 50 },
    { share: 0.5, units: 100 },
    { share: 1, units: 0 },
  ],
  falseAlarms: 0.05,
  falseFines: 0.05,
  windowDays: 14,
};
