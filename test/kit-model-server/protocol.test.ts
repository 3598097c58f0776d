// Needs: nothing but free local ports. Keys, models, limits, refused requests, and what the server writes down.
import { createHash } from 'node:crypto';
import OpenAI from 'openai';
import { script, startModelServer, type ModelServer, type ModelServerOptions } from '../kit/model-server';
import { duration } from '../kit/model-server/rate-limit';

let server: ModelServer;
async function start(options: ModelServerOptions = {}, apiKey = 'sk-test-key-0001'): Promise<OpenAI> {
  server = await startModelServer({ script: script().answer('Hi'), ...options });
  return new OpenAI({ baseURL: server.url, apiKey, maxRetries: 0 });
}
afterEach(() => server.close());

const chat = (messages: unknown, more: object = {}) => post('chat/completions', { model: 'm', messages, ...more });
const responses = (input: unknown, more: object = {}) => post('responses', { model: 'm', input, ...more });
async function post(path: string, body: unknown) {
  const response = await fetch(`${server.url}/${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as { error?: object } };
}
const user = { role: 'user', content: 'Hello' };
const call = { id: 'call_1', type: 'function', function: { name: 'lookup', arguments: '{}' } };
const item = { type: 'function_call', call_id: 'call_1', name: 'lookup', arguments: '{}' };

test('a wrong or missing key is refused in the real form, and a right one passes', async () => {
  const client = await start({ apiKey: ['sk-other', 'sk-right-key-0001'] }, 'sk-wrong-key-0001');
  await expect(client.responses.create({ model: 'm', input: 'x' })).rejects.toMatchObject({
    status: 401,
    code: 'invalid_api_key',
    type: 'invalid_request_error',
    message: '401 Incorrect API key provided: sk-****0001.',
  });
  await expect(client.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  expect((await chat([user])).status).toBe(401);
  const right = new OpenAI({ baseURL: server.url, apiKey: 'sk-right-key-0001', maxRetries: 0 });
  expect((await right.responses.create({ model: 'm', input: 'x' })).output_text).toBe('Hi');
  expect(JSON.stringify(server.requests())).not.toContain('sk-right-key-0001');
  expect(server.requests()[0]?.headers['authorization']).toBe('[redacted]');
});

test('the key does not reach a respond function either', async () => {
  let seen = '';
  const client = await start({ script: undefined, respond: (request) => ({ text: (seen = JSON.stringify(request)) }) });
  await client.responses.create({ model: 'm', input: 'x' });
  expect(seen).toContain('"user-agent"');
  expect(seen).not.toContain('sk-test-key-0001');
});

test('named models are listed, and others do not exist', async () => {
  const client = await start({ models: ['alpha', 'org/beta'] });
  expect((await client.models.list()).data.map((model) => model.id)).toEqual(['alpha', 'org/beta']);
  expect((await client.models.retrieve('org/beta')).id).toBe('org/beta');
  await expect(client.models.retrieve('gamma')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  await expect(client.responses.create({ model: 'gamma', input: 'x' })).rejects.toMatchObject({
    status: 404,
    code: 'model_not_found',
  });
});

test('limits refuse beyond their number, with headers that say when to come back', async () => {
  const client = await start({ rateLimit: { requestsPerMinute: 2, tokensPerMinute: 1000 } });
  const first = await client.responses.create({ model: 'm', input: 'x' }).withResponse();
  const headers = first.response.headers;
  expect(headers.get('x-ratelimit-limit-requests')).toBe('2');
  expect(headers.get('x-ratelimit-remaining-requests')).toBe('1');
  expect(headers.get('x-ratelimit-limit-tokens')).toBe('1000');
  expect(headers.get('x-ratelimit-remaining-tokens')).toBe(String(1000 - (first.data.usage?.total_tokens ?? 0)));
  expect(headers.get('x-ratelimit-reset-requests')).toMatch(/^[\d.]+s$/);
  expect(headers.get('x-request-id')).toBe(server.requests()[0]?.requestId);
  await expect(client.responses.create({ model: 'm', input: 'x'.repeat(8000) })).rejects.toMatchObject({
    status: 429,
    type: 'tokens',
    message: expect.stringContaining('Request too large') as string,
  });
  await client.responses.create({ model: 'm', input: 'x' });
  const refused = await responses('x');
  expect(refused).toMatchObject({ status: 429, body: { error: { type: 'requests', code: 'rate_limit_exceeded' } } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(20);
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(30);
  expect(server.counts()).toMatchObject({ answered: 2, refused: 2, byPath: { '/v1/responses': 4 } });
});

test('durations are written as the real headers write them', async () => {
  await start();
  expect([120, 1000, 2500, 360_000, 61_500].map(duration)).toEqual(['120ms', '1s', '2.5s', '6m0s', '1m1.5s']);
});

test('without limits the headers are there and nothing is refused', async () => {
  const client = await start();
  const { response } = await client.chat.completions
    .create({ model: 'm', messages: [{ role: 'user', content: 'x' }] })
    .withResponse();
  for (const kind of ['limit', 'remaining', 'reset']) {
    for (const what of ['requests', 'tokens']) expect(response.headers.get(`x-ratelimit-${kind}-${what}`)).toBeTruthy();
  }
});

test.each([
  ['not JSON', () => post('responses', '{'), null, 'could not parse the JSON body'],
  ['no model', () => post('responses', { input: 'x' }), null, 'must provide a model'],
  ['no messages', () => post('chat/completions', { model: 'm' }), 'messages', `Missing required parameter: 'messages'`],
  ['no input', () => post('responses', { model: 'm' }), 'input', `Missing required parameter: 'input'`],
  ['empty messages', () => chat([]), 'messages', 'empty array'],
  ['unknown role', () => chat([{ role: 'robot', content: '' }]), 'messages[0].role', 'Supported values'],
  [
    'a result without its call',
    () => chat([user, { role: 'tool', tool_call_id: 'call_1', content: '' }]),
    'messages.[1].role',
    `must be a response to a preceding message`,
  ],
  [
    'a call without its result',
    () => chat([user, { role: 'assistant', tool_calls: [call] }, user]),
    'messages',
    'did not have response messages: call_1',
  ],
  [
    'a result given twice',
    () =>
      chat([
        user,
        { role: 'assistant', tool_calls: [call] },
        { role: 'tool', tool_call_id: 'call_1', content: '' },
        { role: 'tool', tool_call_id: 'call_1', content: '' },
      ]),
    'messages.[3].role',
    'preceding message',
  ],
  [
    'an item without its result',
    () => responses([user, item]),
    'input',
    'No tool output found for function call call_1',
  ],
  [
    'an output without its item',
    () => responses([user, { type: 'function_call_output', call_id: 'call_1', output: '' }]),
    'input',
    'No tool call found',
  ],
  [
    'reasoning that stands alone',
    () => responses([user, { type: 'reasoning', id: 'rs_1', summary: [] }]),
    'input',
    'without its required following item',
  ],
  [
    'a bad tool name',
    () => chat([user], { tools: [{ type: 'function', function: { name: 'a b' } }] }),
    'tools[0].function.name',
    'does not match pattern',
  ],
  [
    'an open strict tool',
    () =>
      responses('x', {
        tools: [{ type: 'function', name: 't', strict: true, parameters: { type: 'object', properties: {} } }],
      }),
    'tools[0].parameters',
    `'additionalProperties' is required`,
  ],
  [
    'an optional strict property',
    () =>
      chat([user], {
        response_format: {
          type: 'json_schema',
          json_schema: {
            name: 'f',
            strict: true,
            schema: {
              type: 'object',
              properties: { a: { type: 'string' } },
              required: [],
              additionalProperties: false,
            },
          },
        },
      }),
    'response_format',
    `Missing 'a'`,
  ],
  [
    'an open object inside a strict format',
    () =>
      responses('x', {
        text: {
          format: {
            type: 'json_schema',
            name: 'f',
            strict: true,
            schema: {
              type: 'object',
              properties: { a: { anyOf: [{ type: 'object' }] } },
              required: ['a'],
              additionalProperties: false,
            },
          },
        },
      }),
    'text.format.schema',
    `In context=('properties', 'a', 'anyOf', '0')`,
  ],
])('%s is refused as the real API refuses it', async (_, ask, param, message) => {
  await start();
  const { status, body } = await ask();
  expect(status).toBe(400);
  expect(body.error).toMatchObject({ type: 'invalid_request_error', param });
  expect(body.error).toMatchObject({ message: expect.stringContaining(message) as string });
});

test('unknown addresses are refused by name', async () => {
  await start();
  expect(await post('embeddings', {})).toMatchObject({
    status: 404,
    body: { error: { message: 'Invalid URL (POST /v1/embeddings)' } },
  });
  expect((await fetch(`${server.url}/responses`)).status).toBe(404);
  expect((await fetch(`${server.controlUrl}//`)).status).toBe(404);
});

