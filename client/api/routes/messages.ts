// What is said to sessions, and what came of it.
import { sessionRunId } from '../../../workflows/contract/names';
import type { JsonValue } from '../../../workflows/contract/message';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import type { MailView, SessionView } from '../../../workflows/contract/session';
import { ClientError } from '../../errors';
import { newMessageId } from '../../session-ids';
import type { SessionInfo } from '../../session-record';
import { untilBegun, type SessionRun } from '../../session-run';
import { RESULT_ANSWERS, resultOfRun, waited, waitQuery } from '../await-result';
import { seesAgent } from '../caller';
import { callersTrace, TRACEPARENT_HEADER } from '../callers-trace';
import { IDEMPOTENCY_KEY_PATTERN, idempotencyKeyOf, startOnce } from '../idempotency';
import { recordOf } from '../known-run';
import { knownSession, noSession, seenSession } from '../known-session';
import { Problem } from '../problem';
import { defineRoute, type ApiRequest } from '../route';
import {
  messageIdShape,
  messageShape,
  sendShape,
  sentShape,
  sessionIdShape,
  type ShownMessage,
} from '../session-shapes';
import { webhookTarget } from '../webhook-target';
import { noAgent, tenantOf } from './start';

const sendRoute = defineRoute(
  {
    method: 'POST',
    path: '/v1/sessions/{id}/messages',
    group: 'sessions',
    summary: 'Say something to a session',
    description:
      'The first message begins the session. It is answered whatever happens to the caller. Sent again with the same `id`, or the same `Idempotency-Key` within a day, it is the same message.',
    scopes: ['start'],
    params: sessionIdShape,
    headers: [
      {
        name: 'Idempotency-Key',
        description: 'A text of your own, best in quotes: the same one is the same message.',
        pattern: IDEMPOTENCY_KEY_PATTERN,
      },
      TRACEPARENT_HEADER,
    ],
    body: { schema: sendShape },
    answers: {
      202: {
        description: 'It is taken.',
        schema: { name: 'Sent', shape: sentShape },
        headers: { location: 'Where it is seen what becomes of it.' },
      },
    },
  },
  async (request) => {
    const { body, params, caller, deps, client, header } = request;
    const key = idempotencyKeyOf(header('idempotency-key'));
    const { agent, tenant } = await ofWhom(request);
    const session = client().session(agent, params.id, { tenant });
    const { input, user, at, afterMs } = body;
    const told = webhookTarget(deps, caller, body.webhook);
    const send = async (id: string): Promise<SessionRun<unknown>> => {
      try {
        return await session.send(input as JsonValue as never, {
          id,
          ...(user === undefined ? {} : { user }),
          ...(at === undefined ? {} : { at: new Date(at) }),
          ...(afterMs === undefined ? {} : { after: afterMs }),
          ...told,
          ...callersTrace(header('traceparent')),
        });
      } catch (error) {
        // Without the names of what the caller may not see.
        if (ClientError.isInstance(error) && error.code === 'unknown-agent') throw noAgent(agent);
        throw error;
      }
    };
    const message = body.id ?? newMessageId();
    const once = { caller: caller.name ?? '', request: { session: params.id, ...body }, run: message, now: Date.now() };
    const sent = await (key === undefined ? send(message) : startOnce(deps.store, { ...once, key }, send));
    const { id: run, state, position, repeated } = sent;
    return {
      status: 202,
      body: { session: params.id, message: sent.message, run, state, position, repeated },
      headers: {
        location:
          state === 'joined'
            ? `/v1/runs/${encodeURIComponent(run)}`
            : `/v1/sessions/${encodeURIComponent(params.id)}/messages/${encodeURIComponent(sent.message)}`,
      },
    };
  },
);

type Sending = Pick<
  ApiRequest<{ id: string }, unknown, { agent?: string | undefined; tenant?: string | undefined }>,
  'params' | 'body' | 'caller' | 'deps' | 'client'
>;

