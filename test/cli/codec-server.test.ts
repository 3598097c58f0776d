// Needs nothing but Node: a codec server on loopback. Who may read through it, and what it answers to everything else.
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { createPayloadCodec, openKeyRing } from '../../activities/keys';
import { startCodecServer, type CodecServer, type CodecServerOptions } from '../../client/cli/codec-server';
import { codecServerCommand, originsOf } from '../../client/cli/commands/codec-server';
import { told, testProject } from './given';

const key = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const codec = createPayloadCodec(openKeyRing(key('mine')));
const UI = 'http://localhost:8233';

const servers: CodecServer[] = [];
const start = async (options: Partial<CodecServerOptions> = {}): Promise<CodecServer> => {
  const server = await startCodecServer({ codec, port: 0, origins: () => [UI], ...options });
  servers.push(server);
  return server;
};
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

interface Answer {
  status: number;
  headers: { [name: string]: string | string[] | undefined };
  body: string;
}
/** Not `fetch`, which lets nobody choose the name that a server is called by. */
const ask = (
  url: string,
  {
    method = 'POST',
    headers = {},
    body = '',
  }: { method?: string; headers?: { [name: string]: string }; body?: string },
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    sent.on('error', reject);
    sent.end(method === 'POST' ? body : undefined);
  });

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const CLEAR = { payloads: [{ metadata: { encoding: base64('json/plain') }, data: base64('{"a":"clear"}') }] };
const body = JSON.stringify(CLEAR);

test('what it encodes it decodes, below any path', async () => {
  const { url } = await start();
  const sealed = await ask(`${url}/encode`, { body });
  expect(sealed.status).toBe(200);
  expect(sealed.body).toContain(base64('binary/encrypted'));
  const clear = await ask(`${url}/some/prefix/decode`, { body: sealed.body });
  expect(JSON.parse(clear.body)).toEqual(CLEAR);
  expect(clear.headers['cache-control']).toBe('no-store');
  expect(JSON.parse((await ask(`${url}/decode`, { body: '{}' })).body)).toEqual({ payloads: [] });
});

test('a payload of a key that it lacks is answered with the id of that key', async () => {
  const sealed = await ask(`${(await start()).url}/encode`, { body });
  const other = await start({ codec: createPayloadCodec(openKeyRing(key('theirs'))) });
  const answer = await ask(`${other.url}/decode`, { body: sealed.body });
  expect(answer).toMatchObject({ status: 400, body: expect.stringMatching(/^Store\.KeyMissing: .*"mine"/) as string });
});

test('what is no request of the protocol is refused by its status', async () => {
  const { url } = await start();
  const bad = ['', 'no json', '[]', '{"payloads":[{"data":5}]}', '{"payloads":"all"}'];
  for (const one of bad) expect(await ask(`${url}/decode`, { body: one })).toMatchObject({ status: 400 });
  expect(await ask(`${url}/elsewhere`, { body })).toMatchObject({ status: 404 });
  expect(await ask(`${url}/decode`, { method: 'GET' })).toMatchObject({ status: 405 });
  const large = JSON.stringify({ payloads: [{ data: 'A'.repeat(33 * 1024 * 1024) }] });
  expect(await ask(`${url}/decode`, { body: large })).toMatchObject({ status: 413 });
});

describe('a web page', () => {
  test('of the Web UI may read, and a browser is told so', async () => {
    const { url } = await start();
    const preflight = await ask(`${url}/decode`, {
      method: 'OPTIONS',
      headers: { origin: UI, 'access-control-request-method': 'POST' },
    });
    expect(preflight).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': UI } });
    expect(preflight.headers['access-control-allow-headers']).toContain('x-namespace');
    const answer = await ask(`${url}/decode`, { body, headers: { origin: UI } });
    expect(answer).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': UI } });
  });

  test.each(['https://evil.example', 'null', `${UI}0`, 'http://localhost'])('of %s may not', async (origin) => {
    const { url } = await start();
    for (const method of ['OPTIONS', 'POST']) {
      const answer = await ask(`${url}/decode`, { method, body, headers: { origin } });
      expect(answer.status).toBe(403);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  test('that points a name of its own at this machine reads nothing', async () => {
    const { url } = await start();
    const { port } = new URL(url);
    expect(await ask(`${url}/decode`, { body, headers: { host: `evil.example:${port}` } })).toMatchObject({
      status: 403,
    });
    expect(await ask(`${url}/decode`, { body, headers: { host: `localhost:${port}` } })).toMatchObject({ status: 200 });
  });

  test('of this machine has two origins', () => {
    expect(originsOf(UI)).toEqual([UI, 'http://127.0.0.1:8233']);
    expect(originsOf('https://temporal.example/namespaces')).toEqual(['https://temporal.example']);
  });
});

describe('with a token', () => {
  test('it answers who has it', async () => {
    const { url } = await start({ token: 'open sesame' });
    const given = ['', 'Bearer', 'Bearer wrong', 'open sesame', 'Basic open sesame'];
    for (const authorization of given) {
      const answer = await ask(`${url}/decode`, { body, headers: { authorization } });
      expect(answer).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    }
    const answer = await ask(`${url}/decode`, { body, headers: { authorization: 'Bearer open sesame' } });
    expect(answer.status).toBe(200);
  });

  test('a browser may ask whether it may, before it shows the token', async () => {
    const { url } = await start({ token: 'open sesame' });
    expect(await ask(`${url}/decode`, { method: 'OPTIONS', headers: { origin: UI } })).toMatchObject({ status: 204 });
  });

  test('alone it serves other machines', async () => {
    await expect(start({ host: '0.0.0.0' })).rejects.toThrow('only with a token');
    const { url } = await start({ host: '0.0.0.0', token: 'open sesame' });
    const { port } = new URL(url);
    const asked = (authorization: string): Promise<Answer> =>
      ask(`http://127.0.0.1:${port}/decode`, { body, headers: { host: 'codec.example', authorization } });
    expect((await asked('Bearer open sesame')).status).toBe(200);
    expect((await asked('Bearer wrong')).status).toBe(401);
  });
});

describe('the command', () => {
  const project = testProject();
  afterAll(() => project.remove());
  const run = (options: Parameters<typeof codecServerCommand>[1], env: { [name: string]: string } = {}) =>
    told(project.dir, (context) => codecServerCommand(context, options), { env });

  test('needs keys, a port that is free, and origins that are', async () => {
    await expect(run({})).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('LONGHAUL_KEYS') as string,
    });
    const env = { LONGHAUL_KEYS: key('mine') };
    const { port } = new URL((await start()).url);
    await expect(run({ port: Number(port) }, env)).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('--port 0') as string,
    });
    await expect(run({ port: 0, host: '0.0.0.0' }, env)).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('LONGHAUL_CODEC_TOKEN') as string,
    });
    await expect(run({ port: 0, origin: ['localhost:8233'] }, env)).rejects.toMatchObject({ code: 'invalid-input' });
  });
});
