// Needs: local ports. What HTTP tools send, what they refuse, and what they make of servers that misbehave.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import { defineAgent, defineToolbox, fileRef, httpTool, type Tool } from 'longhaul';
import { script, testAgent } from 'longhaul/testing';
import { sendRequest } from '../../activities/http/send-request';
import { createWalls } from '../../activities/http/walls';

interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}
type Handler = (request: IncomingMessage, response: ServerResponse, seen: Seen[]) => void;

const servers: { close(): void }[] = [];
afterAll(() => servers.forEach((server) => server.close()));

async function serve(handle: Handler): Promise<{ origin: string; port: number; seen: Seen[]; closed: Promise<void> }> {
  const seen: Seen[] = [];
  let onClosed = (): void => undefined;
  const closed = new Promise<void>((resolve) => (onClosed = resolve));
  const server = createServer((request, response) => {
    let body = '';
    response.on('close', () => onClosed());
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body });
      handle(request, response, seen);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { origin: `http://127.0.0.1:${port}`, port, seen, closed };
}

const json = (
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: { [name: string]: string } = {},
): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
};

const bank = defineToolbox({ name: 'bank', secrets: ['BANK_KEY'] });
type HttpTool = Tool<string, z.ZodObject, z.core.$ZodType, z.ZodObject<Record<never, never>>>;
const SECRET = 'k-9f8e7d6c5b4a';
const order = {
  input: z.object({ orderId: z.string(), amount: z.number().optional() }),
  output: z.object({ id: z.string() }),
};
const common = { name: 'order', description: 'Orders', ...order, allowPrivate: true } as const;

/** @returns what the model is told of one call, and how often the tool was tried */
async function called(tool: HttpTool, args: object, secrets = { BANK_KEY: SECRET }) {
  const agent = defineAgent({ name: 'a', instructions: 'x', tools: [tool] });
  const t = testAgent(agent, { model: script().call({ name: tool.name }, args).answer('done'), secrets });
  const run = await t.start('go');
  const result = await run.result();
  const [told] = (await run.transcript()).filter(({ role }) => role === 'tool');
  const parts = told?.role === 'tool' ? told.parts : [];
  const text = parts.map((part) => (part.type === 'text' ? part.text : part.type)).join('|');
  return { text, parts, attempts: run.calls.filter(({ kind }) => kind === 'tool').length, result };
}

