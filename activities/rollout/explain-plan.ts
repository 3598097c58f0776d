// What a rollout will take, in words.
import { harmInWords } from './explain';
import { count, daysInWords, percent } from './figures';
import type { PlanLine, RolloutPlan } from './plan';
import { onScale, type RolloutPolicy } from './policy';

/** First the lines of the plan, then its warnings. */
export function explainPlan({ lines, runsPerDay, steps, warnings }: RolloutPlan, policy: RolloutPolicy): string[] {
  const days = steps.map(({ share, days: each }) => `${percent(share)} ${daysInWords(each)}`).join(', ');
  return [
    `At ${count(runsPerDay)} runs a day the steps take at least: ${days}.`,
    ...lines.map((line) => lineInWords(line, policy)),
    ...warnings,
  ];
}

function lineInWords({ regression, runs, days, within }: PlanLine, policy: RolloutPolicy): string {
  const metric = policy.metrics.find(({ name }) => name === regression?.metric);
  const what =
    regression && metric
      ? `A candidate with ${metric.name} ${harmInWords(onScale(metric, regression.by), metric)} is withdrawn`
      : 'A candidate as good as the current release takes over';
  const took = (runsOf: number, daysOf: number): string =>
    runsOf === Infinity ? 'longer than was tried' : `${count(runsOf)} runs, ${daysInWords(daysOf)}`;
  return `${what} after ${took(runs.median, days.median)} (median; nine of ten: ${took(runs.most, days.most)}); ${percent(within)} within the window.`;
}
