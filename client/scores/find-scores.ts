// Scores over runs: those that fit, newest first, and what they say of each agent, release or judge. From the store alone.
import type { ContentStore } from '../../activities/store';
import { SCORE_PREFIX } from '../../activities/store/ref-names';
import { scoreSchema, type Score } from '../../workflows/contract/schemas/score';
import { percentileOf } from '../profile/percentiles';

export interface ScoreFilter {
  agent?: string;
  release?: string;
  name?: string;
  by?: string;
  source?: Score['source'];
  /** Of numbers, and of yes (1) and no (0). */
  below?: number;
  above?: number;
  /** Milliseconds since 1970: given then or later. */
  since?: number;
  /** @default all */
  fits?(score: Score): boolean;
}

/** What a caller asks for, in the words of the command line and of the API. */
export interface WantedScores {
  agent?: string | undefined;
  release?: string | undefined;
  name?: string | undefined;
  judge?: string | undefined;
  source?: Score['source'] | undefined;
  below?: number | undefined;
  above?: number | undefined;
  /** Milliseconds before now. */
  within?: number | undefined;
}

export function scoreFilter(
  { agent, release, name, judge, source, below, above, within }: WantedScores,
  now: number,
): ScoreFilter {
  return {
    ...(agent === undefined ? {} : { agent }),
    ...(release === undefined ? {} : { release }),
    ...(name === undefined ? {} : { name }),
    ...(judge === undefined ? {} : { by: judge }),
    ...(source === undefined ? {} : { source }),
    ...(below === undefined ? {} : { below }),
    ...(above === undefined ? {} : { above }),
    ...(within === undefined ? {} : { since: now - within }),
  };
}

const PAGE = 1_000;

const asNumber = (score: Score): number | undefined =>
  score.kind === 'number' ? score.value : score.kind === 'boolean' ? Number(score.value) : undefined;

function isMeant(score: Score, filter: ScoreFilter): boolean {
  const { below, above, since, fits } = filter;
  const value = asNumber(score);
  return (
    (['agent', 'name', 'by', 'source'] as const).every(
      (one) => filter[one] === undefined || filter[one] === score[one],
    ) &&
    (filter.release === undefined || score.release.startsWith(filter.release)) &&
    (below === undefined || (value !== undefined && value < below)) &&
    (above === undefined || (value !== undefined && value > above)) &&
    (since === undefined || score.at >= since) &&
    (fits?.(score) ?? true)
  );
}

async function* scoresThat(store: ContentStore, filter: ScoreFilter): AsyncGenerator<{ ref: string; score: Score }[]> {
  for (let after: string | undefined; ;) {
    const page = await store.listRefs(SCORE_PREFIX, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield page.flatMap(({ name, value }) => {
      const { data } = scoreSchema.safeParse(value);
      return data && isMeant(data, filter) ? [{ ref: name, score: data }] : [];
    });
    after = page.at(-1)?.name;
    if (page.length < PAGE) return;
  }
}

/** Of one score among all: newer ones come first. */
export interface ScorePlace {
  at: number;
  ref: string;
}

/** @param behind the last of the page before @returns at most `limit`, and the place of the last where there are more */
export async function findScores(
  store: ContentStore,
  filter: ScoreFilter,
  { limit, behind }: { limit: number; behind?: ScorePlace },
): Promise<{ scores: Score[]; next?: ScorePlace }> {
  const placeOf = ({ ref, score }: { ref: string; score: Score }): ScorePlace => ({ at: score.at, ref });
  const isBefore = (a: ScorePlace, b: ScorePlace): boolean => a.at > b.at || (a.at === b.at && a.ref < b.ref);
  let newest: { ref: string; score: Score }[] = [];
  for await (const page of scoresThat(store, filter)) {
    const rest = page.filter((one) => !behind || isBefore(behind, placeOf(one)));
    newest = [...newest, ...rest].sort((a, b) => (isBefore(placeOf(a), placeOf(b)) ? -1 : 1)).slice(0, limit + 1);
  }
  const last = newest[limit - 1];
  return {
    scores: newest.slice(0, limit).map(({ score }) => score),
    ...(newest.length > limit && last ? { next: placeOf(last) } : {}),
  };
}

export const SCORES_BY = ['release', 'agent', 'by', 'source'] as const;
export type ScoresBy = (typeof SCORES_BY)[number];

export interface ScoreSummary {
  /** The release, the agent, who has judged, or what that was. */
  of: string;
  agent: string;
  name: string;
  kind: Score['kind'];
  scores: number;
  /** How many runs they are of. */
  runs: number;
  /** Of numbers; of yes and no the share of yes. */
  mean?: number;
  p10?: number;
  p50?: number;
  least?: number;
  most?: number;
  range?: { least: number; most: number };
  /** How often each; the most frequent first. */
  categories?: { value: string; scores: number }[];
  /** When the first and the newest of them were given. */
  from: number;
  to: number;
}

interface Gathered {
  first: Score;
  runs: Set<string>;
  numbers: number[];
  categories: Map<string, number>;
  scores: number;
  from: number;
  to: number;
}

/** Of each name by itself, and of numbers of each range: the newest first. */
export async function summariseScores(store: ContentStore, filter: ScoreFilter, by: ScoresBy): Promise<ScoreSummary[]> {
  const groups = new Map<string, Gathered>();
  for await (const page of scoresThat(store, filter))
    for (const { score } of page) {
      const range = score.kind === 'number' ? [score.range.least, score.range.most] : [];
      const key = JSON.stringify([score[by], score.agent, score.name, score.kind, ...range]);
      groups.set(key, gathered(groups.get(key), score));
    }
  return [...groups.values()].sort((a, b) => b.to - a.to).map((group) => summaryOf(group, by));
}

function gathered(group: Gathered | undefined, score: Score): Gathered {
  const all = group ?? {
    ...{ first: score, runs: new Set<string>(), numbers: [], categories: new Map<string, number>() },
    ...{ scores: 0, from: score.at, to: score.at },
  };
  all.runs.add(score.run);
  all.scores += 1;
  all.from = Math.min(all.from, score.at);
  all.to = Math.max(all.to, score.at);
  const number = asNumber(score);
  if (number !== undefined) all.numbers.push(number);
  if (score.kind === 'category') all.categories.set(score.value, (all.categories.get(score.value) ?? 0) + 1);
  return all;
}

function summaryOf({ first, runs, numbers, categories, scores, from, to }: Gathered, by: ScoresBy): ScoreSummary {
  const sorted = numbers.toSorted((a, b) => a - b);
  const mean = { mean: sorted.reduce((sum, value) => sum + value, 0) / Math.max(1, sorted.length) };
  const spread = {
    p10: percentileOf(sorted, 0.1),
    p50: percentileOf(sorted, 0.5),
    least: sorted[0] ?? 0,
    most: sorted.at(-1) ?? 0,
  };
  return {
    ...{ of: first[by], agent: first.agent, name: first.name, kind: first.kind, scores, runs: runs.size },
    ...(first.kind === 'category'
      ? {
          categories: [...categories]
            .map(([value, count]) => ({ value, scores: count }))
            .sort((a, b) => b.scores - a.scores || (a.value < b.value ? -1 : 1)),
        }
      : mean),
    ...(first.kind === 'number' ? { ...spread, range: first.range } : {}),
    ...{ from, to },
  };
}
