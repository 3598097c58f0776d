// Sessions: one and many, their conversation, and their life.
import { z } from 'zod';
import type { JsonValue } from '../../../workflows/contract/message';
import type { MailView } from '../../../workflows/contract/session';
import { sessionRecordSchema, type SessionRecord } from '../../../workflows/contract/schemas/session-record';
import { SESSION_PREFIX } from '../../../activities/store/ref-names';
import type { Duration } from '../../../activities/define/duration';
import type { SessionInfo } from '../../session-record';
import { CURSOR_CHARS, openedCursor, sealedCursor } from '../cursor';
import { knownSession, mayReach, type KnownSession } from '../known-session';
import { defineRoute, type Answer, type ApiDeps, type ApiRequest } from '../route';
import type { Caller } from '../caller';
import {
  sessionAskedShape,
  sessionFilter,
  sessionIdShape,
  sessionShape,
  sessionsShape,
  transcriptShape,
  wakeNameShape,
  wakeShape,
  wokenShape,
  type ListedSession,
  type ShownSession,
} from '../session-shapes';
import { reasonShape } from '../shapes';

const LIST = 'sessions';
const PAGE_MAX = 100;
const MESSAGES_MAX = 1_000;
/** Records that are looked at for one page. */
const LOOKED_AT_MAX = 1_000;

const mailOf = ({ id, ...mail }: MailView) => ({ message: id, ...mail });

function shownSession(info: SessionInfo): ShownSession {
  const { session, agent, tenant, status, reason, plan, reached, answering, waiting, later, answered, activeAt } = info;
  return {
    ...{ id: session, agent, tenant, status, length: reached.length, answered, activeAt, plan },
    ...(reason === undefined ? {} : { reason }),
    ...(answering ? { answering: mailOf(answering) } : {}),
    ...{ waiting: waiting.map(mailOf), later: later.map(mailOf) },
    ...(info.release === undefined ? {} : { release: info.release }),
    ...(info.stays ? { stays: info.stays } : {}),
    ...(info.held ? { held: info.held } : {}),
  };
}

const listed = ({ id, agent, tenant, status, length, answered, at }: SessionRecord): ListedSession => ({
  ...{ id, agent, tenant, status, length, answered, activeAt: at },
});

interface ListQuery {
  agent?: string | undefined;
  tenant?: string | undefined;
  status?: SessionRecord['status'] | undefined;
  limit: number;
  cursor?: string | undefined;
}

async function pageOf({ store }: ApiDeps, caller: Caller, query: ListQuery) {
  const { agent, tenant, status, limit, cursor } = query;
  const sessions: ListedSession[] = [];
  const refs = await store.listRefs(SESSION_PREFIX, {
    limit: LOOKED_AT_MAX,
    ...(cursor === undefined ? {} : { after: SESSION_PREFIX + (await openedCursor(store, LIST, cursor)) }),
  });
  for (const [at, { name, value }] of refs.entries()) {
    const record = sessionRecordSchema.safeParse(value).data;
    const fits =
      record &&
      mayReach(caller, record) &&
      (agent === undefined || record.agent === agent) &&
      (tenant === undefined || record.tenant === tenant) &&
      (status === undefined || record.status === status);
    if (fits) sessions.push(listed(record));
    const isLast = at + 1 === refs.length;
    if (sessions.length < limit && !isLast) continue;
    const isMore = !isLast || refs.length === LOOKED_AT_MAX;
    const next = (): Promise<string> => sealedCursor(store, LIST, name.slice(SESSION_PREFIX.length));
    return { sessions, ...(isMore ? { next: await next() } : {}) };
  }
  return { sessions };
}

const listRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/sessions',
    group: 'sessions',
    summary: 'List sessions, by their ids',
    description: 'From what is kept of them: GET /v1/sessions/{id} asks a worker what one is doing.',
    scopes: ['read'],
    query: z.strictObject({
      agent: z.string().optional(),
      tenant: z.string().optional(),
      status: sessionFilter.optional(),
      limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(20),
      cursor: z.string().max(CURSOR_CHARS).optional().describe('`next` of the page before.'),
    }),
    answers: { 200: { description: 'A page.', schema: { name: 'Sessions', shape: sessionsShape } } },
  },
  async ({ query, caller, deps }) => ({ status: 200, body: await pageOf(deps, caller, query) }),
);

const getRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/sessions/{id}',
    group: 'sessions',
    summary: 'One session: what it is doing, and what waits',
    scopes: ['read'],
    params: sessionIdShape,
    answers: { 200: { description: 'The session.', schema: { name: 'Session', shape: sessionShape } } },
  },
  async (request) => {
    const { handle } = await knownSession(request, request.params.id);
    return { status: 200, body: shownSession(await handle.info()) };
  },
);

const transcriptRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/sessions/{id}/transcript',
    group: 'sessions',
    summary: 'All that was said, up to the last run that ended',
    scopes: ['read'],
    params: sessionIdShape,
    query: z.strictObject({
      after: z.coerce.number().int().min(0).default(0).describe('Leaves out so many of the first messages.'),
      limit: z.coerce.number().int().min(1).max(MESSAGES_MAX).default(100),
    }),
    answers: {
      200: { description: 'Messages, oldest first.', schema: { name: 'Transcript', shape: transcriptShape } },
    },
  },
  async (request) => {
    const { handle } = await knownSession(request, request.params.id);
    const { after, limit } = request.query;
    const messages = await handle.transcript();
    return { status: 200, body: { messages: messages.slice(after, after + limit), length: messages.length } };
  },
);

const lifecycle = { method: 'POST', group: 'sessions', scopes: ['intervene'], params: sessionIdShape } as const;
const ASKED = { name: 'SessionAsked', shape: sessionAskedShape };

/** A session that is asked to live otherwise. */
async function asked(
  request: Pick<ApiRequest<{ id: string }, unknown, unknown>, 'params' | 'caller' | 'deps' | 'client'>,
  ask: (handle: KnownSession['handle']) => Promise<void>,
): Promise<Answer> {
  const { handle } = await knownSession(request, request.params.id);
  await ask(handle);
  return { status: 202, body: { session: handle.id } };
}

const lifecycleRoutes = [
  defineRoute(
    {
      ...lifecycle,
      path: '/v1/sessions/{id}/pause',
      summary: 'Answer nothing more until it is resumed',
      description: 'What is being answered goes on; what is sent meanwhile waits.',
      body: { schema: reasonShape, required: false },
      answers: { 202: { description: 'It is asked to.', schema: ASKED } },
    },
    (request) => asked(request, (handle) => handle.pause(request.body.reason)),
  ),
  defineRoute(
    {
      ...lifecycle,
      path: '/v1/sessions/{id}/resume',
      summary: 'Go on after a pause',
      answers: { 202: { description: 'It is asked to.', schema: ASKED } },
    },
    (request) => asked(request, (handle) => handle.resume()),
  ),
  defineRoute(
    {
      ...lifecycle,
      path: '/v1/sessions/{id}/retire',
      summary: 'End a session for ever',
      description:
        'It takes no message any more, answers those that it has taken, except for those of a later time, and ends.',
      body: { schema: reasonShape, required: false },
      answers: { 202: { description: 'It is asked to.', schema: ASKED } },
    },
    (request) => asked(request, (handle) => handle.retire(request.body.reason)),
  ),
];

const wakeRoute = defineRoute(
  {
    method: 'POST',
    path: '/v1/sessions/{id}/wakes',
    group: 'sessions',
    summary: 'Say something to a session at each of some times',
    description:
      'Temporal keeps the times: nothing of ours need run then. While one message has not been taken, another is left out.',
    scopes: ['start'],
    params: sessionIdShape,
    body: { schema: wakeShape },
    answers: {
      201: {
        description: 'From now on.',
        schema: { name: 'Woken', shape: wokenShape },
        headers: { location: 'Where it is ended: DELETE.' },
      },
    },
  },
  async (request) => {
    const { params, body, client } = request;
    const { agent, tenant } = await knownSession(request, params.id);
    const { name, input, user, cron, everyMs, timeZone } = body;
    const handle = client().session(agent, params.id, { tenant, ...(user === undefined ? {} : { user }) });
    await handle.wake(input as JsonValue as never, {
      name,
      ...(cron === undefined ? {} : { cron }),
      ...(everyMs === undefined ? {} : { every: everyMs satisfies Duration }),
      ...(timeZone === undefined ? {} : { timeZone }),
    });
    return {
      status: 201,
      body: { session: params.id, name },
      headers: { location: `/v1/sessions/${encodeURIComponent(params.id)}/wakes/${encodeURIComponent(name)}` },
    };
  },
);

const stopWakingRoute = defineRoute(
  {
    method: 'DELETE',
    path: '/v1/sessions/{id}/wakes/{name}',
    group: 'sessions',
    summary: 'Say it no more',
    scopes: ['intervene'],
    params: wakeNameShape,
    answers: { 204: { description: 'It is said no more.' } },
  },
  async (request) => {
    const { handle } = await knownSession(request, request.params.id);
    await handle.stopWaking(request.params.name);
    return { status: 204 };
  },
);

export const sessionRoutes = [listRoute, getRoute, transcriptRoute, ...lifecycleRoutes, wakeRoute, stopWakingRoute];