test('a request is written down byte for byte', async () => {
  await start();
  const body = '{"model":"m",  "messages":[{"role":"user","content":"größer 🌍"}]}';
  await post('chat/completions?x=1', body);
  await post('chat/completions', body);
  const [record] = server.requests();
  expect(record?.body?.toString()).toBe(body);
  expect(record).toMatchObject({
    nth: 1,
    method: 'POST',
    path: '/v1/chat/completions',
    sha256: createHash('sha256').update(body).digest('hex'),
    model: 'm',
    stream: false,
    outcome: 'answered',
    status: 200,
    closedByClientAt: undefined,
  });
  expect(record?.endedAt).toBeGreaterThanOrEqual(record?.arrivedAt ?? Infinity);
  const counts = server.counts();
  expect(counts).toMatchObject({ requests: 2, answered: 2, repeated: 1, open: 0 });
  expect(counts.tokens.input).toBe((record?.usage?.input ?? 0) * 2);
  server.reset();
  expect(server.counts()).toMatchObject({ requests: 0, answered: 0, tokens: { input: 0 } });
});

test('listeners see arrivals and ends until they are taken off', async () => {
  const client = await start();
  const seen: string[] = [];
  const off = [
    server.on('arrived', (record) => seen.push(`${record.nth} ${record.outcome}`)),
    server.on('ended', (record) => seen.push(`${record.nth} ${record.outcome}`)),
  ];
  await client.responses.create({ model: 'm', input: 'x' });
  await server.until((counts) => counts.open === 0);
  off.forEach((remove) => remove());
  await client.responses.create({ model: 'm', input: 'x' });
  expect(seen).toEqual(['1 open', '1 answered']);
});

test('waiting in vain says what the counts were', async () => {
  await start();
  await expect(server.until((counts) => counts.answered === 1, 1)).rejects.toThrow('"answered":0');
});

test('a server with nothing to say explains itself, and two sources are refused', async () => {
  const client = await start({ script: undefined });
  await expect(client.responses.create({ model: 'm', input: 'x' })).rejects.toMatchObject({ code: 'no_script' });
  await expect(startModelServer({ script: script(), respond: () => ({}) })).rejects.toThrow('not both');
});
