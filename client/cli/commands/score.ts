// `longhaul score RUN NAME=VALUE`: what somebody thinks of a run or a call; `longhaul scores`: finds such, and sums them up.
import { userInfo } from 'node:os';
import { type SCORE_SOURCES, type Score } from '../../../workflows/contract/schemas/score';
import { ClientError } from '../../errors';
import { counted, formatAge } from '../../format';
import {
  findScores,
  scoreFilter,
  summariseScores,
  type ScoreFilter,
  type ScoresBy,
  type ScoreSummary,
} from '../../scores/find-scores';
import { requireFit, scoreRun, type GivenScore } from '../../scores/score-run';
import type { CliContext } from '../context';
import { EXIT } from '../exit-codes';
import { findRun } from '../find-run';
import { scoredValue, scoreText } from '../../scores/score-text';

export interface ScoreOptions {
  call?: number;
  by?: string;
  source?: Score['source'];
  range?: { least: number; most: number };
  categories?: string[];
  note?: string;
  key?: string;
}

export async function scoreCommand(
  context: CliContext,
  given: string,
  said: readonly string[],
  options: ScoreOptions,
): Promise<number> {
  const { output } = context;
  if (options.key !== undefined && said.length > 1)
    throw new ClientError('invalid-input', '--key names one score: give them one by one.');
  const all = said.map((one) => scoreOf(context, nameAndValue(one), options));
  // Of several either all are kept or none.
  all.forEach(requireFit);
  const { id } = await findRun(context.readStore(), given);
  const scores: Score[] = [];
  for (const one of all) scores.push(await scoreRun(context.openStore(), id, one));
  output.json({ run: id, scores });
  for (const score of scores) output.line(`${output.safeLine(id)}  ${output.safeLine(scoreText(score))}`);
  return EXIT.completed;
}

type Pair = Pick<GivenScore, 'name' | 'value'>;

function nameAndValue(text: string): Pair {
  const at = text.indexOf('=');
  if (at < 1)
    throw new ClientError(
      'invalid-input',
      `"${text.slice(0, 80)}" is not NAME=VALUE, such as helpful=0.8 or correct=true.`,
    );
  return { name: text.slice(0, at), value: scoredValue(text.slice(at + 1)) };
}

function scoreOf({ settings }: CliContext, pair: Pair, options: ScoreOptions): GivenScore {
  const { call, by, source, range, categories, note, key } = options;
  return {
    ...pair,
    by: by ?? settings.identity.user ?? userInfo().username,
    ...(call === undefined ? {} : { call }),
    ...(source === undefined ? {} : { source }),
    // Several scores may be given at once, of which one is a number.
    ...(range && typeof pair.value === 'number' ? { range } : {}),
    ...(categories && typeof pair.value === 'string' ? { categories } : {}),
    ...(note === undefined ? {} : { note }),
    ...(key === undefined ? {} : { key }),
  };
}

export interface ScoresOptions {
  agent?: string;
  release?: string;
  name?: string;
  tenant?: string;
  judge?: string;
  source?: (typeof SCORE_SOURCES)[number];
  below?: number;
  above?: number;
  /** Milliseconds. */
  since?: number;
  by?: ScoresBy;
  limit: number;
}

export async function scoresCommand(context: CliContext, options: ScoresOptions, now = Date.now()): Promise<number> {
  const { output } = context;
  const store = context.readStore();
  const filter = filterOf(options, now);
  if (options.by !== undefined) {
    const summary = await summariseScores(store, filter, options.by);
    output.json({ by: options.by, summary });
    showSummary(context, options.by, summary);
    if (summary.length === 0) output.note('no score fits.');
    return EXIT.completed;
  }
  const { scores, next } = await findScores(store, filter, { limit: options.limit });
  output.json({ scores, more: next !== undefined });
  output.table(scores, [
    { title: 'run', value: ({ run }) => run },
    { title: 'call', value: ({ call }) => (call ? String(call.number) : ''), align: 'right' },
    { title: 'agent', value: ({ agent }) => agent },
    { title: 'release', value: ({ release }) => release.slice(0, 12) },
    { title: 'age', value: ({ at }) => formatAge(now - at), align: 'right' },
    { title: 'score', value: scoreText, flexible: true },
  ]);
  if (scores.length === 0) output.note('no score fits. Give one: longhaul score RUN helpful=0.8');
  if (next) output.note('there are older ones; --limit shows more.');
  return EXIT.completed;
}

function filterOf({ tenant, since: within, ...wanted }: ScoresOptions, now: number): ScoreFilter {
  const filter = scoreFilter({ ...wanted, within }, now);
  return tenant === undefined ? filter : { ...filter, fits: (score) => score.tenant === tenant };
}

const short = (value: number | undefined): string => (value === undefined ? '' : String(Number(value.toFixed(3))));

function showSummary({ output }: CliContext, by: ScoresBy, summary: readonly ScoreSummary[]): void {
  output.table(summary, [
    { title: by, value: ({ of }) => (by === 'release' ? of.slice(0, 12) : of) },
    { title: 'agent', value: ({ agent }) => (by === 'agent' ? '' : agent) },
    { title: 'score', value: ({ name }) => name },
    { title: 'scores', value: ({ scores }) => String(scores), align: 'right' },
    { title: 'runs', value: ({ runs }) => String(runs), align: 'right' },
    { title: 'mean', value: ({ mean }) => short(mean), align: 'right' },
    { title: 'p10', value: ({ p10 }) => short(p10), align: 'right' },
    { title: 'p50', value: ({ p50 }) => short(p50), align: 'right' },
    {
      title: 'range',
      value: ({ kind, range }) => (range ? `${range.least} to ${range.most}` : kind === 'boolean' ? 'yes is 1' : ''),
    },
    { title: 'since', value: ({ from }) => new Date(from).toISOString().slice(0, 10) },
    {
      title: 'categories',
      value: ({ categories = [] }) => categories.map(({ value, scores }) => `${value} ${scores}`).join(', '),
      flexible: true,
    },
  ]);
  if (summary.length > 0) output.note(`${counted(summary.length, 'line')}, the newest first.`);
}
