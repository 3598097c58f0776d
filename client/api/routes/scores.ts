// What people, rules and judges think of runs and their calls.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  SCORE_BY_CHARS,
  SCORE_CATEGORIES_MAX,
  SCORE_CATEGORY_CHARS,
  SCORE_KEY_CHARS,
  SCORE_NAME,
  SCORE_NAME_CHARS,
  SCORE_NOTE_CHARS,
  SCORE_SOURCES,
  scoreSchema,
  type Score,
} from '../../../workflows/contract/schemas/score';
import {
  findScores,
  scoreFilter,
  summariseScores,
  SCORES_BY,
  type ScoreFilter,
  type ScorePlace,
} from '../../scores/find-scores';
import { scoreRun, scoresOfRun } from '../../scores/score-run';
import { ageMs, ageQuery } from '../age-query';
import { seesAgent, seesTenant, type Caller } from '../caller';
import { CURSOR_CHARS, openedCursor, sealedCursor } from '../cursor';
import { IDEMPOTENCY_KEY_PATTERN, idempotencyKeyOf } from '../idempotency';
import { knownRun } from '../known-run';
import { defineRoute, type ApiDeps } from '../route';
import { count, runIdShape } from '../shapes';
import { createTurnstile } from '../turnstile';

/** Each reads all scores. */
const readers = createTurnstile(8);
const LIST = 'scores';
const LIMIT_MOST = 200;

const category = z.string().min(1).max(SCORE_CATEGORY_CHARS);
const givenShape = z.strictObject({
  name: z.string().max(SCORE_NAME_CHARS).regex(SCORE_NAME, 'lower-case words, with - _ or . between them'),
  value: z.union([z.number(), z.boolean(), category], { error: 'a number, true or false, or a category' }),
  range: z
    .strictObject({ least: z.number(), most: z.number() })
    .exactOptional()
    .describe('Of a number: from 0 to 1 unless said.'),
  categories: z.array(category).min(1).max(SCORE_CATEGORIES_MAX).exactOptional(),
  call: z
    .number()
    .int()
    .min(1)
    .exactOptional()
    .describe('Number of the call in the trace. The whole run where it is left out.'),
  by: z
    .string()
    .min(1)
    .max(SCORE_BY_CHARS)
    .exactOptional()
    .describe("Who judges. With keys the key's name stands before it."),
  source: z.enum(SCORE_SOURCES).exactOptional().describe('`person` unless said.'),
  note: z.string().max(SCORE_NOTE_CHARS).exactOptional(),
});

export const scoresOfRunShape = z.object({ scores: z.array(scoreSchema) });
const scoresShape = z.object({
  scores: z.array(scoreSchema),
  next: z.string().exactOptional().describe('Cursor of the next page.'),
});

/** Nobody speaks in the name of another key. */
const judgeOf = ({ name }: Caller, by: string | undefined): string =>
  [name, by].filter((one) => one !== undefined).join('/') || 'anybody';

/** One caller's key says nothing of another's. */
function keyOf({ name }: Caller, key: string): string {
  const own = name === undefined ? key : `${name}/${key}`;
  return own.length <= SCORE_KEY_CHARS ? own : createHash('sha256').update(own).digest('base64url');
}

const giveRoute = defineRoute(
  {
    method: 'POST',
    path: '/v1/runs/{id}/scores',
    group: 'scores',
    summary: 'Score a run, or one call of it',
    description: 'The same name of the same run or call by the same judge takes the place of what was said before.',
    scopes: ['intervene'],
    params: runIdShape,
    headers: [
      { name: 'Idempotency-Key', description: 'By the same one it is given once.', pattern: IDEMPOTENCY_KEY_PATTERN },
    ],
    body: { schema: givenShape },
    answers: { 200: { description: 'It is kept.', schema: { name: 'Score', shape: scoreSchema } } },
  },
  async ({ params, body, caller, deps, header }) => {
    const { id } = await knownRun(caller, deps.store, params.id);
    const key = idempotencyKeyOf(header('idempotency-key'));
    const own = key === undefined ? {} : { key: keyOf(caller, key) };
    const score = await scoreRun(deps.store, id, { ...body, by: judgeOf(caller, body.by), ...own });
    return { status: 200, body: score };
  },
);

const ofRunRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/runs/{id}/scores',
    group: 'scores',
    summary: 'What is thought of a run and its calls',
    scopes: ['read'],
    params: runIdShape,
    answers: {
      200: {
        description: 'In the order in which they were given.',
        schema: { name: 'ScoresOfRun', shape: scoresOfRunShape },
      },
    },
  },
  async ({ params, caller, deps }) => {
    const { id } = await knownRun(caller, deps.store, params.id);
    return { status: 200, body: { scores: await scoresOfRun(deps.store, id) } };
  },
);

const number = z.coerce.number({ error: 'a number' });
/** What is empty is no number: it is not taken for 0. */
const bound = z.preprocess((given) => (given === '' ? NaN : given), number).meta({ type: 'number' });
const filterShape = {
  agent: z.string().max(200).optional(),
  release: z
    .string()
    .regex(/^[0-9a-f]{6,64}$/, 'a hash, or at least six digits of its beginning')
    .optional(),
  name: z.string().max(SCORE_NAME_CHARS).optional(),
  judge: z.string().max(SCORE_BY_CHARS).optional().describe('Who has judged.'),
  source: z.enum(SCORE_SOURCES).optional(),
  below: bound.optional().describe('Only lower ones; no counts as 0, yes as 1.'),
  above: bound.optional(),
  since: ageQuery.optional().describe('Only those given within it, such as `7d`.'),
};

type FilterQuery = { [Name in keyof typeof filterShape]?: z.output<(typeof filterShape)[Name]> };

const filterOf = ({ since, ...wanted }: FilterQuery, caller: Caller): ScoreFilter => ({
  ...scoreFilter({ ...wanted, within: since === undefined ? undefined : ageMs(since) }, Date.now()),
  fits: (score: Score) => seesTenant(caller, score.tenant) && seesAgent(caller, score.agent),
});

const placeSchema = z.tuple([z.number(), z.string()]);
async function placeOf({ store }: ApiDeps, cursor: string): Promise<ScorePlace> {
  const [at, ref] = placeSchema.parse(JSON.parse(await openedCursor(store, LIST, cursor)));
  return { at, ref };
}

const listRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/scores',
    group: 'scores',
    summary: 'Scores over runs, newest first',
    scopes: ['read'],
    query: z.strictObject({
      ...filterShape,
      limit: z.coerce.number().int().min(1).max(LIMIT_MOST).default(20),
      cursor: z.string().max(CURSOR_CHARS).optional(),
    }),
    answers: {
      200: {
        description: 'A page of them.',
        schema: { name: 'Scores', shape: scoresShape },
      },
    },
  },
  async ({ query, caller, deps }) => {
    const behind = query.cursor === undefined ? undefined : await placeOf(deps, query.cursor);
    const { scores, next } = await readers.pass(caller, () =>
      findScores(deps.store, filterOf(query, caller), { limit: query.limit, ...(behind ? { behind } : {}) }),
    );
    const cursor = next ? { next: await sealedCursor(deps.store, LIST, JSON.stringify([next.at, next.ref])) } : {};
    return { status: 200, body: { scores, ...cursor } };
  },
);

export const summaryShape = z.object({
  by: z.enum(SCORES_BY),
  summary: z.array(
    z.object({
      ...{ of: z.string(), agent: z.string(), name: z.string(), kind: z.string(), scores: count, runs: count },
      mean: z.number().exactOptional().describe('Of yes and no the share of yes.'),
      ...{ p10: z.number().exactOptional(), p50: z.number().exactOptional() },
      ...{ least: z.number().exactOptional(), most: z.number().exactOptional() },
      range: z.object({ least: z.number(), most: z.number() }).exactOptional(),
      categories: z.array(z.object({ value: z.string(), scores: count })).exactOptional(),
      from: z.number(),
      to: z.number(),
    }),
  ),
});

const summaryRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/scores/summary',
    group: 'scores',
    summary: 'Scores summed up, by release',
    scopes: ['read'],
    query: z.strictObject({ ...filterShape, by: z.enum(SCORES_BY).default('release') }),
    answers: { 200: { description: 'The newest first.', schema: { name: 'ScoreSummary', shape: summaryShape } } },
  },
  async ({ query, caller, deps }) => {
    const summary = await readers.pass(caller, () => summariseScores(deps.store, filterOf(query, caller), query.by));
    return { status: 200, body: { by: query.by, summary } };
  },
);

export const scoreRoutes = [giveRoute, ofRunRoute, listRoute, summaryRoute];
