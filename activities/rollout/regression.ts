// A release that is worse by so much, made from runs of one that is not.
import { scaled, type MetricPolicy, type RolloutPolicy } from './policy';
import type { RunValues } from './strata';

export interface Regression {
  metric: string;
  /** Of a share 0.15 is fifteen points, of a ratio 0.3 is 30 % more, of a level it is in its own unit. */
  by: number;
}

/** @returns what a run would have come to with a candidate that is worse */
export function worsened(
  units: readonly (readonly RunValues[])[],
  { metric: name, by }: Regression,
  { metrics }: RolloutPolicy,
): (run: RunValues, chance: () => number) => RunValues {
  const metric = metrics.find((one) => one.name === name);
  if (!metric) throw new RangeError(`There is no metric ${name} in the policy.`);
  const values = units.flat().flatMap((run) => (run[name] === undefined ? [] : [scaled(metric, run[name])]));
  const mean = values.reduce((sum, one) => sum + one, 0) / Math.max(1, values.length);
  return (run, chance) => {
    const value = run[name];
    return value === undefined ? run : { ...run, [name]: worseValue(value, metric, { by, mean, chance }) };
  };
}

function worseValue(
  value: number,
  { kind, better }: MetricPolicy,
  { by, mean, chance }: { by: number; mean: number; chance: () => number },
): number {
  const up = better === 'lower';
  if (kind === 'ratio') return up ? value * (1 + by) : value / (1 + by);
  if (kind === 'level') return up ? value + by : value - by;
  // So many of the good ones become bad that the mean moves by `by`.
  const good = up ? 1 - mean : mean;
  return chance() * good < by ? Number(up) : value;
}
