// What a rollout is judged by, from what somebody has said of it: the rest is as usual.
import { USUAL_POLICY, familyOf, type MetricPolicy, type RolloutPolicy } from '../activities/rollout/policy';
import { FAILURE, SCORE } from '../activities/rollout/run-values';
import { FAILURES } from '../workflows/contract/failures';
import { SCORE_NAME } from '../workflows/contract/schemas/score';
import { WHOLE_SHARE } from '../workflows/contract/schemas/traffic';
import { ClientError } from './errors';

export interface PolicyAsked {
  /** In per cent, rising; the last may be 100. @default 1, 5, 25, 50, 100 */
  steps?: readonly number[];
  /** That the candidate must have had in each step; one number is for all. @default as usual for the step's place */
  units?: readonly number[];
  /** @default 14 */
  windowDays?: number;
  /** By metric: so much worse is tolerated. A score is `score:NAME`. @default as usual */
  margins?: { readonly [metric: string]: number };
}

/** A metric that is always compared, or a score by its name. */
export const METRIC_NAME = new RegExp(
  `^(?:${USUAL_POLICY.metrics.map(({ name }) => name).join('|')}|${SCORE}${SCORE_NAME.source.slice(1, -1)})$`,
);
export const STEPS_MOST = 20;
const WINDOW_DAYS_MOST = 90;
const UNITS_MOST = 1_000_000;

/** Types of failure that came up are compared too, all of them together with the weight of one metric: none is chosen for having been seen. */
const FAILURE_TYPES = Object.keys(FAILURES).filter((type) => /^(Model|Tool|Budget|Loop|Escalation)\./.test(type));
const OF_FAILURES: Omit<MetricPolicy, 'name'> = {
  ...{ kind: 'share', better: 'lower', margin: 0.02, weight: 1, mustBeFine: false },
};
const OF_SCORE: Omit<MetricPolicy, 'name' | 'margin'> = {
  kind: 'share',
  better: 'higher',
  weight: 2,
  mustBeFine: false,
};

/** @throws ClientError `invalid-input` */
export function rolloutPolicy({ steps, units, windowDays, margins = {} }: PolicyAsked): RolloutPolicy {
  const usual = USUAL_POLICY.steps;
  const shares = steps ?? usual.map(({ share }) => 100 * share);
  requireSteps(shares);
  if (units) requireUnits(units, shares);
  const unitsOf = (at: number): number =>
    units ? (units.length === 1 ? (units[0] ?? 0) : (units[at] ?? 0)) : (usual[Math.min(at, 3)]?.units ?? 0);
  const window = windowDays ?? USUAL_POLICY.windowDays;
  if (!(window > 0 && window <= WINDOW_DAYS_MOST))
    throw invalid(`a window is more than 0 and at most ${WINDOW_DAYS_MOST} days.`);
  return {
    ...USUAL_POLICY,
    windowDays: window,
    metrics: [
      ...metricsWith(margins),
      ...familyOf(
        FAILURE_TYPES.map((type) => `${FAILURE}${type}`),
        OF_FAILURES,
      ),
    ],
    steps: shares.map((percent, at) => ({
      share: Math.round(percent * 100) / WHOLE_SHARE,
      units: percent === 100 ? 0 : unitsOf(at),
    })),
  };
}

const invalid = (message: string): ClientError => new ClientError('invalid-input', message);

function requireSteps(percents: readonly number[]): void {
  const isRising = percents.every((percent, at) => at === 0 || percent > (percents[at - 1] ?? 0));
  const isShare = (percent: number): boolean => percent >= 0.01 && percent <= 100;
  if (percents.length === 0 || percents.length > STEPS_MOST || !percents.every(isShare) || !isRising)
    throw invalid(`steps are up to ${STEPS_MOST} rising shares in per cent, from 0.01 to 100, such as 1,5,25,50,100.`);
  if (percents[0] === 100)
    throw invalid(
      'with a first step of 100 % there is nothing to compare with: "longhaul release AGENT --take" does that.',
    );
}

function requireUnits(units: readonly number[], steps: readonly number[]): void {
  const compared = steps.filter((percent) => percent < 100).length;
  const isCount = (count: number): boolean => Number.isInteger(count) && count >= 1 && count <= UNITS_MOST;
  if (!units.every(isCount) || ![1, compared, steps.length].includes(units.length))
    throw invalid(`units are whole numbers from 1: one for all steps, or one for each of the ${compared} below 100 %.`);
}

function metricsWith(margins: NonNullable<PolicyAsked['margins']>): MetricPolicy[] {
  const usual = USUAL_POLICY.metrics;
  for (const [name, margin] of Object.entries(margins)) {
    if (!(margin > 0 && margin < 10)) throw invalid(`a margin is a number above 0, such as ${name}=0.05.`);
    if (METRIC_NAME.test(name)) continue;
    throw invalid(
      `there is no metric "${name.slice(0, 60)}": there are ${usual.map((one) => one.name).join(', ')} and score:NAME.`,
    );
  }
  const known = usual.map((metric) => ({ ...metric, margin: margins[metric.name] ?? metric.margin }));
  const scores = Object.entries(margins).filter(([name]) => name.startsWith(SCORE));
  return [...known, ...scores.map(([name, margin]): MetricPolicy => ({ ...OF_SCORE, name, margin }))];
}
