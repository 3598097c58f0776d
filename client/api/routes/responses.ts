// OpenAI's Responses API, with agents for models: any of its clients is one of durable runs. A response is a run, and has its id.
import { z } from 'zod';
import type { ContentStore } from '../../../activities/store';
import type { RunRecord } from '../../../workflows/contract/schemas/run-record';
import { followRun } from '../../follow-run';
import { recordedResult, refuseErased } from '../../recorded-result';
import type { RunHandle } from '../../run-handle';
import { newRunId } from '../../run-labels';
import type { RunResult } from '../../run-result';
import { waitForBeginning } from '../../session-run';
import { TRACEPARENT_HEADER } from '../callers-trace';
import { IDEMPOTENCY_KEY_PATTERN, idempotencyKeyOf, startOnce } from '../idempotency';
import { Problem } from '../problem';
import { beginResponse, type BegunResponse } from '../responses/begin-response';
import { createEventLogs, type EventLog, type EventLogs } from '../responses/event-log';
import { RESPONSES_PATH } from '../responses/openai-error';
import { responseRequestShape, type ResponseRequest } from '../responses/request';
import { queuedResponse, responseOf, responseShape, type ToldResponse } from '../responses/response-object';
import { knownResponse, previousOf, type WaitingResponse } from '../responses/session-response';
import { openEventStream, tellResponse, type ToStream } from '../responses/stream-response';
import { defineRoute, type ApiDeps, type ApiRequest } from '../route';
import { sentPieceByPiece } from '../sent-piece-by-piece';
import { runIdShape } from '../shapes';
import { signalWithin } from '../signal-within';
import { createTurnstile } from '../turnstile';

const RESPONSE = { name: 'Response', shape: responseShape };
/** Each holds a connection. */
const waits = createTurnstile(1_000);
const readers = createTurnstile(100);
/** Each follows a run, for whoever reads. */
const tellers = createTurnstile(100);
/** A cancel is heard by a worker that is there within a second. */
const CANCEL_MS = 5_000;

type Asking = ApiRequest<unknown, unknown, ResponseRequest>;

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
      TRACEPARENT_HEADER,
    ],
    body: { schema: responseRequestShape },
    answers: { 200: { description: 'The response.', schema: RESPONSE, streams: true } },
  },
  async (asking) => {
    const { body, caller, deps, header, gone } = asking;
    const key = idempotencyKeyOf(header('idempotency-key'));
    const start = (id: string): Promise<BegunResponse> => beginResponse(asking, id);
    const once = { caller: caller.name ?? '', request: body, run: newRunId(), now: Date.now() };
    const begun = (): Promise<BegunResponse> =>
      key === undefined ? start(once.run) : startOnce(deps.store, { ...once, key }, start);
    // Where there is no room to wait nothing is begun: clients try again by themselves, and would begin another.
    if (body.stream && body.background)
      return await readers.pass(
        asking.caller,
        async () => await readLog(asking, await toldInBackground(asking, begun), -1),
      );
    if (body.stream) return await readers.pass(asking.caller, async () => await streamed(asking, await begun()));
    if (body.background) return { status: 200, body: { ...(await begun()).told, background: true } };
    return await waits.pass(caller, async () => {
      const { run } = await begun();
      const result = await run.result({ signal: gone });
      return { status: 200, body: await responseFor(deps.store, await run.record(), result) };
    });
  },
);

async function responseFor(store: ContentStore, record: RunRecord, result?: RunResult<unknown>): Promise<ToldResponse> {
  return responseOf(record, result, await previousOf(store, record));
}

type Streaming = Pick<Asking, 'caller' | 'deps' | 'node' | 'gone'>;

const toStream = (store: ContentStore, run: RunHandle<unknown>, begun: ToldResponse, stop: AbortSignal): ToStream => ({
  id: run.id,
  events: followRun(
    { events: (options) => run.events({ ...options, signal: stop }), describe: () => run.describe() },
    () => undefined,
  ),
  begun,
  ended: async (result) => {
    const { background } = begun;
    const told = await responseFor(store, await run.record(), result);
    return background ? { ...told, background } : told;
  },
  result: () => run.result({ signal: stop }),
});

async function streamed({ deps, node, gone }: Streaming, { run, told }: BegunResponse): Promise<Response> {
  return await sentPieceByPiece({ node, gone, report: deps.report }, () =>
    openEventStream(node.outgoing, gone, (write) => tellResponse(toStream(deps.store, run, told, gone), write, gone)),
  );
}

/** Of each server its own. */
const logs = new WeakMap<AbortSignal, EventLogs>();
function logsOf({ over }: Streaming['deps']): EventLogs {
  const known = logs.get(over) ?? createEventLogs(over);
  logs.set(over, known);
  return known;
}

