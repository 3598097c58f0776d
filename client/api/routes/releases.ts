// Releases of an agent: what there is to take and to go back to, who changed what new runs take, and the way back.
import { z } from 'zod';
import { signStatement } from '../../../activities/keys/decision-signature';
import { trafficHistory } from '../../../activities/store/change-traffic';
import { readPointer } from '../../../activities/store/pick-release';
import type { ContentStore } from '../../../activities/store';
import type { AgentPointer, TrafficRecord } from '../../../workflows/contract/schemas/traffic';
import { ClientError } from '../../errors';
import { listedReleases } from '../../listed-releases';
import { moveToRelease, type MovedToRelease } from '../../move-releases';
import { cancelRunsOn, openRunsOn, rollBack, workersOf, type RolledBack } from '../../roll-back';
import { readManifest } from '../../releases';
import { seesAgent, type Caller } from '../caller';
import { Problem } from '../problem';
import { agentReleasesShape, rollbackShape, rolledBackShape, trafficShape } from '../release-shapes';
import { defineRoute } from '../route';
import { agentNameShape } from '../shapes';

const CHANGES_MAX = 200;

/** @throws Problem `Agent.NotFound` */
async function seenPointer(store: ContentStore, caller: Caller, name: string): Promise<AgentPointer> {
  const found = seesAgent(caller, name) ? await readPointer(store, name) : undefined;
  if (found) return found.pointer;
  throw new Problem('Agent.NotFound', `there is no agent "${name.slice(0, 80)}".`);
}

const shownChange = ({ schemaVersion: _, agent: __, ...change }: TrafficRecord) => change;

const releasesRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/agents/{name}/releases',
    group: 'releases',
    summary: 'The releases of an agent, and who takes them',
    scopes: ['read'],
    params: agentNameShape,
    answers: {
      200: { description: 'The current one first.', schema: { name: 'AgentReleases', shape: agentReleasesShape } },
    },
  },
  async ({ params: { name }, caller, deps }) => {
    const pointer = await seenPointer(deps.store, caller, name);
    const { releases: listed } = await listedReleases(deps.store, pointer);
    const releases = listed.map(({ runs, ...one }) => ({ ...one, ...(caller.tenants ? {} : { runs }) }));
    return { status: 200, body: { agent: name, managed: pointer.managed ?? false, releases } };
  },
);

const trafficRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/agents/{name}/traffic',
    group: 'releases',
    summary: 'Who changed which release new runs take, when and why',
    scopes: ['read'],
    params: agentNameShape,
    query: z.strictObject({ limit: z.coerce.number().int().min(1).max(CHANGES_MAX).default(50) }),
    answers: { 200: { description: 'Newest first.', schema: { name: 'Traffic', shape: trafficShape } } },
  },
  async ({ params: { name }, query: { limit }, caller, deps }) => {
    const { release, candidate, shadow, managed = false } = await seenPointer(deps.store, caller, name);
    const history = await trafficHistory(deps.store, name);
    const { salt: _, ...shown } = candidate ?? { salt: '' };
    const now = { release, ...(candidate ? { candidate: shown } : {}), ...(shadow ? { shadow } : {}) };
    const changes = history.toReversed().slice(0, limit).map(shownChange);
    return { status: 200, body: { agent: name, managed, now, changes, more: history.length > limit } };
  },
);

/** What it names may well be there tomorrow: the body fits, and what it asks for cannot be. */
function unknownRelease(error: unknown): never {
  if (ClientError.isInstance(error) && error.code === 'invalid-input')
    throw new Problem('Traffic.Refused', error.message);
  throw error;
}

const rollbackRoute = defineRoute(
  {
    method: 'POST',
    path: '/v1/agents/{name}/rollback',
    group: 'releases',
    summary: 'New runs take an earlier release, from this moment on',
    description:
      'Done in the store alone: neither Temporal nor a worker need be up. Done twice it is done once, also just after a rollout has ended: to go further back name a release. ' +
      'Runs of all tenants are concerned, so a key of some tenants does not allow it.',
    scopes: ['administer'],
    params: agentNameShape,
    body: { schema: rollbackShape, required: false },
    answers: { 200: { description: 'Done, and read back.', schema: { name: 'RolledBack', shape: rolledBackShape } } },
  },
  async ({ params: { name }, body: { to, why, running }, caller, deps, client }) => {
    await seenPointer(deps.store, caller, name);
    if (caller.tenants)
      throw new Problem('Api.Forbidden', `the key "${caller.name ?? ''}" is of some tenants, and this is of all.`);
    const { store } = deps;
    const signer = caller.signer();
    const done = await rollBack(store, name, {
      by: caller.name ?? 'api',
      ...(signer ? { sign: (statement: Uint8Array) => signStatement(statement, signer.key) } : {}),
      ...(to === undefined ? {} : { to }),
      ...(why === undefined ? {} : { why }),
    }).catch(unknownRelease);
    if (done.kind === 'refused') throw new Problem('Traffic.Refused', done.message);
    const { record, withdrawn, pointer } = done;
    const reason = `its release was taken back${why === undefined ? '' : `: ${why}`}`;
    const cancelled =
      running === 'cancel'
        ? await cancelRunsOn({ store, client: client() }, name, withdrawn, { changedAt: record.at, reason })
        : undefined;
    const moved =
      running === 'move' ? await movedBy({ store, temporal: deps.temporal, client: client() }, done) : undefined;
    const { runs } = await openRunsOn(store, name, withdrawn);
    const workers = (await workersOf(store, name)).filter(({ loaded }) => loaded.includes(pointer.release)).length;
    const body = {
      agent: name,
      release: pointer.release,
      withdrawn,
      change: shownChange(record),
      open: runs.length,
      workers,
    };
    return { status: 200, body: { ...body, ...(cancelled ? { cancelled } : {}), ...(moved ? { moved } : {}) } };
  },
);

async function movedBy(
  moving: Parameters<typeof moveToRelease>[0],
  { record, withdrawn }: RolledBack,
): Promise<MovedToRelease> {
  const { release } = record.after;
  const to = { release, manifest: await readManifest(moving.store, release) };
  return await moveToRelease(moving, withdrawn, to, { changedAt: record.at });
}

export const agentReleaseRoutes = [releasesRoute, trafficRoute, rollbackRoute];
