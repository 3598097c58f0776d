// What mode, limits and quota would fit an agent as it has behaved, each with its reason. Suggestions of numbers, not of judgement: who sets
// them knows what a run may cost.
import { usdText } from '../../workflows/contract/cost';
import type { RunRecord } from '../../workflows/contract/schemas/run-record';
import { counted, formatDuration, formatTokens } from '../format';
import { distributionOf, type Distribution } from './percentiles';
import type { AgentProfile, Suggestion } from './profile-shape';

/** Of fewer, the ninetieth percentile is one or two runs, and nothing is suggested. */
export const RUNS_ENOUGH = 20;
/** Above the 99th percentile of completed runs. */
const MARGIN = 1.5;
/** A caller of a sync agent waits no longer than this: the default of `sync.within`. */
const SYNC_MS = 20_000;
const SYNC_CALLS = 4;
/** Above what was used in the busiest minutes. */
const QUOTA_MARGIN = 1.2;
/** As figures are said: 1, 1.5, 2, 3, 4, 5, 6, 8 and ten times these. */
const ROUND = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];

type Seen = Omit<AgentProfile, 'suggests' | 'enough'>;

export function suggestions(profile: Seen, ended: readonly RunRecord[]): Suggestion[] {
  const completed = ended.flatMap((run) => (run.ended?.outcome === 'completed' ? [{ run, end: run.ended }] : []));
  return [modeOf(profile, ended), ...limitsOf(completed), ...quotaOf(profile)];
}

function modeOf({ perRun }: Seen, ended: readonly RunRecord[]): Suggestion {
  const inSessions = ended.filter(({ goesOnFrom }) => goesOnFrom).length;
  const { durationMs, modelCalls } = perRun;
  const setting = { of: 'mode', setting: 'mode' } as const;
  if (inSessions * 2 > ended.length)
    return {
      ...setting,
      value: 'session',
      why: `${inSessions} of ${counted(ended.length, 'run')} go on from what was said before them`,
    };
  const isQuick = durationMs.p99 <= SYNC_MS && modelCalls.p99 <= SYNC_CALLS;
  const facts = `of ${counted(durationMs.count, 'run')} 99 % took at most ${formatDuration(durationMs.p99)} and ${counted(modelCalls.p99, 'model call')}`;
  return isQuick
    ? { ...setting, value: 'sync', why: `${facts}: a caller can wait for that` }
    : { ...setting, value: 'async', why: `${facts}: too long, or too many, for a caller to wait` };
}

interface Completed {
  run: RunRecord;
  end: NonNullable<RunRecord['ended']>;
}

function limitsOf(completed: readonly Completed[]): Suggestion[] {
  if (completed.length < RUNS_ENOUGH) return [];
  const limit = (
    setting: string,
    valueOf: (one: Completed) => number | undefined,
    shown: (value: number) => string,
    written: (value: number) => string | number = (value) => value,
  ): Suggestion[] => {
    const values = completed.flatMap((one) => valueOf(one) ?? []);
    const { p99, count }: Distribution = distributionOf(values);
    if (count < RUNS_ENOUGH || p99 <= 0) return [];
    const value = rounded(p99 * MARGIN);
    const above = values.filter((one) => one > value).length;
    const stopped = above === 0 ? 'none of them' : `${above} of them`;
    const why = `99 % of ${count} completed runs needed at most ${shown(p99)}; half as much again, which would have stopped ${stopped}`;
    return [{ of: 'limits', setting: `limits.${setting}`, value: written(value), why }];
  };
  const tokens = ({ end: { totals } }: Completed): number => totals.usage.input + totals.usage.output;
  const usd = ({ end: { totals } }: Completed): number | undefined =>
    totals.cost && totals.cost.unknown === undefined ? totals.cost.nanoUsd : undefined;
  return [
    ...limit(
      'turns',
      ({ end }) => end.totals.turns,
      (value) => counted(value, 'turn'),
      Math.ceil,
    ),
    ...limit(
      'toolCalls',
      ({ end }) => end.totals.toolCalls,
      (value) => counted(value, 'tool call'),
      Math.ceil,
    ),
    ...limit('tokens', tokens, (value) => `${formatTokens(value)} tokens`, Math.ceil),
    ...limit('usd', usd, usdText, (value) => value / 1e9),
    ...limit(
      'wall',
      ({ run, end }) => end.at - run.startedAt,
      formatDuration,
      (value) => `${Math.ceil(value / 1_000)}s`,
    ),
  ];
}

/** Of the minutes in which it asked: what a day leaves between them is nobody's need. */
function quotaOf({ arrivals: { requests, tokens, minutes } }: Seen): Suggestion[] {
  if (minutes === 0) return [];
  const why = (what: string): string =>
    `in 99 % of ${counted(minutes, 'minute')} with a request it used at most ${what} (${minutes < 100 ? 'few minutes: that is the busiest' : 'p99'}); a fifth above`;
  return [
    {
      ...{ of: 'quota', setting: 'requestsPerMinute', value: Math.ceil(requests.p99 * QUOTA_MARGIN) },
      why: why(counted(requests.p99, 'request')),
    },
    {
      ...{ of: 'quota', setting: 'tokensPerMinute', value: Math.ceil(rounded(tokens.p99 * QUOTA_MARGIN)) },
      why: why(`${formatTokens(tokens.p99)} tokens`),
    },
  ];
}

/** The next round figure, so that a suggestion does not look more exact than it is. */
function rounded(value: number): number {
  if (value <= 10) return value <= 1 ? value : Math.ceil(value);
  const power = 10 ** Math.floor(Math.log10(value));
  return power * (ROUND.find((one) => one * power >= value) ?? 10);
}