/** The one that is there, or one that begins now. It has a place of its own, whoever reads it. @throws Problem `Api.Busy` */
async function toldInBackground({ deps, caller }: Streaming, begun: () => Promise<BegunResponse>): Promise<EventLog> {
  const leave = tellers.enter(caller);
  let isTaken = false;
  try {
    const { run, told } = await begun();
    const known = logsOf(deps).of(run.id);
    if (known) return known;
    isTaken = true;
    return logsOf(deps).begin(run.id, async (log, stop) => {
      try {
        await tellResponse(toStream(deps.store, run, { ...told, background: true }, stop), log.add, stop);
      } catch (error) {
        if (!stop.aborted) deps.report(error);
        throw error;
      } finally {
        leave();
      }
    });
  } finally {
    if (!isTaken) leave();
  }
}

/** @param after number of the last event that was seen, -1 for none @throws Problem `Api.Invalid` */
async function readLog({ deps, node, gone }: Streaming, log: EventLog, after: number): Promise<Response> {
  const events = log.read(after, gone);
  if (!events) throw notKept();
  return await sentPieceByPiece({ node, gone, report: deps.report }, () =>
    openEventStream(node.outgoing, gone, async (write) => {
      for await (const text of events) await write(text);
    }),
  );
}

const waitingRun = (deps: ApiDeps, run: RunHandle<unknown>, { session }: WaitingResponse): RunHandle<unknown> =>
  waitForBeginning(run, { temporal: deps.temporal, store: deps.store, session, run: run.id });

const notKept = (): Problem =>
  new Problem('Api.Invalid', 'the events of this response are not kept here: retrieve it without `stream`.', {
    errors: [
      { parameter: 'starting_after', detail: 'the events of this response are not kept here: retrieve it whole' },
    ],
  });

const getRoute = defineRoute(
  {
    method: 'GET',
    path: `${RESPONSES_PATH}/{id}`,
    group: 'responses',
    summary: 'A response, as it stands',
    scopes: ['read'],
    description:
      'With `stream=true` its events: of one in the background from the first, or from behind `starting_after`, with the numbers that they had. They are kept for ten minutes after the last, by the server that it was begun at.',
    params: runIdShape,
    query: z.strictObject({
      stream: z.enum(['true', 'false']).optional(),
      starting_after: z.coerce
        .number()
        .int()
        .min(0)
        .optional()
        .describe('`sequence_number` of the last event that was seen.'),
      include_obfuscation: z.enum(['true', 'false']).optional().describe('Nothing is obfuscated.'),
    }),
    answers: { 200: { description: 'The response.', schema: RESPONSE, streams: true } },
  },
  async (asking) => {
    const { params, query, deps, client, node } = asking;
    const { record, waits } = await knownResponse(asking, params.id);
    if (query.stream !== 'true' && query.starting_after !== undefined)
      throw new Problem('Api.Invalid', '`starting_after` is of a stream.', {
        errors: [{ parameter: 'starting_after', detail: 'only with stream=true' }],
      });
    const recorded = record && (await recordedResult(deps.store, record));
    const told = record ? await responseFor(deps.store, record, recorded) : queuedResponse(waits);
    if (query.stream !== 'true') return { status: 200, body: told };
    if (record) refuseErased(record);
    const known = logsOf(deps).of(params.id);
    if (!known && query.starting_after !== undefined) throw notKept();
    if (node.incoming.method === 'HEAD')
      return new Response(null, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
    const run = waits ? waitingRun(deps, client().run(params.id), waits) : client().run(params.id);
    const begun = recorded && record ? responseOf(record, undefined, told.previous_response_id ?? undefined) : told;
    return await readers.pass(asking.caller, async () => {
      const log = known ?? (await toldInBackground(asking, () => Promise.resolve({ run, told: begun })));
      return await readLog(asking, log, query.starting_after ?? -1);
    });
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
  async (asking) => {
    const { params, deps, client, gone } = asking;
    const { record } = await knownResponse(asking, params.id);
    if (!record)
      throw new Problem('Run.Refused', 'others are answered before it: it can be cancelled once it has begun.');
    const recorded = await recordedResult(deps.store, record);
    if (recorded) return { status: 200, body: await responseFor(deps.store, record, recorded) };
    const run = client().run(record.id);
    await run.cancel('cancelled through the Responses API');
    const soon = signalWithin(gone, CANCEL_MS);
    const result = await run.result({ signal: soon }).catch((error: unknown) => {
      if (soon.aborted) return undefined;
      throw error;
    });
    return { status: 200, body: await responseFor(deps.store, record, result) };
  },
);

export const responseRoutes = [createRoute, getRoute, cancelRoute];
