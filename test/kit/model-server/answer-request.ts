import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ScriptRaw } from '../script';
import { answerIdentity, idOf } from './answer-identity';
import { chatChunks, chatCompletion, chatStreamError, type Answer } from './chat-wire';
import { deliverBody, deliverStream, type Delivery } from './deliver';
import { combineActions, faultyTurn, type FaultAction, type FaultPlan } from './faults';
import { aborted, type Gates } from './gates';
import type { Ledger, RequestRecord } from './ledger';
import type { ModelRequest } from './model-request';
import type { RateLimit } from './rate-limit';
import { messageError, messageEvents, messageObject, messageStreamError } from './messages-wire';
import { responseEvents, responseStreamError } from './response-events';
import { finishedResponse, outputItems } from './response-object';
import { turnOf, type Respond } from './responder';
import { usageOf } from './token-usage';
import { plainError, WireError } from './wire-error';

/** What one server holds; the control endpoint changes it while requests run. */
export interface ServerState {
  readonly ledger: Ledger;
  readonly faults: FaultPlan;
  readonly gates: Gates;
  readonly rateLimit: RateLimit;
  readonly deltaChars: number;
  /** Conversations that a `previous_response_id` can name. */
  readonly stored: Map<string, readonly unknown[]>;
  respond: Respond | undefined;
  delayMs: number;
}

export interface Exchange {
  readonly record: RequestRecord;
  readonly res: ServerResponse;
  readonly bytes: Buffer;
  readonly signal: AbortSignal;
}

/** Responses kept for `previous_response_id`; more than any one test looks back. */
const STORED_RESPONSES = 1000;
const MESSAGES_PATH = '/v1/messages';
const PROVIDER_FAILED = 'The server had an error while processing your request. Sorry about that!';

/**
 * Applies the faults that come before an answer. No step before a hold may wait, so that who saw a request arrive can
 * release it at once. Answers undefined where the exchange is over.
 */
export async function beforeAnswer(
  state: ServerState,
  { record, res, bytes, signal }: Exchange,
  request: ModelRequest | undefined,
): Promise<FaultAction | undefined> {
  const faults = state.faults.strike(record.path, bytes, request);
  record.faults = faults.length;
  const action = combineActions(faults);
  if (action.dropConnection) {
    state.ledger.end(record, 'cut');
    res.destroy();
    return undefined;
  }
  if (action.hold !== undefined) await state.gates.wait(action.hold, signal);
  if (action.hang) {
    await aborted(signal);
    return undefined;
  }
  const delayMs = (request ? state.delayMs : 0) + (action.delayMs ?? 0);
  if (delayMs > 0) await sleep(delayMs, undefined, { signal });
  if (action.status === undefined) return action;
  const headers = {
    ...action.headers,
    ...(action.retryAfter === undefined ? {} : { 'retry-after': String(action.retryAfter) }),
  };
  if (action.body === undefined) throw plainError(action.status, headers);
  await deliverRaw(deliveryOf(state, { record, res, bytes, signal }, {}), { ...action, body: action.body, headers });
  return undefined;
}

/** Answers a request for a model's turn, through faults and limits. */
export async function answerRequest(state: ServerState, exchange: Exchange, request: ModelRequest): Promise<void> {
  const { record } = exchange;
  record.model = request.model;
  record.stream = request.stream;
  const action = await beforeAnswer(state, exchange, request);
  if (!action) return;
  const turn = faultyTurn(await turnOf(state.respond, request), action, request);
  const usage = usageOf(request, turn);
  state.rateLimit.charge(request.model, usage.input + usage.output);
  const answer: Answer = { request, turn, identity: answerIdentity(), usage, deltaChars: state.deltaChars };
  if (request.api === 'responses' && request.body['store'] !== false) store(state, answer);
  const delivery = deliveryOf(state, exchange, action);
  if (exchange.signal.aborted) return;
  if (turn.raw) return deliverRaw(delivery, turn.raw, request.stream);
  record.usage = usage;
  if (!request.stream) {
    await deliverBody(delivery, JSON.stringify(wholeAnswer(answer), null, 2));
  } else if (request.api === 'chat') {
    await deliverStream(delivery, [...chatChunks(answer)], () => chatStreamError(PROVIDER_FAILED));
  } else if (request.api === 'messages') {
    await deliverStream(delivery, [...messageEvents(answer)], () => messageStreamError(PROVIDER_FAILED));
  } else {
    const failure = (sent: number) => responseStreamError(answer, PROVIDER_FAILED, sent);
    await deliverStream(delivery, [...responseEvents(answer)], failure);
  }
}

function wholeAnswer(answer: Answer): unknown {
  const { api } = answer.request;
  if (api === 'messages') return messageObject(answer);
  return api === 'chat' ? chatCompletion(answer) : finishedResponse(answer);
}

/** Answers with an error, in the real API's form. */
export async function answerError(state: ServerState, exchange: Exchange, error: unknown): Promise<void> {
  if (exchange.signal.aborted) return;
  if (exchange.res.headersSent) {
    state.ledger.end(exchange.record, 'cut');
    exchange.res.destroy();
    return;
  }
  const wire =
    error instanceof WireError ? error : new WireError(500, `The model server itself failed: ${String(error)}`);
  const delivery = deliveryOf(state, exchange, {});
  const headers = { ...delivery.headers, ...wire.detail.headers };
  const { path, requestId } = exchange.record;
  const body = path === MESSAGES_PATH ? messageError(wire, requestId) : wire.body();
  await deliverBody({ ...delivery, headers }, body, wire.status);
}

export function deliveryOf(state: ServerState, { record, res, signal }: Exchange, action: FaultAction): Delivery {
  return {
    res,
    action,
    signal,
    cut: () => state.ledger.end(record, 'cut'),
    headers: {
      [record.path === MESSAGES_PATH ? 'request-id' : 'x-request-id']: record.requestId,
      'openai-version': '2020-10-01',
      'openai-processing-ms': String(Date.now() - record.arrivedAt),
      ...state.rateLimit.headers(),
    },
  };
}

async function deliverRaw(delivery: Delivery, raw: ScriptRaw, streamed = false): Promise<void> {
  const text = typeof raw.body === 'string' ? raw.body : JSON.stringify(raw.body);
  const type = streamed && typeof raw.body === 'string' ? 'text/event-stream; charset=utf-8' : 'application/json';
  const headers = { ...delivery.headers, 'content-type': type, ...raw.headers };
  await deliverBody({ ...delivery, action: {}, headers }, text, raw.status ?? 200);
}

function store(state: ServerState, answer: Answer): void {
  const { stored } = state;
  stored.set(idOf(answer.identity, 'resp'), [...answer.request.items, ...outputItems(answer)]);
  const oldest = stored.keys().next();
  if (stored.size > STORED_RESPONSES && !oldest.done) stored.delete(oldest.value);
}
