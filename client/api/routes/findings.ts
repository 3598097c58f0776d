// Where agents behave otherwise than they did.
import { z } from 'zod';
import { isDefinitionName } from '../../../activities/define/definition-name';
import { findingsIn } from '../../../activities/store/findings';
import { findingSchema, type Finding } from '../../../workflows/contract/schemas/finding';
import { seesAgent, seesTenant, type Caller } from '../caller';
import { seenFinding } from '../../seen-finding';
import { defineRoute } from '../route';

const FINDINGS_MAX = 100;

const findingShape = findingSchema
  .omit({ schemaVersion: true, since: true, upTo: true, isTold: true, runs: true })
  .extend({
    after: z.number().exactOptional().describe('Of runs one by one that of the first, to whom may see it.'),
    runs: z.array(z.string()).describe('Those that show it most.'),
  });
export const findingsShape = z.object({
  findings: z.array(findingShape),
  more: z.boolean().describe('There are older ones.'),
});

function shownTo(caller: Caller, finding: Finding): z.output<typeof findingShape>[] {
  const sees = (tenant: string): boolean => seesTenant(caller, tenant);
  const seen = seesAgent(caller, finding.agent) ? seenFinding(finding, caller.tenants && sees) : undefined;
  if (!seen) return [];
  const { schemaVersion: _, ...shown } = seen;
  return [{ ...shown, runs: seen.runs.map(({ id }) => id) }];
}

const listRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/findings',
    group: 'agents',
    summary: 'Where agents behave otherwise than they did, and the runs that show it',
    description:
      'Newest first. Runs of all tenants are compared together: a key for some tenants is shown what single runs of theirs did alone.',
    scopes: ['read'],
    query: z.strictObject({
      agent: z.string().min(1).max(200).optional(),
      limit: z.coerce.number().int().min(1).max(FINDINGS_MAX).default(50),
    }),
    answers: { 200: { description: 'The findings.', schema: { name: 'Findings', shape: findingsShape } } },
  },
  async ({ query: { agent, limit }, caller, deps }) => {
    const isKnown = agent === undefined || isDefinitionName(agent);
    const kept = isKnown ? await findingsIn(deps.store, agent) : [];
    const found = kept.flatMap((finding) => shownTo(caller, finding));
    return { status: 200, body: { findings: found.slice(0, limit), more: found.length > limit } };
  },
);

export const findingRoutes = [listRoute];
