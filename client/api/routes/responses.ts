// OpenAI's Responses API, with agents for models: any of its clients is one of durable runs. A response is a run, and has its id.
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { followRun } from '../../follow-run';
import { currentRelease } from '../../releases';
import { recordedResult } from '../../recorded-result';
import type { RunHandle } from '../../run-handle';
import { newRunId } from '../../run-labels';
import type { RunResult } from '../../run-result';
import { seesAgent } from '../caller';
import { IDEMPOTENCY_KEY_PATTERN, idempotencyKeyOf, startOnce } from '../idempotency';
import { knownRun } from '../known-run';
import { Problem } from '../problem';
import { RESPONSES_PATH } from '../responses/openai-error';
import { inputOf, responseRequestShape, tagsOf, textOf, type ResponseRequest } from '../responses/request';
import { responseOf, responseShape, type ToldResponse } from '../responses/response-object';
import { streamResponse } from '../responses/stream-response';
import { defineRoute, type ApiRequest } from '../route';
import { sentPieceByPiece } from '../sent-piece-by-piece';
import { runIdShape } from '../shapes';
import { createTurnstile } from '../turnstile';
import { noAgent, retold, tenantOf } from './start';

const RESPONSE = { name: 'Response', shape: responseShape };
/** Each holds a connection. */
const waits = createTurnstile(1_000);
const readers = createTurnstile(100);
/** A cancel is heard by a worker that is there within a second. */
const CANCEL_MS = 5_000;

type Asking = ApiRequest<unknown, unknown, ResponseRequest>;

/** @throws Problem, ClientError */
async function begin({ body, caller, deps, client }: Asking, id: string): Promise<RunRecord> {
  const { model: agent, previous_response_id: previous, user } = body;
  if (!seesAgent(caller, agent)) throw noAgent(agent);
  const labels = { id, tags: tagsOf(body), ...(user ? { user } : {}) };
  try {
    if (previous) return await goOn({ body, caller, deps, client }, previous, labels);
    const { manifest } = await currentRelease(deps.store, agent);
    const tenant = tenantOf(caller, undefined, deps.tenant);
    const run = await client()
      .agent(agent)
      .start(inputOf(body, manifest.input) as never, { ...labels, tenant });
    return await run.record();
  } catch (error) {
    throw await retold(error, { agent, id, caller, store: deps.store });
  }
}

/** The conversation of another response goes on with what is said now, in a run of its own. */
async function goOn(
  { body, caller, deps, client }: Pick<Asking, 'body' | 'caller' | 'deps' | 'client'>,
  previous: string,
  labels: { id: string; tags: string[]; user?: string },
): Promise<RunRecord> {
  const before = await knownRun(caller, deps.store, previous);
  if (before.agent !== body.model)
    throw new Problem('Api.Invalid', `response ${previous} is of agent ${before.agent}.`, {
      errors: [{ pointer: '/model', detail: `the previous response is of ${before.agent}` }],
    });
  if (!before.ended)
    throw new Problem('Run.Refused', 'the previous response is not complete yet: its conversation goes on after it.', {
      errors: [{ pointer: '/previous_response_id', detail: 'that response is in progress' }],
    });
  const run = await client().fork(previous, { ...labels, say: textOf(body), release: 'current' });
  return await run.record();
}

const createRoute = defineRoute(
  {
    method: 'POST',
    path: RESPONSES_PATH,
    group: 'responses',
    summary: "OpenAI's Responses API: an agent is the model",
    description:
      'Plain, streamed, or in the background. What the agent has of its own (instructions, tools, parameters) is refused by name. A caller who leaves ends nothing: the response can be retrieved.',
    scopes: ['start'],
    headers: [
      {
        name: 'Idempotency-Key',
        description: 'The same one is the same response, for a day.',
        pattern: IDEMPOTENCY_KEY_PATTERN,
      },
    ],
    body: { schema: responseRequestShape },
    answers: { 200: { description: 'The response.', schema: RESPONSE, streams: true } },
  },
  async (asking) => {
    const { body, caller, deps, client, header, gone } = asking;
    const key = idempotencyKeyOf(header('idempotency-key'));
    const start = (id: string): Promise<RunRecord> => begin(asking, id);
    const once = { caller: caller.name ?? '', request: body, run: newRunId(), now: Date.now() };
    const begun = (): Promise<RunRecord> =>
      key === undefined ? start(once.run) : startOnce(deps.store, { ...once, key }, start);
    // Where there is no room to wait nothing is begun: clients try again by themselves, and would begin another.
    if (body.stream) return await readers.pass(async () => streamed(asking, await begun()));
    if (body.background) return { status: 200, body: { ...responseOf(await begun()), background: true } };
    return await waits.pass(async () => ({ status: 200, body: await whole(client().run((await begun()).id), gone) }));
  },
);

async function whole(run: RunHandle<unknown>, gone: AbortSignal): Promise<ToldResponse> {
  const result = await run.result({ signal: gone });
  return responseOf(await run.record(), result);
}

async function streamed(asking: Asking, record: RunRecord): Promise<Response> {
  const { client, node, gone, deps } = asking;
  const run = client().run(record.id);
  return await sentPieceByPiece({ node, gone, report: deps.report }, () =>
    streamResponse(
      {
        id: record.id,
        events: followRun(
          { events: (options) => run.events({ ...options, signal: gone }), describe: () => run.describe() },
          () => undefined,
        ),
        begun: responseOf(record),
        ended: (result: RunResult<unknown>) => responseOf(record, result),
        result: () => run.result({ signal: gone }),
      },
      node.outgoing,
      gone,
    ),
  );
}

const getRoute = defineRoute(
  {
    method: 'GET',
    path: `${RESPONSES_PATH}/{id}`,
    group: 'responses',
    summary: 'A response, as it stands',
    scopes: ['read'],
    params: runIdShape,
    answers: { 200: { description: 'The response.', schema: RESPONSE } },
  },
  async ({ params, caller, deps }) => {
    const record = await knownRun(caller, deps.store, params.id);
    return { status: 200, body: responseOf(record, await recordedResult(deps.store, record)) };
  },
);

const cancelRoute = defineRoute(
  {
    method: 'POST',
    path: `${RESPONSES_PATH}/{id}/cancel`,
    group: 'responses',
    summary: 'End a response that is in progress',
    scopes: ['intervene'],
    params: runIdShape,
    answers: {
      200: { description: 'The response, cancelled; or in progress, where no worker hears it yet.', schema: RESPONSE },
    },
  },
  async ({ params, caller, deps, client, gone }) => {
    const record = await knownRun(caller, deps.store, params.id);
    const recorded = await recordedResult(deps.store, record);
    if (recorded) return { status: 200, body: responseOf(record, recorded) };
    const run = client().run(record.id);
    await run.cancel('cancelled through the Responses API');
    const soon = AbortSignal.any([gone, AbortSignal.timeout(CANCEL_MS)]);
    const result = await run.result({ signal: soon }).catch((error: unknown) => {
      if (soon.aborted) return undefined;
      throw error;
    });
    return { status: 200, body: responseOf(record, result) };
  },
);

export const responseRoutes = [createRoute, getRoute, cancelRoute];
