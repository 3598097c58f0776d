// Runs, one and many; what came of one; and one as it goes.
import { z } from 'zod';
import { ID_CHARS } from '../../../workflows/contract/limits';
import { refuseErased } from '../../recorded-result';
import { RESULT_ANSWERS, resultOfRun, waitQuery } from '../await-result';
import { seesTenant } from '../caller';
import { CURSOR_CHARS } from '../cursor';
import { knownRun, maySee } from '../known-run';
import { listRuns, runsNamed, type RunFilter } from '../list-runs';
import { defineRoute } from '../route';
import { recordedRun, shownRun } from '../run-status';
import { sentPieceByPiece } from '../sent-piece-by-piece';
import { outcomeFilter, runIdShape, runShape, runsShape } from '../shapes';
import { streamRun } from '../stream-run';
import { createTurnstile } from '../turnstile';

const PAGE_MAX = 100;
/** Each holds a connection, and asks a worker four times a second. */
const readers = createTurnstile(100);

const listRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/runs',
    group: 'runs',
    summary: 'List runs, newest first',
    description: 'A run that is open is listed as `open`; GET /v1/runs/{id} asks a worker how it goes.',
    scopes: ['read'],
    query: z.strictObject({
      agent: z.string().optional(),
      status: outcomeFilter.optional(),
      tenant: z.string().optional(),
      user: z.string().optional(),
      session: z.string().optional(),
      tag: z.string().optional(),
      release: z.string().optional().describe('The beginning of its hash is enough.'),
      failure: z.string().optional().describe('Type of the failure that it ended with, such as `Model.RateLimited`.'),
      id: z
        .string()
        .max(ID_CHARS)
        .optional()
        .describe('The beginning of ids: the newest of those that fit, in one page.'),
      subAgents: z.enum(['true', 'false']).optional().describe('Runs of sub-agents too.'),
      limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(20),
      cursor: z.string().max(CURSOR_CHARS).optional().describe('`next` of the page before.'),
    }),
    answers: { 200: { description: 'A page.', schema: { name: 'Runs', shape: runsShape } } },
  },
  async ({ query, caller, deps }) => {
    const { agent, status, tenant, user, session, tag, release, failure, id, subAgents, limit, cursor } = query;
    const filter: RunFilter = {
      ...{ agent, limit, cursor },
      fits: (record) =>
        (agent === undefined || record.agent === agent) &&
        (status === undefined || (record.ended?.outcome ?? 'open') === status) &&
        (tenant === undefined || record.tenant === tenant) &&
        (user === undefined || record.user === user) &&
        (session === undefined || record.session === session) &&
        (tag === undefined || record.tags.includes(tag)) &&
        (release === undefined || record.release.startsWith(release)) &&
        (failure === undefined || record.ended?.failure?.type === failure) &&
        (subAgents === 'true' || !record.parent) &&
        seesTenant(caller, record.tenant) &&
        maySee(caller, deps.store, record),
    };
    const { runs, next = undefined } = id
      ? { runs: await runsNamed(deps.store, filter, id) }
      : await listRuns(deps.store, filter);
    return { status: 200, body: { runs: runs.map(recordedRun), ...(next === undefined ? {} : { next }) } };
  },
);

const getRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/runs/{id}',
    group: 'runs',
    summary: 'One run, as it stands',
    scopes: ['read'],
    params: runIdShape,
    answers: { 200: { description: 'The run.', schema: { name: 'Run', shape: runShape } } },
  },
  async ({ params, caller, deps, client }) => {
    const record = await knownRun(caller, deps.store, params.id);
    return { status: 200, body: await shownRun(deps, client().run(record.id), record) };
  },
);

const resultRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/runs/{id}/result',
    group: 'runs',
    summary: 'The result of a run, waited for',
    description: 'It is there for as long as the run is kept. Every outcome is a result, failures too.',
    scopes: ['read'],
    params: runIdShape,
    query: waitQuery,
    answers: RESULT_ANSWERS,
  },
  async (request) => resultOfRun(request, await knownRun(request.caller, request.deps.store, request.params.id)),
);

const eventsRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/runs/{id}/events',
    group: 'runs',
    summary: 'A run as it goes, as server-sent events',
    description:
      'Events `queued`, `step`, `status`, `text` and, last, `result`. `Last-Event-ID` goes on behind the last one; steps that were under way then may be told again.',
    scopes: ['read'],
    params: runIdShape,
    headers: [{ name: 'Last-Event-ID', description: 'The `id` of the last event that was seen.' }],
    answers: {
      200: { description: 'Until the run has ended.', mediaType: 'text/event-stream' },
      204: { description: 'All of it was seen.' },
    },
  },
  async ({ params, caller, deps, client, header, node, gone }) => {
    const record = await knownRun(caller, deps.store, params.id);
    refuseErased(record);
    if (node.incoming.method === 'HEAD')
      return new Response(null, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
    return await readers.pass(caller, () =>
      sentPieceByPiece({ node, gone, report: deps.report }, () =>
        streamRun(client().run(record.id), header('last-event-id'), node.outgoing, gone),
      ),
    );
  },
);

export const runRoutes = [listRoute, getRoute, resultRoute, eventsRoute];