describe('what is sent', () => {
  test('arguments stand in the path, the query or the JSON body; secrets in headers', async () => {
    const { origin, seen } = await serve((_, response) => json(response, { id: 'o1', more: true }));
    const headers = { authorization: 'Bearer {secrets.BANK_KEY}', 'X-Trace': 'on' };
    const get = httpTool({ ...common, effect: 'read', url: `${origin}/orders/{orderId}`, toolbox: bank, headers });
    expect(await called(get, { orderId: 'A 88', amount: 2 })).toMatchObject({ text: '{"id":"o1"}', attempts: 1 });
    const post = httpTool({
      ...common,
      effect: 'keyed',
      approval: false,
      method: 'POST',
      url: `${origin}/orders/{orderId}`,
    });
    await called(post, { orderId: 'B', amount: 3 });
    expect(seen.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual([
      'GET /orders/A%2088?amount=2 ',
      'POST /orders/B {"amount":3}',
    ]);
    expect(seen[0]?.headers).toMatchObject({ authorization: `Bearer ${SECRET}`, 'x-trace': 'on' });
    expect(seen[0]?.headers).not.toHaveProperty('idempotency-key');
    expect(seen[1]?.headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  test('a function may say what a template cannot', async () => {
    const { origin, seen } = await serve((_, response) => json(response, { id: 'o1' }));
    const tool = httpTool({
      ...common,
      effect: 'keyed',
      approval: false,
      method: 'POST',
      toolbox: bank,
      hosts: [origin],
      url: ({ orderId }) => `${origin}/${orderId.toLowerCase()}`,
      headers: (_, { secrets }) => ({ authorization: `Basic ${btoa(`user:${secrets.BANK_KEY}`)}` }),
      body: ({ amount }) => new URLSearchParams({ amount: String(amount) }),
    });
    await called(tool, { orderId: 'A', amount: 5 });
    expect(seen[0]).toMatchObject({ url: '/a', body: 'amount=5' });
    expect(seen[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded');
  });

  test('the effect key is the Idempotency-Key of every attempt, and of no other call', async () => {
    const { origin, seen } = await serve((_, response, { length }) =>
      length % 3 === 0 ? json(response, { id: 'o1' }) : json(response, {}, 503),
    );
    const tool = httpTool({ ...common, effect: 'keyed', approval: false, method: 'POST', url: origin });
    expect(await called(tool, { orderId: 'A' })).toMatchObject({ text: '{"id":"o1"}', attempts: 3 });
    const keys = seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  test('a request that is too large is not sent', async () => {
    const { origin, seen } = await serve((_, response) => json(response, { id: 'o1' }));
    const tool = httpTool({
      ...common,
      effect: 'keyed',
      approval: false,
      method: 'POST',
      url: origin,
      maxBytes: { request: 100 },
    });
    const { text, attempts } = await called(tool, { orderId: 'A'.repeat(200) });
    expect(text).toMatch(/^Tool\.Rejected: the request has \d+ bytes; 100 may be sent\./);
    expect({ attempts, seen }).toEqual({ attempts: 1, seen: [] });
  });
});

describe('where it may go', () => {
  test('a private address is refused unless it is allowed', async () => {
    const { origin, port, seen } = await serve((_, response) => json(response, { id: 'o1' }));
    const refused = httpTool({ ...common, allowPrivate: false, effect: 'read', url: `${origin}/` });
    expect(await called(refused, { orderId: 'A' })).toMatchObject({
      text: 'Tool.Rejected: 127.0.0.1 has a loopback address, which this tool is not allowed to reach.',
      attempts: 1,
    });
    const named = httpTool({ ...common, allowPrivate: false, effect: 'read', url: `http://localhost:${port}/` });
    expect((await called(named, { orderId: 'A' })).text).toMatch(/^Tool\.Rejected: localhost has a loopback address/);
    expect(seen).toEqual([]);
    const listed = httpTool({ ...common, allowPrivate: ['127.0.0.1'], effect: 'read', url: `${origin}/` });
    expect((await called(listed, { orderId: 'A' })).text).toBe('{"id":"o1"}');
  });

  test('a name that has another address each time it is asked is judged at each connection', async () => {
    const { port, seen } = await serve((_, response) => {
      response.writeHead(302, { location: '/again' }).end();
    });
    // 127.0.0.1 is listed and plays the public address that a check would see; what comes second is inside.
    const addresses = ['127.0.0.1', '127.0.0.2'];
    const walls = createWalls({
      hosts: [`http://rebind.example:${port}`],
      allowPrivate: ['127.0.0.1'],
      resolve: (_, __, answer) => answer(null, [{ address: addresses.shift() ?? '', family: 4 }]),
    });
    const { signal } = new AbortController();
    const url = new URL(`http://rebind.example:${port}/`);
    await expect(sendRequest({ url, method: 'GET', headers: {}, signal }, walls)).rejects.toThrow(
      'rebind.example has a loopback address, which this tool is not allowed to reach.',
    );
    expect(seen).toHaveLength(1);
    expect(addresses).toEqual([]);
  });

  test('a redirect off the list is not followed', async () => {
    const elsewhere = await serve((_, response) => json(response, { id: 'stolen' }));
    const { origin } = await serve((_, response) => {
      response.writeHead(302, { location: `${elsewhere.origin}/?token=abc` }).end();
    });
    const tool = httpTool({ ...common, effect: 'read', url: origin });
    expect(await called(tool, { orderId: 'A' })).toMatchObject({
      text: `Tool.Rejected: 127.0.0.1:${elsewhere.port} is not among the hosts of this tool.`,
      attempts: 1,
    });
    expect(elsewhere.seen).toEqual([]);
  });

  test('a redirect within the list is followed, without the headers that were meant for the first place', async () => {
    const second = await serve((_, response) => json(response, { id: 'o2' }));
    const first = await serve((_, response) => {
      response.writeHead(307, { location: `${second.origin}/here` }).end();
    });
    const tool = httpTool({
      ...common,
      effect: 'keyed',
      approval: false,
      method: 'POST',
      url: first.origin,
      hosts: [first.origin, second.origin],
      toolbox: bank,
      headers: { authorization: 'Bearer {secrets.BANK_KEY}' },
    });
    expect((await called(tool, { orderId: 'A' })).text).toBe('{"id":"o2"}');
    expect(second.seen[0]).toMatchObject({ method: 'POST', url: '/here', body: '{"orderId":"A"}' });
    expect(second.seen[0]?.headers).not.toHaveProperty('authorization');
    expect(second.seen[0]?.headers['idempotency-key']).toBe(first.seen[0]?.headers['idempotency-key']);
  });

  test('a circle of redirects ends', async () => {
    const { origin, seen, port } = await serve((_, response) => {
      response.writeHead(302, { location: '/' }).end();
    });
    const { text } = await called(httpTool({ ...common, effect: 'read', url: origin }), { orderId: 'A' });
    expect(text).toBe(`Tool.Rejected: 127.0.0.1:${port} redirects more than 5 times.`);
    expect(seen).toHaveLength(6);
  });
});

describe('what comes back', () => {
  test('text stays text, other bytes become a file, packed answers are unpacked, nothing is null', async () => {
    const png = Buffer.from('89504e470d0a1a0a', 'hex');
    const { origin } = await serve((request, response) => {
      if (request.url === '/text')
        response.writeHead(200, { 'content-type': 'text/plain; charset=latin1' }).end(Buffer.from([0xe9]));
      else if (request.url === '/png') response.writeHead(200, { 'content-type': 'image/png' }).end(png);
      else if (request.url === '/zip') {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
        response.end(gzipSync('{"id":"zipped"}'));
      } else response.writeHead(204).end();
    });
    const one = (path: string, output: z.core.$ZodType) =>
      called(
        httpTool({
          name: 'get',
          description: 'x',
          input: z.object({}),
          output,
          effect: 'read',
          url: `${origin}${path}`,
          allowPrivate: true,
        }),
        {},
      );
    expect((await one('/text', z.string())).text).toBe('é');
    expect((await one('/zip', order.output)).text).toBe('{"id":"zipped"}');
    expect((await one('/none', z.null())).text).toBe('null');
    const { parts } = await one('/png', fileRef());
    expect(parts[1]).toMatchObject({ type: 'image', file: { mediaType: 'image/png', bytes: 8 } });
  });

  test.each([
    [
      'another content type',
      'text/html',
      '<html>log in</html>',
      /^Tool\.InvalidOutput: 127.0.0.1:\d+ answered with text\/html, which does not fit what this tool answers\.$/,
    ],
    [
      'broken JSON',
      'application/json',
      '{"id":',
      /^Tool\.InvalidOutput: .* answered with JSON that cannot be parsed\.$/,
    ],
    ['another shape', 'application/json', '{"id":7}', /^Tool\.InvalidOutput: .*wrong shape: id: /],
  ])('%s is a failure of its own type, and is not tried again', async (_, contentType, body, said) => {
    const { origin } = await serve((__, response) => {
      response.writeHead(200, { 'content-type': contentType }).end(body);
    });
    const { text, attempts } = await called(httpTool({ ...common, effect: 'read', url: origin }), { orderId: 'A' });
    expect(text).toMatch(said);
    expect(attempts).toBe(1);
  });

  test('50 MB are read as far as the limit, and the connection is closed', async () => {
    let written = 0;
    const { origin, closed } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(65_536, 0x20);
      const more = (): void => {
        while (written < 50 * 1_048_576 && !response.destroyed) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const { text, attempts } = await called(httpTool({ ...common, effect: 'read', url: origin }), { orderId: 'A' });
    expect(text).toMatch(/^Tool\.InvalidOutput: 127.0.0.1:\d+ answered with more than 1048576 bytes\.$/);
    expect(attempts).toBe(1);
    await closed;
    expect(written).toBeLessThan(20 * 1_048_576);
  });

  test('a few bytes that unpack to many count as many', async () => {
    const { origin } = await serve((_, response) => {
      response
        .writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' })
        .end(gzipSync(Buffer.alloc(5_000_000)));
    });
    const { text } = await called(httpTool({ ...common, effect: 'read', url: origin }), { orderId: 'A' });
    expect(text).toMatch(/answered with more than 1048576 bytes/);
  });
});

describe('servers that are slow or away', () => {
  const quick = { ...common, effect: 'read', timeout: '200ms', retry: { attempts: 1 } } as const;

  test('one that never answers, and one that answers drop by drop, run into the timeout, and their sockets are closed', async () => {
    const silent = await serve(() => undefined);
    expect((await called(httpTool({ ...quick, url: silent.origin }), { orderId: 'A' })).text).toBe(
      'Tool.Timeout: no answer within 200 ms.',
    );
    await silent.closed;
    const slow = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(drip));
    });
    expect((await called(httpTool({ ...quick, url: slow.origin }), { orderId: 'A' })).text).toMatch(/^Tool\.Timeout/);
    await slow.closed;
  });

  test('a connection that breaks is tried again; a port that nobody listens on too', async () => {
    const { origin } = await serve((request, response, { length }) => {
      if (length === 1) request.socket.destroy();
      else if (length === 2)
        response.writeHead(200, { 'content-length': '100' }).write('{', () => request.socket.destroy());
      else json(response, { id: 'o1' });
    });
    expect(await called(httpTool({ ...common, effect: 'read', url: origin }), { orderId: 'A' })).toMatchObject({
      text: '{"id":"o1"}',
      attempts: 3,
    });
    const nobody = httpTool({ ...common, effect: 'read', url: 'http://127.0.0.1:1/' });
    expect(await called(nobody, { orderId: 'A' })).toMatchObject({
      text: 'Tool.Failed: 127.0.0.1:1 cannot be reached (ECONNREFUSED).',
      attempts: 3,
    });
  });

  test('what an at-most-once tool has sent and not been answered is unknown; what it never sent has failed', async () => {
    const { origin } = await serve((request) => void request.socket.destroy());
    const tool = { ...common, effect: 'at-most-once', approval: false, method: 'POST' } as const;
    expect((await called(httpTool({ ...tool, url: origin }), { orderId: 'A' })).text).toMatch(
      /^Tool\.OutcomeUnknown: it may have happened, or not: the connection to 127.0.0.1:\d+ broke \(ECONNRESET\)\.$/,
    );
    expect((await called(httpTool({ ...tool, url: 'http://127.0.0.1:1/' }), { orderId: 'A' })).text).toMatch(
      /^Tool\.Failed: 127.0.0.1:1 cannot be reached/,
    );
  });
});

describe('refusals of the server', () => {
  test.each([
    [400, { error: { message: 'amount is missing' } }, ': amount is missing'],
    [404, { message: 'no such order' }, ': no such order'],
    [422, { errors: [{ message: 'too late' }] }, ': too late'],
    [403, {}, '.'],
  ])('%i is told to the model with what it explains, and is not tried again', async (status, body, said) => {
    const { origin, port } = await serve((_, response) => json(response, body, status));
    expect(
      await called(httpTool({ ...common, effect: 'keyed', approval: false, method: 'POST', url: origin }), {
        orderId: 'A',
      }),
    ).toMatchObject({
      text: `Tool.Rejected: 127.0.0.1:${port} answered ${status}${said}`,
      attempts: 1,
    });
  });

  test.each([408, 409, 425, 429, 500, 503])('%i is tried again', async (status) => {
    const { origin } = await serve((_, response, { length }) =>
      json(response, { id: 'o1' }, length === 1 ? status : 200),
    );
    expect(await called(httpTool({ ...common, effect: 'read', url: origin }), { orderId: 'A' })).toMatchObject({
      text: '{"id":"o1"}',
      attempts: 2,
    });
  });

  test('retry-after is waited for, up to a minute; a longer one is told', async () => {
    const { origin } = await serve((_, response, { length }) =>
      length === 1 ? json(response, {}, 429, { 'retry-after': '40' }) : json(response, { id: 'o1' }),
    );
    const { result } = await called(httpTool({ ...common, effect: 'read', url: origin }), { orderId: 'A' });
    const step = result.steps.find(({ kind }) => kind === 'tool');
    expect((step?.endedAt ?? 0) - (step?.startedAt ?? 0)).toBe(40_000);
    const long = await serve((_, response) => json(response, {}, 503, { 'retry-after': '3600' }));
    expect(await called(httpTool({ ...common, effect: 'read', url: long.origin }), { orderId: 'A' })).toMatchObject({
      text: `Tool.Failed: 127.0.0.1:${long.port} answered 503. It asks to be left alone for 3600 s.`,
      attempts: 1,
    });
  });

  test('a secret shows in no error, also where the server repeats it', async () => {
    const { origin } = await serve((request, response) =>
      json(response, { message: `bad key ${request.headers.authorization} ${String(request.headers['x-key'])}` }, 401),
    );
    const tool = httpTool({
      ...common,
      effect: 'read',
      url: origin,
      toolbox: bank,
      headers: (_, { secrets }) => ({ authorization: `Basic ${btoa(secrets.BANK_KEY)}`, 'x-key': secrets.BANK_KEY }),
    });
    const { text } = await called(tool, { orderId: 'A' });
    expect(text).toMatch(/answered 401: bad key/);
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(btoa(SECRET));
  });

  test('a secret that cannot be a header does not show either', async () => {
    const { origin } = await serve((_, response) => json(response, { id: 'o1' }));
    const tool = httpTool({
      ...common,
      effect: 'read',
      url: origin,
      toolbox: bank,
      headers: { 'x-key': '{secrets.BANK_KEY}' },
    });
    const { text } = await called(tool, { orderId: 'A' }, { BANK_KEY: `${SECRET}\nX: y` });
    expect(text).toMatch(/^Tool\.Failed: .*cannot be reached \(ERR_INVALID_CHAR\)/);
    expect(text).not.toContain(SECRET);
  });
});

test.each([
  [
    { url: 'https://a.example/', headers: { a: '{secrets.OTHER}' } },
    /\{secrets\.OTHER\}: the toolbox does not declare OTHER/,
  ],
  [{ url: () => 'https://a.example/' }, /say in `hosts` where its url may lead/],
  [{ url: 'https://a.example/', hosts: ['a.example/x'] }, /"a\.example\/x" is no host/],
  [{ url: 'https://a.example/', allowPrivate: ['inside'] }, /"inside" is no address/],
  [{ url: 'https://a.example/', maxBytes: { response: 0 } }, /maxBytes are whole numbers/],
])('a definition that cannot be meant so is refused: %#', (part, why) => {
  expect(() => httpTool({ name: 'x', description: '', ...order, effect: 'read', ...part })).toThrow(why);
});
