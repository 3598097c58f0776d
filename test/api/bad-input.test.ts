// Needs a Temporal server (embedded, real) and the model server: what cannot be answered is refused with the right status and type, in the
// form of RFC 9457, and nothing of it is kept.
import { request as httpRequest } from 'node:http';
import { z } from 'zod';
import { defineAgent } from '../../activities/define';
import { PROBLEMS } from '../../client/api/problem';
import { serveApi } from '../../client/api/serve-api';
import { script } from '../kit/model-server';
import { useStack } from '../stack/use-stack';
import { useApi, type Asked, type Told } from './given';

const greeter = defineAgent({ name: 'greeter', instructions: 'Greet.' });
const clerk = defineAgent({
  name: 'clerk',
  instructions: 'File.',
  input: z.object({ order: z.object({ 'a/b': z.string() }), count: z.number() }),
});
const on = useStack({ script: script().answer('Hello.') }, { agents: [greeter, clerk] });
const api = useApi(on);

function expectProblem({ status, headers, body }: Told, type: string): void {
  expect({ status, type: body['type'] }).toEqual({ status: PROBLEMS[type as keyof typeof PROBLEMS][0], type });
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(body).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
  expect(String(body['detail']).split('\n')).toHaveLength(1);
}

const start = (body: unknown): Asked => ({ body });
const greet = { agent: 'greeter', input: 'x' };
const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
const ID = '/v1/runs/nobody';

test.each<[string, string, string, Asked, string]>([
  ['a place that is not there', 'GET', '/v2/runs', {}, 'Api.NotFound'],
  ['a run that is not there', 'GET', ID, {}, 'Run.NotFound'],
  ['its result', 'GET', `${ID}/result`, {}, 'Run.NotFound'],
  ['its events', 'GET', `${ID}/events`, {}, 'Run.NotFound'],
  ['an end of it', 'POST', `${ID}/cancel`, {}, 'Run.NotFound'],
  ['its requests', 'GET', `${ID}/requests`, {}, 'Run.NotFound'],
  ['a resume of it', 'POST', `${ID}/resume`, start({}), 'Run.NotFound'],
  ['what nobody heeds', 'POST', `${ID}/resume`, start({ reason: 'lunch is over' }), 'Api.Invalid'],
  ['what nobody can read', 'POST', `${ID}/resume`, start('{'), 'Api.InvalidRequest'],
  ['an id that cannot be one', 'GET', `/v1/runs/${'ü'.repeat(300)}`, {}, 'Run.NotFound'],
  ['an id that is no UTF-8', 'GET', '/v1/runs/%ff', {}, 'Run.NotFound'],
  ['another method', 'DELETE', '/v1/runs', {}, 'Api.MethodNotAllowed'],
  ['another method of one run', 'PUT', ID, start({}), 'Api.MethodNotAllowed'],
  ['text that is not JSON', 'POST', '/v1/runs', start('{"agent":'), 'Api.InvalidRequest'],
  [
    'more levels than anybody means',
    'POST',
    '/v1/runs',
    start(`{"agent":"greeter","input":${deep}}`),
    'Api.InvalidRequest',
  ],
  ['no body', 'POST', '/v1/runs', {}, 'Api.Invalid'],
  ['no object', 'POST', '/v1/runs', start('[]'), 'Api.Invalid'],
  ['a form', 'POST', '/v1/runs', { body: 'a=b', headers: { 'content-type': 'text/plain' } }, 'Api.WrongMediaType'],
  ['no media type', 'POST', '/v1/runs', { body: '{}', headers: { 'content-type': '' } }, 'Api.WrongMediaType'],
  ['no agent', 'POST', '/v1/runs', start({ input: 'x' }), 'Api.Invalid'],
  ['no input', 'POST', '/v1/runs', start({ agent: 'greeter' }), 'Api.Invalid'],
  ['an input of another shape', 'POST', '/v1/runs', start({ ...greet, input: { a: 1 } }), 'Api.Invalid'],
  ['an agent that is not there', 'POST', '/v1/runs', start({ ...greet, agent: 'nobody' }), 'Agent.NotFound'],
  ['an agent that cannot be', 'POST', '/v1/runs', start({ ...greet, agent: 'ü'.repeat(200) }), 'Agent.NotFound'],
  ['an agent with a long name', 'GET', `/v1/agents/${'ü'.repeat(300)}`, {}, 'Agent.NotFound'],
  ['an unknown member', 'POST', '/v1/runs', start({ ...greet, tenat: 'x' }), 'Api.Invalid'],
  ['a limit below one', 'POST', '/v1/runs', start({ ...greet, limits: { turns: 0 } }), 'Api.Invalid'],
  ['an id that cannot be in a path', 'POST', '/v1/runs', start({ ...greet, id: '..' }), 'Api.Invalid'],
  ['the id of a session', 'POST', '/v1/runs', start({ ...greet, id: 'session:x' }), 'Api.Invalid'],
  ['the id of who tells of a run', 'POST', '/v1/runs', start({ ...greet, id: 'webhook:run_1' }), 'Api.Invalid'],
  ['the id of a queue', 'POST', '/v1/runs', start({ ...greet, id: 'queue/agents/q/0' }), 'Api.Invalid'],
  [
    'a session whose messages are queues',
    'POST',
    '/v1/sessions/queue/messages',
    start({ ...greet, id: 'agents/q/0' }),
    'Api.Invalid',
  ],
  ['an id of two lines', 'POST', '/v1/runs', start({ ...greet, id: 'a\nb' }), 'Api.Invalid'],
  [
    'an id with half a character',
    'POST',
    '/v1/runs',
    start('{"agent":"greeter","input":"x","id":"\\ud800"}'),
    'Api.Invalid',
  ],
  ['a wait of an hour', 'GET', `${ID}/result?wait=3600`, {}, 'Api.Invalid'],
  ['a wait that is no number', 'GET', `${ID}/result?wait=x`, {}, 'Api.Invalid'],
  ['a parameter twice', 'GET', '/v1/runs?agent=a&agent=b', {}, 'Api.Invalid'],
  ['an unknown parameter', 'GET', '/v1/runs?agnet=a', {}, 'Api.Invalid'],
  ['a parameter where there are none', 'GET', `${ID}?x=1`, {}, 'Api.Invalid'],
  ['a cursor of its own', 'GET', '/v1/runs?cursor=abc', {}, 'Api.Invalid'],
  [
    'an empty Idempotency-Key',
    'POST',
    '/v1/runs',
    { ...start(greet), headers: { 'idempotency-key': '""' } },
    'Api.InvalidRequest',
  ],
  ['a release that is none', 'GET', `/v1/releases/${'0'.repeat(64)}`, {}, 'Release.NotFound'],
  ['a release with another name', 'GET', '/v1/releases/current', {}, 'Api.Invalid'],
])('%s', async (_, method, at, asked, type) => {
  expectProblem(await api.ask(method, at, asked), type);
});

