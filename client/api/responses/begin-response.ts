// What a request for a response begins: a run, a run that goes on from another, or a message to a session.
import { sessionRunId } from '../../../workflows/contract/names';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { currentRelease, releaseFor } from '../../releases';
import type { RunHandle } from '../../run-handle';
import { untilBegun } from '../../session-run';
import { seesAgent } from '../caller';
import { callersTrace } from '../callers-trace';
import { recordOf } from '../known-run';
import { Problem } from '../problem';
import type { ApiRequest } from '../route';
import { noAgent, retold, tenantOf } from '../routes/start';
import { signalWithin } from '../signal-within';
import { inputOf, tagsOf, textOf, type ResponseRequest } from './request';
import { responseOf, queuedResponse, type ToldResponse } from './response-object';
import { isNewest, isOfSession, knownResponse, wasSaid } from './session-response';

export interface BegunResponse {
  run: RunHandle<unknown>;
  /** As it stands then. */
  told: ToldResponse;
}

type Asking = Pick<
  ApiRequest<unknown, unknown, ResponseRequest>,
  'body' | 'caller' | 'deps' | 'client' | 'gone' | 'header'
>;

/** A session that is at rest begins a run within this; a busy one when it comes to it. */
const BEGUN_MS = 2_000;

/** @param id chosen for it, by which a second request finds it again @throws Problem, ClientError */
export async function beginResponse(asking: Asking, id: string): Promise<BegunResponse> {
  const { body, caller, deps, client } = asking;
  const { model: agent, previous_response_id: previous } = body;
  if (!seesAgent(caller, agent)) throw noAgent(agent);
  try {
    if (previous) {
      const { manifest } = await currentRelease(deps.store, agent);
      const input = (): unknown => inputOf(body, manifest.input);
      return await goOn(asking, { previous, id, input, hasSessions: manifest.session !== undefined });
    }
    const tenant = tenantOf(caller, undefined, deps.tenant);
    const { manifest } = await releaseFor(deps.store, agent, { tenant, run: id });
    const input = inputOf(body, manifest.input);
    if (manifest.session)
      return await say(asking, {
        session: id.replace('run_', 'conv_'),
        message: messageOf(id),
        tenant,
        input,
      });
    const run = await client()
      .agent(agent)
      .start(input as never, { ...labelsOf(body, id), tenant, ...traceOf(asking) });
    return { run, told: responseOf(await run.record()) };
  } catch (error) {
    throw await retold(error, { agent, id, caller, store: deps.store });
  }
}

const traceOf = ({ header }: Asking): { traceparent?: string } => callersTrace(header('traceparent'));

const messageOf = (id: string): string => id.replace('run_', 'msg_');

const labelsOf = (body: ResponseRequest, id: string): { id: string; tags: string[]; user?: string } => ({
  ...{ id, tags: tagsOf(body) },
  ...(body.user ? { user: body.user } : {}),
});

interface GoingOn {
  previous: string;
  id: string;
  input(): unknown;
  hasSessions: boolean;
}

/** With the newest response of a session it goes on; with any other, the conversation up to there goes on in a run of its own. */
async function goOn(asking: Asking, { previous, id, input, hasSessions }: GoingOn): Promise<BegunResponse> {
  const { body, deps, client } = asking;
  const { record, waits } = await knownResponse(asking, previous);
  const before = record ?? waits;
  if (before.agent !== body.model)
    throw new Problem('Api.Invalid', `response ${previous} is of agent ${before.agent}.`, {
      errors: [{ pointer: '/model', detail: `the previous response is of ${before.agent}` }],
    });
  const session = waits || isOfSession(record) ? (waits ?? record).session : undefined;
  const message = messageOf(id);
  if (session !== undefined && hasSessions) {
    const isSaid = await wasSaid(deps.store, session, message);
    if (isSaid || (await isNewest(asking, session, previous)))
      return await say(asking, { session, message, tenant: before.tenant, input: input() });
  }
  if (!record?.ended)
    throw new Problem('Run.Refused', 'the previous response is not complete yet: its conversation goes on after it.', {
      errors: [{ pointer: '/previous_response_id', detail: 'that response is in progress' }],
    });
  const labels = { ...labelsOf(body, id), ...traceOf(asking) };
  const run = await client().fork(previous, { ...labels, say: textOf(body), release: 'current' });
  return { run, told: responseOf(await run.record()) };
}

interface Saying {
  session: string;
  message: string;
  tenant: string;
  input: unknown;
}

async function say(asking: Asking, { session, message, tenant, input }: Saying): Promise<BegunResponse> {
  const { body, client } = asking;
  if (tagsOf(body).length > 0)
    throw new Problem('Api.Invalid', 'what is said to a session has no metadata.', {
      errors: [{ pointer: '/metadata', detail: `agent ${body.model} answers in sessions, whose messages have none` }],
    });
  const sent = await client()
    .session(body.model, session, { tenant })
    .send(input as never, { id: message, ...(body.user ? { user: body.user } : {}), ...traceOf(asking) });
  const record = await begun(asking, session, sent.id);
  // The run under way answers it too, where the agent says so by `onBusy: 'steer'`.
  const previous = sent.id === sessionRunId(session, message) ? (body.previous_response_id ?? undefined) : undefined;
  const told = record
    ? responseOf(record, undefined, previous)
    : queuedResponse({ id: sent.id, agent: body.model, sentAt: Date.now() }, previous);
  return { run: sent, told: body.user ? { ...told, user: body.user } : told };
}

async function begun({ deps, gone }: Asking, session: string, run: string): Promise<RunRecord | undefined> {
  const soon = signalWithin(gone, BEGUN_MS);
  await untilBegun({ temporal: deps.temporal, store: deps.store, session, run }, soon);
  return await recordOf(deps.store, run);
}
