// Agents and their releases, as workers have published them.
import { z } from 'zod';
import { allRefs, type ContentStore } from '../../../activities/store';
import { AGENT_PREFIX, agentPointerName } from '../../../activities/store/ref-names';
import type { ReleaseManifest } from '../../../workflows/contract/release';
import { agentPointerSchema } from '../../../workflows/contract/schemas/traffic';
import { readManifest } from '../../releases';
import { seesAgent } from '../caller';
import { Problem } from '../problem';
import { defineRoute } from '../route';
import { agentNameShape, agentShape, agentsShape, releaseNameShape, releaseShape, releasesShape } from '../shapes';

type Pointer = z.output<typeof agentPointerSchema>;

const pointersOf = async (store: ContentStore): Promise<Pointer[]> =>
  (await allRefs(store, AGENT_PREFIX)).flatMap(({ value }) => agentPointerSchema.safeParse(value).data ?? []);

function shown({ agent, description, model, tools, input, output }: ReleaseManifest, release: string) {
  return {
    name: agent,
    ...(description === undefined ? {} : { description }),
    release,
    model: model.route,
    tools: tools.map((tool) => ({ name: tool.name, description: tool.description })),
    ...(input ? { input } : {}),
    ...(output ? { output } : {}),
  };
}

const listRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/agents',
    group: 'agents',
    summary: 'The agents of which runs can be started',
    scopes: ['read', 'start'],
    answers: { 200: { description: 'By name.', schema: { name: 'Agents', shape: agentsShape } } },
  },
  async ({ caller, deps }) => {
    const pointers = (await pointersOf(deps.store)).filter(({ agent }) => seesAgent(caller, agent));
    // A release that this version cannot read is no reason to know nothing of the others.
    const found = await Promise.allSettled(
      pointers.map(async ({ release }) => shown(await readManifest(deps.store, release), release)),
    );
    return { status: 200, body: { agents: found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])) } };
  },
);

const getRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/agents/{name}',
    group: 'agents',
    summary: 'One agent: what it takes and answers',
    scopes: ['read', 'start'],
    params: agentNameShape,
    answers: { 200: { description: 'The agent.', schema: { name: 'Agent', shape: agentShape } } },
  },
  async ({ params: { name }, caller, deps }) => {
    const ref = seesAgent(caller, name) ? await deps.store.readRef(agentPointerName(name)) : undefined;
    if (!ref) throw new Problem('Agent.NotFound', `there is no agent "${name.slice(0, 80)}".`);
    const { release } = agentPointerSchema.parse(ref.value);
    return { status: 200, body: shown(await readManifest(deps.store, release), release) };
  },
);

const releasesRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/releases',
    group: 'releases',
    summary: 'The releases that new runs take',
    scopes: ['read'],
    query: z.strictObject({ agent: z.string().optional() }),
    answers: { 200: { description: 'One of each agent.', schema: { name: 'Releases', shape: releasesShape } } },
  },
  async ({ query, caller, deps }) => {
    const pointers = (await pointersOf(deps.store)).filter(
      ({ agent }) => seesAgent(caller, agent) && (query.agent === undefined || query.agent === agent),
    );
    return {
      status: 200,
      body: { releases: pointers.map(({ agent, release, at }) => ({ release, agent, since: at, runs: 'new' })) },
    };
  },
);

const releaseRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/releases/{release}',
    group: 'releases',
    summary: 'All that a release is: instructions, tools, model, policies',
    scopes: ['administer'],
    params: releaseNameShape,
    answers: { 200: { description: 'Its manifest.', schema: { name: 'Release', shape: releaseShape } } },
  },
  async ({ params: { release }, caller, deps }) => {
    const [isStored] = await deps.store.has([release]);
    // Any object has such a name, a message of another tenant's too.
    const manifest = isStored ? await readManifest(deps.store, release).catch(() => undefined) : undefined;
    if (manifest && seesAgent(caller, manifest.agent)) return { status: 200, body: { release, manifest } };
    throw new Problem('Release.NotFound', `there is no release ${release.slice(0, 12)}.`);
  },
);

export const agentRoutes = [listRoute, getRoute, releasesRoute, releaseRoute];