/** Of a session that is there nobody need say whose it is. @throws Problem `Session.NotFound`, `Agent.NotFound`, and as `tenantOf` */
async function ofWhom(request: Sending): Promise<{ agent: string; tenant: string }> {
  const { params, body, caller, deps } = request;
  const { agent, tenant } = body;
  if (agent !== undefined && !seesAgent(caller, agent)) throw noAgent(agent);
  if (agent !== undefined && tenant !== undefined) return { agent, tenant: tenantOf(caller, tenant, deps.tenant) };
  const known = await seenSession(request, params.id);
  if (!known && agent === undefined) throw noSession(params.id);
  return {
    agent: agent ?? known?.agent ?? '',
    tenant: tenant === undefined && known ? known.tenant : tenantOf(caller, tenant, deps.tenant),
  };
}

type OfMessage = Pick<
  ApiRequest<{ id: string; message: string }, unknown, unknown>,
  'params' | 'caller' | 'deps' | 'client'
>;

/** Its run, or where it waits for one. @throws Problem `Session.NotFound`, `Session.MessageNotFound` */
async function knownMessage(request: OfMessage): Promise<{ record: RunRecord } | { waits: ShownMessage }> {
  const { params, deps } = request;
  const { id: session, message } = params;
  const { handle, tenant } = await knownSession(request, session);
  const run = sessionRunId(session, message);
  const begun = async (): Promise<{ record: RunRecord } | undefined> => {
    const record = await recordOf(deps.store, run);
    // Whoever starts a run chooses its id, and what it belongs to.
    return record?.session === session && record.tenant === tenant ? { record } : undefined;
  };
  const already = await begun();
  if (already) return already;
  const waits = waitingIn(await handle.info(), message);
  if (waits) return { waits: { session, message, run, ...waits } };
  // It may have begun in between.
  const record = await begun();
  if (record) return record;
  const detail = `session "${session}" has no message "${message.slice(0, 80)}" that waits or was answered.`;
  throw new Problem('Session.MessageNotFound', detail);
}

type Standing = Pick<ShownMessage, 'state' | 'position' | 'dueAt'>;

function waitingIn(info: SessionInfo, message: string): Standing | undefined {
  const isIt = ({ id }: MailView): boolean => id === message;
  const { answering, waiting, later }: Pick<SessionView, 'answering' | 'waiting' | 'later'> = info;
  if (answering && isIt(answering)) return { state: 'answering', position: 0 };
  const ahead = answering ? 1 : 0;
  const at = waiting.findIndex(isIt);
  if (at !== -1) return { state: 'waiting', position: ahead + at };
  const mail = later.find(isIt);
  if (!mail) return undefined;
  return { state: 'later', ...(mail.dueAt === undefined ? {} : { dueAt: mail.dueAt }) };
}

const getRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/sessions/{id}/messages/{message}',
    group: 'sessions',
    summary: 'One message: where it stands, or what its run came to',
    description: 'One that the run under way has taken is told of by that run.',
    scopes: ['read'],
    params: messageIdShape,
    answers: { 200: { description: 'The message.', schema: { name: 'Message', shape: messageShape } } },
  },
  async (request) => {
    const found = await knownMessage(request);
    if ('waits' in found) return { status: 200, body: found.waits };
    const { id: run, ended } = found.record;
    const { id: session, message } = request.params;
    const state = ended ? 'answered' : 'answering';
    return {
      status: 200,
      body: { session, message, run, state, ...(ended ? { outcome: ended.outcome } : { position: 0 }) },
    };
  },
);

const resultRoute = defineRoute(
  {
    method: 'GET',
    path: '/v1/sessions/{id}/messages/{message}/result',
    group: 'sessions',
    summary: 'The answer to a message, waited for',
    description: 'As GET /v1/runs/{id}/result of its run, which may not have begun yet.',
    scopes: ['read'],
    params: messageIdShape,
    query: waitQuery,
    answers: RESULT_ANSWERS,
  },
  async (request) => {
    const found = await knownMessage(request);
    if ('record' in found) return await resultOfRun(request, found.record);
    const { deps, client, params, query } = request;
    const { run } = found.waits;
    return await waited(run, request, async (over) => {
      if (query.wait === 0) return undefined;
      await untilBegun({ temporal: deps.temporal, store: deps.store, session: params.id, run }, over);
      return over.aborted ? undefined : await client().run(run).result({ signal: over });
    });
  },
);

export const messageRoutes = [sendRoute, getRoute, resultRoute];
