// A look in words that somebody reads at night, and as numbers and lines to draw.
import { BALANCE_ALPHA } from './balance';
import { count, percent, short } from './figures';
import type { Decision, Judgement, MetricVerdict } from './judge';
import { marginOf, type MetricPolicy, type RolloutPolicy } from './policy';

export interface Explanation {
  /** One sentence. */
  headline: string;
  /** A line a metric, those that are worse first. */
  metrics: string[];
}

export function explain(judgement: Judgement, policy: RolloutPolicy): Explanation {
  const order = { worse: 0, open: 1, fine: 2 };
  const verdicts = [...judgement.verdicts].sort((one, other) => order[one.verdict] - order[other.verdict]);
  return {
    headline: headlineOf(judgement, policy),
    metrics: verdicts.flatMap((verdict) => {
      const metric = policy.metrics.find(({ name }) => name === verdict.metric);
      return metric ? [metricInWords(verdict, metric, policy)] : [];
    }),
  };
}

function headlineOf({ decision, verdicts, balance, ...look }: Judgement, policy: RolloutPolicy): string {
  const named = (is: (verdict: MetricVerdict) => boolean): string =>
    verdicts
      .filter(is)
      .map(({ metric }) => metric)
      .join(', ');
  const mustBeFine = new Set(policy.metrics.filter((one) => one.mustBeFine).map(({ name }) => name));
  const missing = named(({ metric, verdict }) => mustBeFine.has(metric) && verdict !== 'fine');
  const exposure = `${count(look.exposure)} of ${count(look.exposureNeeded)} units that this step asks for`;
  const said: { readonly [of in Decision]: string } = {
    withdraw: `Withdraw: the candidate is worse in ${named(({ verdict }) => verdict === 'worse')}. A candidate that is worse in nothing is withdrawn with a chance of ${percent(policy.falseAlarms)} at most, however often somebody looks.`,
    pause: `Pause: the candidate has ${count(balance.candidate)} of ${count(balance.units)} units, where its share gives ${count(Math.round(balance.expected))}. Runs of one side are lost, late or not counted, so nothing else here can be trusted; by chance this happens in ${percent(BALANCE_ALPHA)} of rollouts.`,
    advance: `Go on to the next step: the candidate has had the ${exposure}, and is shown to be worse in nothing.`,
    promote: `Promote: the candidate is worse in nothing, and shown to be within what is tolerated in ${[...mustBeFine].join(', ')}.`,
    inconclusive: `Inconclusive after ${policy.windowDays} days: worse in nothing, but not shown to be within what is tolerated in ${missing}.`,
    wait: `Wait: worse in nothing so far; the candidate has had ${exposure}${missing ? `, and is not yet shown to be within what is tolerated in ${missing}` : ''}.`,
  };
  return said[decision];
}

function metricInWords(verdict: MetricVerdict, metric: MetricPolicy, { falseFines }: RolloutPolicy): string {
  const { current, candidate, harm, bounds, alpha } = verdict;
  const levels = `${metric.name}: candidate ${levelOf(candidate.mean, metric)} of ${count(candidate.units)} units, current ${levelOf(current.mean, metric)} of ${count(current.units)}`;
  if (harm === undefined) return `${levels}. Open: nothing to compare yet.`;
  const tolerated = `${harmInWords(marginOf(metric), metric)} is tolerated`;
  const { atLeast, atMost } = bounds;
  if (verdict.verdict === 'worse')
    return `${levels}. Worse: ${harmInWords(harm, metric)}${atLeast === undefined ? '' : `, and at any look at least ${harmInWords(atLeast, metric)}`}, with a chance of ${percent(alpha)} at most of crying wolf; ${tolerated}.`;
  if (verdict.verdict === 'fine')
    return `${levels}. Fine: ${harmInWords(harm, metric)}${atMost === undefined ? '' : `, and at most ${harmInWords(atMost, metric)}`}, with a chance of ${percent(falseFines)} at most of being wrong; ${tolerated}.`;
  const between =
    atLeast === undefined || atMost === undefined
      ? 'too few units to say more'
      : `between ${harmInWords(atLeast, metric)} and ${harmInWords(atMost, metric)}`;
  return `${levels}. Open: ${harmInWords(harm, metric)}, ${between}; ${tolerated}.`;
}

/** Of a harm on the scale of comparison: `4.0 points fewer`, `12 % more`. */
export function harmInWords(harm: number, { kind, better }: Pick<MetricPolicy, 'kind' | 'better'>): string {
  const up = better === 'lower' ? harm : -harm;
  if (kind === 'share') return `${(100 * Math.abs(up)).toFixed(1)} points ${up < 0 ? 'fewer' : 'more'}`;
  if (kind === 'level') return `${short(Math.abs(up))} ${up < 0 ? 'less' : 'more'}`;
  return `${percent(Math.abs(Math.expm1(up)))} ${up < 0 ? 'less' : 'more'}`;
}

function levelOf(mean: number | undefined, { kind, name }: MetricPolicy): string {
  if (mean === undefined) return 'nothing';
  if (kind === 'share') return percent(mean);
  if (name === 'duration') return `${short(mean / 1_000)} s`;
  // Of what costs nothing the least there is was compared.
  return name === 'cost' ? `$${mean <= 1 ? '0' : short(mean / 1e9)}` : short(mean);
}

/** One metric over the looks of a rollout. Harm is on the scale of comparison; a missing bound is not drawn. */
export interface HarmPlot {
  metric: string;
  margin: number;
  points: { units: number; harm: number; atLeast: number | undefined; atMost: number | undefined }[];
}

export const harmPlots = (judgements: readonly Judgement[], policy: RolloutPolicy): HarmPlot[] =>
  policy.metrics.map((metric) => ({
    ...{ metric: metric.name, margin: marginOf(metric) },
    points: judgements.flatMap(({ verdicts }) =>
      verdicts.flatMap(({ metric: name, harm, candidate, bounds }) =>
        name === metric.name && harm !== undefined ? [{ units: candidate.units, harm, ...bounds }] : [],
      ),
    ),
  }));

const COLUMNS = 41;
/** Margins to each side of no difference. */
const MARGINS = 4;

/**
 * A metric's harm as one line of a terminal, better on the left: `|` no difference, `M` what is tolerated, `o` the estimate, `-` what is possible.
 * What lies farther out stands at the edge.
 */
export function harmLine({ harm, bounds }: Pick<MetricVerdict, 'harm' | 'bounds'>, metric: MetricPolicy): string {
  const margin = marginOf(metric);
  const columnOf = (value: number): number =>
    Math.min(COLUMNS - 1, Math.max(0, Math.round(((value / margin + MARGINS) / (2 * MARGINS)) * (COLUMNS - 1))));
  const line = Array<string>(COLUMNS).fill(' ');
  if (harm !== undefined) {
    const [from, to] = [bounds.atLeast ?? -Infinity, bounds.atMost ?? Infinity];
    line.fill('-', columnOf(from), columnOf(to) + 1);
  }
  line[columnOf(0)] = '|';
  line[columnOf(margin)] = 'M';
  if (harm !== undefined) line[columnOf(harm)] = 'o';
  return line.join('');
}
