// What runs have cost, by their records: the same numbers as `longhaul cost`.
import { z } from 'zod';
import { costSchema } from '../../../workflows/contract/schemas/cost';
import { usageSchema } from '../../../workflows/contract/schemas/message';
import { ageMs, ageQuery } from '../age-query';
import { COST_BY, costsOf, type CostBy } from '../../cost/run-costs';
import { seesTenant } from '../caller';
import { maySee } from '../known-run';
import { defineRoute } from '../route';
import { count } from '../shapes';
import { createTurnstile } from '../turnstile';

/** Each reads the records of all runs that it is about. */
const readers = createTurnstile(8);

const BY = new RegExp(`^(${COST_BY.join('|')})(,(${COST_BY.join('|')}))*$`);

const lineShape = z.object({
  of: z.string(),
  key: z.object(Object.fromEntries(COST_BY.map((by) => [by, z.string().exactOptional()]))),
  runs: count,
  usage: usageSchema.describe('Tokens.'),
  cost: costSchema.exactOptional().describe('Absent where nobody counted it.'),
  saved: usageSchema.exactOptional().describe('What answers from the cache took when they were asked first.'),
  savedCost: costSchema.exactOptional(),
  inVain: z
    .object({ unanswered: usageSchema, requests: z.number(), wasted: usageSchema })
    .exactOptional()
    .describe(
      'Part of usage: of requests that were not answered, estimated, and how many are known; of answers that were not taken.',
    ),
});
export const costsShape = z.object({
  by: z.string(),
  costs: z.array(lineShape).describe('The dearest first; by day alone, the newest.'),
  total: lineShape,
});

export const costRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/cost',
    group: 'cost',
    summary: 'What runs have cost, by their records',
    description:
      "Each run counts what it spent itself: a sub-agent's run is counted by itself. In full on the day it began.",
    scopes: ['read'],
    query: z.strictObject({
      by: z
        .string()
        .regex(BY, `one or several of ${COST_BY.join(', ')}, with commas between them`)
        .default('agent'),
      since: ageQuery.optional().describe('Only runs that began within it, such as `7d`.'),
    }),
    answers: { 200: { description: 'What they have cost.', schema: { name: 'Costs', shape: costsShape } } },
  },
  async ({ query, caller, deps }) => {
    const by = [...new Set(query.by.split(','))].flatMap((one): CostBy[] => COST_BY.filter((known) => known === one));
    const found = await readers.pass(caller, () =>
      costsOf(deps.store, {
        by,
        ...(query.since === undefined ? {} : { since: Date.now() - ageMs(query.since) }),
        fits: async (record) => seesTenant(caller, record.tenant) && (await maySee(caller, deps.store, record)),
      }),
    );
    return { status: 200, body: { by: by.join(','), ...found } };
  },
);
