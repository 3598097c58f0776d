// Rollouts of an agent: how they stand and what each look came to, and what people do to the one that is under way.
import { z } from 'zod';
import { isDefinitionName } from '../../../activities/define/definition-name';
import { looksIn, newestRolloutIn, readRollout, rolloutsIn } from '../../../activities/store/rollouts';
import type { RolloutAct, RolloutKept } from '../../../workflows/contract/rollout';
import { beginRollout, prepareRollout } from '../../begin-rollout';
import { ClientError } from '../../errors';
import { newestRollout, sayToRollout } from '../../rollouts';
import { seesAgent, type Caller } from '../caller';
import { Problem, problemOf } from '../problem';
import {
  beginRolloutShape,
  promotedRolloutShape,
  rolloutLookedShape,
  rolloutParamsShape,
  rolloutShape,
  rolloutsShape,
  saidToRolloutShape,
  type ShownRollout,
} from '../rollout-shapes';
import { defineRoute, type ApiRequest, type Route } from '../route';
import { agentNameShape } from '../shapes';

const shownRollout = ({
  schemaVersion: _,
  policy: __,
  everyMs: ___,
  changes: ____,
  ...shown
}: RolloutKept): ShownRollout => shown;

/** @throws Problem `Agent.NotFound` */
function requireSeen(caller: Caller, name: string): void {
  if (!seesAgent(caller, name)) throw new Problem('Agent.NotFound', `there is no agent "${name.slice(0, 80)}".`);
}

/** What runs of all tenants take, and come to, is nothing for a key of some. @throws Problem `Api.Forbidden` */
function requireAllTenants(caller: Caller): void {
  if (caller.tenants)
    throw new Problem('Api.Forbidden', `the key "${caller.name ?? ''}" is of some tenants, and this is of all.`);
}

/** @throws Problem `Agent.NotFound`, `Api.Forbidden` */
function requireAll(caller: Caller, name: string): void {
  requireSeen(caller, name);
  requireAllTenants(caller);
}

const listRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/rollouts',
    group: 'rollouts',
    summary: 'Rollouts, and what became of them',
    scopes: ['read'],
    query: z.strictObject({
      agent: z.string().exactOptional(),
      limit: z.coerce.number().int().min(1).max(200).default(50),
    }),
    answers: { 200: { description: 'Newest first.', schema: { name: 'Rollouts', shape: rolloutsShape } } },
  },
  async ({ query: { agent, limit }, caller, deps }) => {
    requireAllTenants(caller);
    const isKnown = agent === undefined || isDefinitionName(agent);
    const kept = isKnown ? await rolloutsIn(deps.store, agent) : [];
    const seen = kept.filter((one) => seesAgent(caller, one.agent));
    return { status: 200, body: { rollouts: seen.slice(0, limit).map(shownRollout), more: seen.length > limit } };
  },
);

const lookRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/agents/{name}/rollouts/{id}',
    group: 'rollouts',
    summary: 'A rollout and what each look at it came to, in words and figures',
    description: '`id` is that of a rollout, or `newest`.',
    scopes: ['read'],
    params: rolloutParamsShape,
    answers: { 200: { description: 'As it is kept.', schema: { name: 'RolloutLooks', shape: rolloutLookedShape } } },
  },
  async ({ params: { name, id }, caller, deps: { store } }) => {
    requireAll(caller, name);
    const kept = await (id === 'newest' ? newestRolloutIn(store, name) : readRollout(store, name, id));
    if (!kept) throw new Problem('Rollout.NotFound', `there is no such rollout of ${name}.`);
    const looks = (await looksIn(store, kept)).map(({ schemaVersion: _, ...look }) => look);
    return { status: 200, body: { rollout: shownRollout(kept), policy: kept.policy, looks } };
  },
);

const beginRoute = defineRoute(
  {
    method: 'POST',
    path: '/v1/agents/{name}/rollouts',
    group: 'rollouts',
    summary: 'Give a release to new runs step by step, until it is shown to be worse or as good',
    description:
      'It needs a worker that has the code of the release, its toolboxes, and a worker that looks after rollouts. One at a time of an agent. ' +
      'Runs of all tenants are concerned, so a key of some tenants does not allow it.',
    scopes: ['administer'],
    params: agentNameShape,
    body: { schema: beginRolloutShape },
    answers: { 201: { description: 'Its first step has begun.', schema: { name: 'Rollout', shape: rolloutShape } } },
  },
  async ({ params: { name }, body, caller, deps }) => {
    requireAll(caller, name);
    const { temporal, store, taskQueue } = deps;
    const asked = { ...body, agent: name, by: caller.name ?? 'api' };
    const begun = await refusing(async () =>
      beginRollout({ temporal, store, taskQueue }, await prepareRollout(store, asked)),
    );
    return { status: 201, body: shownRollout(begun) };
  },
);

/** What stands against it may be gone tomorrow: the body fits. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (ClientError.isInstance(error))
      throw ['refused', 'invalid-input'].includes(error.code)
        ? new Problem('Rollout.Refused', error.message)
        : problemOf(error);
    throw error;
  }
}

type Saying = Pick<ApiRequest<{ name: string }, undefined, { why?: string }>, 'params' | 'body' | 'caller' | 'deps'>;

const says =
  (act: RolloutAct) =>
  async ({ params: { name }, body, caller, deps }: Saying): Promise<{ status: number; body: ShownRollout }> => {
    requireAll(caller, name);
    const { temporal, store, taskQueue } = deps;
    const said = { by: caller.name ?? 'api', ...(body.why === undefined ? {} : { why: body.why }) };
    await refusing(() => sayToRollout({ temporal, store, taskQueue }, name, act, said));
    return { status: 202, body: shownRollout(await newestRollout(store, name)) };
  };

const saying = {
  method: 'POST',
  group: 'rollouts',
  scopes: ['administer'],
  params: agentNameShape,
  answers: {
    202: {
      description: 'It was told; a worker does it. The rollout as it stood then.',
      schema: { name: 'Rollout', shape: rolloutShape },
    },
  },
} as const;
const NO_BODY = { schema: saidToRolloutShape, required: false } as const;

const sayRoutes: readonly Route[] = [
  defineRoute(
    {
      ...saying,
      path: '/v1/agents/{name}/rollout/pause',
      summary: 'Begin no further step; what is worse is withdrawn all the same',
      body: NO_BODY,
    },
    says('pause'),
  ),
  defineRoute(
    {
      ...saying,
      path: '/v1/agents/{name}/rollout/resume',
      summary: 'Go on after a pause, whoever or whatever paused it',
      body: NO_BODY,
    },
    says('resume'),
  ),
  defineRoute(
    {
      ...saying,
      path: '/v1/agents/{name}/rollout/promote',
      summary: 'The candidate takes over now, whatever is known of it; the history says who and why',
      body: { schema: promotedRolloutShape },
    },
    says('promote'),
  ),
  defineRoute(
    { ...saying, path: '/v1/agents/{name}/rollout/abort', summary: 'The candidate is taken back now', body: NO_BODY },
    says('abort'),
  ),
];

export const rolloutRoutes: readonly Route[] = [listRoute, lookRoute, beginRoute, ...sayRoutes];