test('what does not fit is named by its place', async () => {
  const { body } = await api.ask('POST', '/v1/runs', {
    body: { agent: 7, input: 'x', 'a/b~': 1, tags: ['ok', ''], limits: { turns: 1.5 } },
  });
  expect((body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer).sort()).toEqual([
    '/agent',
    '/a~1b~0',
    '/limits/turns',
    '/tags/1',
  ]);
  const query = await api.ask('GET', '/v1/runs?limit=1000&status=lost');
  expect((query.body['errors'] as { parameter: string }[]).map(({ parameter }) => parameter).sort()).toEqual([
    'limit',
    'status',
  ]);
  expect((await api.ask('GET', '/v1/runs?agnet=a')).body['errors']).toEqual([
    { parameter: 'agnet', detail: 'there is no such parameter' },
  ]);
});

test('of an input that does not fit its agent each place is named, as a pointer into the body', async () => {
  const input = { order: { 'a/b': 1 }, count: 'two' };
  const told = await api.ask('POST', '/v1/runs', { body: { agent: 'clerk', input } });
  expectProblem(told, 'Api.Invalid');
  expect(told.body['errors']).toEqual([
    { pointer: '/input/count', detail: expect.stringContaining('number') },
    { pointer: '/input/order/a~1b', detail: expect.stringContaining('string') },
  ]);
  const ofText = await api.ask('POST', '/v1/runs', { body: { ...greet, input: { a: 1 } } });
  expect(ofText.body['errors']).toEqual([{ pointer: '/input', detail: expect.stringContaining('text') }]);
  const asResponse = await api.ask('POST', '/v1/responses', { body: { model: 'clerk', input: '{"count":1}' } });
  expect(asResponse.body['error']).toMatchObject({ param: 'input.order' });
});

