// How an agent has behaved: the same numbers as `longhaul profile`.
import { z } from 'zod';
import { profileAgent } from '../../profile/profile-agent';
import { agentProfileShape } from '../../profile/profile-shape';
import { ageMs, ageQuery } from '../age-query';
import { seesAgent, seesTenant } from '../caller';
import { Problem } from '../problem';
import { defineRoute } from '../route';
import { agentNameShape } from '../shapes';
import { createTurnstile } from '../turnstile';

/** Each reads the calls of many runs. */
const readers = createTurnstile(4);

export const profileRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/agents/{name}/profile',
    group: 'agents',
    summary: 'How an agent behaves: times, calls, context, failures, and what limits fit it',
    description:
      'Of the runs that the key may see, from their records: the newest 10,000, and of the calls those of the newest 1,000.',
    scopes: ['read'],
    params: agentNameShape,
    query: z.strictObject({
      since: ageQuery.default('30d'),
      release: z
        .string()
        .regex(/^[0-9a-f]{6,64}$/, 'a hash, or at least six digits of its beginning')
        .optional(),
    }),
    answers: { 200: { description: 'Its profile.', schema: { name: 'AgentProfile', shape: agentProfileShape } } },
  },
  async ({ params: { name }, query, caller, deps }) => {
    if (!seesAgent(caller, name)) throw new Problem('Agent.NotFound', `there is no agent "${name.slice(0, 80)}".`);
    const profile = await readers.pass(caller, () =>
      profileAgent(deps.store, {
        ...{ agent: name, since: Date.now() - ageMs(query.since) },
        ...(query.release === undefined ? {} : { release: query.release }),
        fits: (record) => seesTenant(caller, record.tenant),
      }),
    );
    return { status: 200, body: profile };
  },
);
