import {
  answerError,
  answerRequest,
  beforeAnswer,
  deliveryOf,
  type Exchange,
  type ServerState,
} from './answer-request';
import { control } from './control';
import { deliverBody } from './deliver';
import { readRequest } from './read-request';
import type { Api } from './model-request';
import { WireError } from './wire-error';

/** Who may ask for what. */
export interface Access {
  /** The only keys that pass; any key passes without it. */
  readonly apiKey: string | readonly string[] | undefined;
  /** The models that exist; any name does without it. */
  readonly models: readonly string[] | undefined;
}

const APIS: ReadonlyMap<string, Api> = new Map([
  ['/v1/responses', 'responses'],
  ['/v1/chat/completions', 'chat'],
  ['/v1/messages', 'messages'],
]);
/** Listed where the options name no models. */
const UNNAMED_MODELS = ['scripted'];
/** Any time does: no client reads it. 1 January 2025, in seconds. */
const MODEL_CREATED = 1_735_689_600;

/** Answers one request. Rejects only when the connection is gone. */
export async function answerRoute(
  state: ServerState,
  access: Access,
  exchange: Exchange,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { record, bytes } = exchange;
  const { method, path, nth } = record;
  try {
    if (path.startsWith('/__')) return await observe(state, exchange);
    checkKey(access.apiKey, keyOf(path, headers));
    if (method === 'GET' && path.startsWith('/v1/models')) return await listModels(state, access.models, exchange);
    const api = APIS.get(path);
    if (method !== 'POST' || !api) throw new WireError(404, `Invalid URL (${method} ${path})`);
    const stored = (responseId: string) => state.stored.get(responseId);
    if (api === 'messages' && headers['anthropic-version'] === undefined)
      throw new WireError(400, 'anthropic-version: header is required');
    const { authorization: _, 'x-api-key': _key, ...shown } = headers;
    const source = { nth, api, path, headers: shown, bytes, models: access.models, stored };
    await answerRequest(state, exchange, readRequest(source));
  } catch (error) {
    await answerError(state, exchange, error);
  }
}

/** The Messages API takes its key in a header of its own, and as the others do: its vendor's newest client sends it so. */
function keyOf(path: string, headers: Readonly<Record<string, string>>): string | undefined {
  const own = path === '/v1/messages' ? headers['x-api-key'] : undefined;
  return own === undefined ? headers['authorization'] : `Bearer ${own}`;
}

function checkKey(apiKey: Access['apiKey'], authorization: string | undefined): void {
  if (apiKey === undefined) return;
  const given = /^Bearer\s+(.+)$/i.exec(authorization ?? '')?.[1];
  if (given === undefined) {
    throw new WireError(
      401,
      `You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth ` +
        `(i.e. Authorization: Bearer YOUR_KEY).`,
    );
  }
  if ([apiKey].flat().includes(given)) return;
  const masked = given.length > 8 ? `${given.slice(0, 3)}****${given.slice(-4)}` : '****';
  throw new WireError(401, `Incorrect API key provided: ${masked}.`, { code: 'invalid_api_key' });
}

async function listModels(
  state: ServerState,
  models: readonly string[] = UNNAMED_MODELS,
  exchange: Exchange,
): Promise<void> {
  const action = await beforeAnswer(state, exchange, undefined);
  if (!action) return;
  const data = models.map((id) => ({ id, object: 'model', created: MODEL_CREATED, owned_by: 'model-server' }));
  const id = decodeURIComponent(exchange.record.path.slice('/v1/models'.length + 1));
  const body = id === '' ? { object: 'list', data } : data.find((model) => model.id === id);
  if (!body) {
    throw new WireError(404, `The model '${id}' does not exist`, { param: 'model', code: 'model_not_found' });
  }
  await deliverBody(deliveryOf(state, exchange, action), JSON.stringify(body));
}

/** The endpoints of a test in another process. */
async function observe(state: ServerState, exchange: Exchange): Promise<void> {
  const { method, path } = exchange.record;
  const delivery = deliveryOf(state, exchange, {});
  if (method === 'POST' && path === '/__control') {
    await deliverBody(delivery, JSON.stringify(control(state, exchange.bytes)));
  } else if (method === 'GET' && path === '/__counts') {
    await deliverBody(delivery, JSON.stringify(state.ledger.counts()));
  } else if (method === 'GET' && path === '/__requests') {
    const records = state.ledger.all().map((record) => ({ ...record, body: record.body?.toString('utf8') }));
    await deliverBody(delivery, JSON.stringify(records));
  } else {
    throw new WireError(
      404,
      `Invalid URL (${method} ${path}): POST /__control, GET /__counts and GET /__requests exist.`,
    );
  }
}