test('the document and its page are there for everybody', async () => {
  expect(await api.ask('GET', '/v1/openapi.json')).toMatchObject({ status: 200, body: { openapi: '3.1.0' } });
  const page = await api.ask('GET', '/v1');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
});

test('another method is told which there are', async () => {
  expect((await api.ask('DELETE', '/v1/runs')).headers.get('allow')).toBe('POST, GET, HEAD');
  expect((await api.ask('PATCH', `${ID}/steer`)).headers.get('allow')).toBe('POST');
  expect((await api.ask('HEAD', '/v1/agents')).status).toBe(200);
});

/** With a body that is sent in pieces, and no length. @returns the status; undefined where the connection was cut */
function sendInPieces(pieces: number, bytes: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(api.url);
    const sent = httpRequest(
      { hostname, port, method: 'POST', path: '/v1/runs', headers: { 'content-type': 'application/json' } },
      (response) => resolve(response.resume().statusCode),
    );
    sent.on('error', () => resolve(undefined));
    const piece = Buffer.alloc(bytes, 0x20);
    let nth = 0;
    const more = (): void => {
      for (; nth < pieces; nth += 1) if (!sent.write(piece)) return void sent.once('drain', more);
      sent.end();
    };
    more();
  });
}

test('a body that is too large is refused, whether or not it says so, and is not read to its end', async () => {
  const body = { ...greet, input: 'x'.repeat(1024 * 1024) };
  expectProblem(await api.ask('POST', '/v1/runs', { body }), 'Api.BodyTooLarge');
  const before = process.memoryUsage().rss;
  // 200 MB, if anybody took them.
  expect([413, undefined]).toContain(await sendInPieces(200, 1024 * 1024));
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  // The server goes on.
  expect((await api.ask('GET', '/v1/agents')).status).toBe(200);
});

test('a caller who leaves in the middle of a body leaves nothing behind', async () => {
  const { hostname, port } = new URL(api.url);
  const headers = { 'content-type': 'application/json', 'content-length': '1000' };
  for (let nth = 0; nth < 20; nth += 1) {
    await new Promise<void>((resolve) => {
      const sent = httpRequest({ hostname, port, method: 'POST', path: '/v1/runs', headers });
      sent.on('error', () => resolve());
      sent.write('{"agent":"gre', () => sent.destroy());
      sent.on('close', () => resolve());
    });
  }
  expect(await api.ask('GET', '/v1/runs?agent=gre')).toMatchObject({ status: 200, body: { runs: [] } });
});

test.each([
  ['a name that somebody points at this machine', { host: 'evil.example:80' }],
  ['a page of another site', { origin: 'http://evil.example' }],
  ['a page that is a file', { origin: 'null' }],
])('without keys, %s is not answered', async (_, headers) => {
  const { hostname, port } = new URL(api.url);
  const status = await new Promise((resolve, reject) => {
    httpRequest({ hostname, port, path: '/v1/agents', headers }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(403);
});

test('a host that is none is refused in the form of the place', async () => {
  const { hostname, port } = new URL(api.url);
  const told = (path: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      httpRequest({ hostname, port, path, headers: { host: 'a b' } }, (response) =>
        response.once('data', (text) => resolve(JSON.parse(String(text)))),
      )
        .on('error', reject)
        .end();
    });
  expect(await told(ID)).toMatchObject({ status: 400, type: 'Api.InvalidRequest' });
  expect(await told('/v1/responses/nobody')).toMatchObject({ error: { code: 'Api.InvalidRequest' } });
  expect((await api.ask('GET', '/v1/openapiXjson')).status).toBe(404);
});

test('without keys it is served to this machine alone', async () => {
  const { temporal, store } = on.stack;
  const options = { temporal, store, taskQueue: 'agents', tenant: 'acme', keys: [], report: () => undefined, port: 0 };
  await expect(serveApi({ ...options, host: '0.0.0.0' })).rejects.toMatchObject({
    code: 'misconfigured',
    message: expect.stringMatching(/^the API is served on 0\.0\.0\.0 only with keys: [^\n]*api-key/),
  });
  const other = await serveApi({ ...options, host: '127.0.0.2' });
  expect((await fetch(`${other.url}/v1/agents`)).status).toBe(200);
  await other.close();
});
